import { describe, expect, it } from "vitest";
import type { Command } from "../../src/core/index.ts";
import type { AnyModel } from "../../src/model/index.ts";
import { bounds } from "../../src/protocol/index.ts";
import { type Message, type TestConnection, TestPartition } from "../support/partition.ts";
import { counter } from "../workerd/models.ts";

const range = (from: number, to: number) => Array.from({ length: to - from + 1 }, (_, at) => from + at);
const add = (draftId: string, by: number, more: object = {}) => ({
  draftId,
  event: { type: "add", payload: { by }, version: 2 },
  ...more,
});

function counting() {
  const room = new TestPartition({ model: counter as AnyModel, name: "counter-1" });
  return { room, a: room.client("a") };
}

/** Sends a batch, and returns its answer. */
function batch(connection: TestConnection, batchId: string, mode: string, events: object[]): Message {
  return connection.send("submit_events", { batchId, mode, events })[0];
}
const statuses = (answer: Message) => answer.payload.results.map(({ status }: Message) => status);
const head = (room: TestPartition) => room.partition.events(0, 1, room.now).currentEventIndex;

describe("atomic batches", () => {
  it("[TX-6] accepts all or none, with one time and one verdict", () => {
    const { room, a } = counting();
    const answer = batch(a, "B", "atomic", [add("d1", 5), add("d2", -3), add("d3", 1)]);
    expect(answer).toMatchObject({ id: "s-B", type: "events_result", timestamp: room.now, payload: { batchId: "B" } });
    expect(
      answer.payload.results.map(({ draftId, status, eventId, event }: Message) => [
        draftId,
        status,
        eventId,
        event.id,
      ]),
    ).toEqual([
      ["d1", "accepted", 1, "evt-1"],
      ["d2", "accepted", 2, "evt-2"],
      ["d3", "accepted", 3, "evt-3"],
    ]);
    expect(new Set(answer.payload.results.map(({ event }: Message) => event.timestamp))).toEqual(new Set([room.now]));
    expect(room.state()).toMatchObject({ count: 3 });
    expect(a.of("broadcast").map(({ payload }: Message) => payload.eventId)).toEqual([1, 2, 3]);
  });

  it("[TX-6] [TX-2] rejects all, and lists every failure; each member is reviewed on what those before it leave", () => {
    const { room, a } = counting();
    const answer = batch(a, "B", "atomic", [
      add("d1", 5),
      add("d2", -9),
      { draftId: "d3", event: { type: "fly", payload: {} } },
      add("d4", -5),
      add("d5", -1),
    ]);
    expect(answer.payload.results.map(({ status, code }: Message) => [status, code])).toEqual([
      ["not_processed", undefined],
      ["rejected", "invariant_violated"],
      ["rejected", "unknown_event_type"],
      ["not_processed", undefined],
      ["rejected", "invariant_violated"],
    ]);
    expect(room.state()).toMatchObject({ count: 0 });
    expect(head(room)).toBe(0);
    // The members' keys are free; the next event is the first.
    expect(a.submit("d1", "add", { by: 5 }, { version: 2 }).payload.eventId).toBe(1);
  });

  it("[ID-1] [ID-11] a retry gets the same bytes, accepted or rejected, also after a restart; nothing is committed or broadcast again", () => {
    const { room, a } = counting();
    const good = [add("d1", 5), add("d2", 1)];
    const bad = [add("d3", 1), add("d4", -50)];
    batch(a, "good", "atomic", good);
    batch(a, "bad", "atomic", bad);
    const first = a.frames.filter((frame) => frame.includes("events_result"));
    a.submit("more", "add", { by: 50 }, { version: 2 });
    room.now += 1_000_000;
    room.restart();
    const b = room.client("a");
    const listener = room.client("listener");
    batch(b, "good", "atomic", good);
    batch(b, "bad", "atomic", bad);
    expect(b.frames.filter((frame) => frame.includes("events_result"))).toEqual(first);
    expect(listener.of("broadcast")).toEqual([]);
    expect(head(room)).toBe(3);
  });

  it("[ID-7] a batch's key and its members' keys are used up by it, and by nothing else", () => {
    const { room, a } = counting();
    batch(a, "B", "atomic", [add("d1", 1), add("d2", 1)]);
    const reused = (answer: Message) => answer.payload.code ?? answer.payload.reason;
    expect(reused(batch(a, "B", "atomic", [add("d1", 1), add("d2", 2)]))).toBe("idempotency_key_reused");
    expect(reused(batch(a, "B", "sequential", [add("d1", 1), add("d2", 1)]))).not.toBe("idempotency_key_reused");
    expect(reused(a.submit("B", "add", { by: 1 }, { version: 2 }))).toBe("idempotency_key_reused");
    expect(batch(a, "C", "atomic", [add("d3", 1), add("d1", 1)]).payload.results).toMatchObject([
      { status: "not_processed" },
      { status: "rejected", code: "idempotency_key_reused" },
    ]);
    expect(reused(batch(a, "d1", "atomic", [add("d9", 1)]))).toBe("idempotency_key_reused");
    // A member by itself is a replay of its event.
    expect(a.submit("d1", "add", { by: 1 }, { version: 2 })).toMatchObject({ id: "a-1", type: "event_accepted" });
    expect(head(room)).toBe(2);
  });

  it("[TX-6] is never split over pages or frames", () => {
    const { room, a } = counting();
    const listener = room.client("listener", { frames: "array" });
    a.submit("0", "add", { by: 1 }, { version: 2 });
    batch(
      a,
      "B",
      "atomic",
      range(1, 40).map((at) => add(`d${at}`, 1)),
    );
    a.submit("1", "add", { by: 1 }, { version: 2 });
    const page = (since: number, limit: number) =>
      a.send("sync", { sinceEventId: since, limit })[0].payload.events.map(({ eventId }: Message) => eventId);
    expect(page(0, 1)).toEqual([1]);
    expect(page(0, 2)).toEqual(range(1, 41));
    expect(page(1, 1)).toEqual(range(2, 41));
    expect(page(41, 9)).toEqual([42]);
    expect(listener.frames.map((frame) => [JSON.parse(frame) as Message].flat().length)).toEqual([1, 1, 40, 1]);
  });

  it("[TX-6] is not parted where a frame is full", () => {
    const room = new TestPartition();
    const writer = room.client("writer");
    const listener = room.client("listener", { frames: "array" });
    listener.frames.length = 0;
    const set = (draftId: string, bytes: number) => ({
      draftId,
      event: { type: "set", payload: { target: "n", value: "x".repeat(bytes) } },
    });
    const frame = (type: string, payload: object) => ({
      session: writer.session,
      command: room.codec.decode(JSON.stringify({ id: "q", type, timestamp: 1, payload })) as Command,
    });
    // One window whose broadcasts take two frames, with a batch where the first one ends.
    room.partition.process(
      [
        ...range(1, 5).map((at) => frame("submit_event", set(`d${at}`, 60_000))),
        frame("submit_events", {
          batchId: "B",
          mode: "atomic",
          events: range(1, 3).map((at) => set(`m${at}`, 20_000)),
        }),
        ...range(6, 9).map((at) => frame("submit_event", set(`d${at}`, 60_000))),
      ],
      room.now,
    );
    const frames = listener.frames.map((text) =>
      [JSON.parse(text) as Message].flat().map(({ payload }) => payload.eventId),
    );
    expect(frames.length).toBeGreaterThan(1);
    expect(frames.filter((ids) => ids.some((id: number) => id >= 6 && id <= 8))).toHaveLength(1);
    expect(frames.flat()).toEqual(range(1, 12));
  });

  it("[ER-9] [TX-3] a model that throws in one member: nothing of the batch happened, and nothing was stored", () => {
    const { room, a } = counting();
    const events = [add("d1", 1), { draftId: "d2", event: { type: "explode", payload: { in: "reduce" } } }];
    expect(batch(a, "B", "atomic", events)).toMatchObject({
      type: "error",
      payload: { code: "draft_failed", draftId: "B" },
    });
    expect(room.state()).toMatchObject({ count: 0, notes: [] });
    expect(statuses(batch(a, "B", "atomic", [add("d1", 1)]))).toEqual(["accepted"]);
  });
});

describe("sequential batches", () => {
  it("[TX-6] stops at the first rejection; the rest is open; each member has its own verdict", () => {
    const { room, a } = counting();
    const answer = batch(a, "S", "sequential", [add("d1", 1), add("d2", -5), add("d3", 1)]);
    expect(answer.payload.results).toMatchObject([
      { draftId: "d1", status: "accepted", eventId: 1 },
      { draftId: "d2", status: "rejected", reason: "invariant_violated", layer: "invariant" },
      { draftId: "d3", status: "not_processed" },
    ]);
    expect(head(room)).toBe(1);
    batch(a, "S", "sequential", [add("d1", 1), add("d2", -5), add("d3", 1)]);
    const results = a.frames.filter((frame) => frame.includes("events_result"));
    expect(results[0]).toBe(results[1]);
    // No record of its own: what matters are the members.
    expect(statuses(batch(a, "S", "sequential", [add("d3", 1), add("d1", 1)]))).toEqual(["accepted", "accepted"]);
    expect(a.submit("d2", "add", { by: -5 }, { version: 2 }).payload.reason).toBe("invariant_violated");
    expect(head(room)).toBe(2);
  });

  it("[ER-9] a member on which the model fails has its problem, and is open", () => {
    const { a } = counting();
    const explode = { draftId: "d2", event: { type: "explode", payload: { in: "validate" } } };
    expect(batch(a, "S", "sequential", [add("d1", 1), explode, add("d3", 1)]).payload.results).toMatchObject([
      { status: "accepted" },
      { status: "not_processed", code: "draft_failed" },
      { status: "not_processed" },
    ]);
  });
});

describe("what is no batch", () => {
  it.each<[string, object, string]>([
    ["no events", { mode: "atomic", events: [] }, "payload.events"],
    [
      "too many events",
      { mode: "atomic", events: range(0, bounds.batchEventsMax).map((at) => add(`d${at}`, 1)) },
      "payload.events",
    ],
    ["a third mode", { mode: "maybe", events: [add("d", 1)] }, "payload.mode"],
    ["one id twice", { mode: "atomic", events: [add("d", 1), add("d", 1)] }, "payload.events"],
    ["the batch's id in it", { mode: "atomic", events: [add("B", 1)] }, "payload.events"],
    [
      "a malformed member",
      { mode: "atomic", events: [add("d", 1), { draftId: "", event: {} }] },
      "payload.events[1].draftId",
    ],
  ])("[MD-11] [WP-8] refuses %s", (_, payload, field) => {
    const { room, a } = counting();
    const [answer] = a.send("submit_events", { batchId: "B", ...payload });
    expect(answer).toMatchObject({ type: "error", payload: { code: "bad_request", draftId: "B" } });
    expect(answer.payload.errors.map((error: Message) => error.field)).toContain(field);
    expect(head(room)).toBe(0);
  });
});
