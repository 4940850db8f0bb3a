import { describe, expect, it } from "vitest";
import { single } from "../../src/core/index.ts";
import type { Transform } from "../../src/core/decide/review.ts";
import type { AnyModel } from "../../src/model/index.ts";
import { type Message, TestPartition } from "../support/partition.ts";
import { counter } from "../workerd/models.ts";

/** Adds what was committed since the draft's author last looked; everything else is committed as submitted. */
const rebase: Transform = ({ live }, { type, payload, expectedEventId }) =>
  type === "add" && expectedEventId !== undefined
    ? { by: (payload["by"] as number) + live.head.eventId - expectedEventId }
    : payload;

function transforming(transform: Transform = rebase) {
  const room = new TestPartition({ model: counter as AnyModel, name: "counter-1", transform });
  return { room, a: room.client("a"), b: room.client("b") };
}

const add = (by: number, expectedEventId?: number) => [{ by }, { version: 2, expectedEventId }] as const;
const rows = (room: TestPartition) => room.partition.events(0, 100, room.now).events;

describe("a draft that is transformed", () => {
  it("[ID-1] [TX-7] is committed, folded and broadcast as transformed, and a retry gets the stored bytes", () => {
    const { room, a, b } = transforming();
    b.submit("b0", "put", { key: "k", value: 1 }, { expectedEventId: 0 });
    b.submit("b1", "add", ...add(5, 0));
    const first = b.frames.findLast((frame) => frame.includes("event_accepted"))!;
    expect(JSON.parse(first).payload).toMatchObject({ draftId: "b1", event: { payload: { by: 6 } } });
    expect(a.of("broadcast").at(-1).payload.event.payload).toEqual({ by: 6 });
    expect(room.state()).toMatchObject({ count: 6 });
    expect(rows(room).map(({ fingerprint }) => fingerprint !== undefined)).toEqual([false, true]);
    for (const incarnation of ["this", "next"]) {
      if (incarnation === "next") room.restart();
      const again = room.client("b");
      again.submit("b1", "add", ...add(5, 0));
      expect(again.frames.at(-1)).toBe(first);
    }
    expect(room.state()).toMatchObject({ count: 6 });
    expect(rows(room)).toHaveLength(2);
  });

  it.each([
    ["another payload", add(4, 0)],
    ["the payload that was committed", add(6, 0)],
    ["another expectation", add(5, 1)],
  ])("[ID-7] refuses %s under its key", (_, other) => {
    const { room, b } = transforming();
    b.submit("b0", "put", { key: "k", value: 1 }, { expectedEventId: 0 });
    b.submit("b1", "add", ...add(5, 0));
    expect(b.submit("b1", "add", ...other).payload.reason).toBe("idempotency_key_reused");
    expect(room.state()).toMatchObject({ count: 6 });
  });

  it("[MD-2] is reviewed by rules and invariants as transformed, after conflict", () => {
    const { room, a } = transforming((_, { type, payload }) => (type === "add" ? { by: -1 } : payload));
    expect(a.submit("a1", "add", ...add(5)).payload.reason).toBe("invariant_violated");
    expect(room.state()).toMatchObject({ count: 0 });
    // What an earlier stage refuses is not transformed.
    expect(a.submit("a2", "add", { by: "five" }, { version: 2 }).payload.layer).toBe("schema");
  });

  it("[TX-8] states its payload in the version of the draft", () => {
    const { room, a } = transforming((_, { payload }) => ({ amount: (payload["amount"] as number) * 2 }));
    a.submit("a1", "add", { amount: 2 });
    expect(room.state()).toMatchObject({ count: 4 });
    room.restart();
    expect(room.state()).toMatchObject({ count: 4 });
  });

  it("[TX-6] [ID-1] is a member of an atomic batch like any other", () => {
    const { room, b } = transforming();
    b.submit("b0", "add", ...add(1));
    const events = [1, 2].map((by) => ({
      draftId: `b${by}`,
      event: { type: "add", payload: { by }, version: 2 },
      expectedEventId: 0,
    }));
    const batch = { batchId: "B", mode: "atomic", events };
    const committed = (answer: Message) => answer.payload.results.map(({ event }: Message) => event.payload.by);
    const first = b.send("submit_events", batch)[0];
    expect(committed(first)).toEqual([2, 4]);
    expect(b.send("submit_events", batch)[0]).toEqual(first);
    const again = room.partition.submit({ principal: "dev:b", permissions: "all" }, "b", single(events[1]!), room.now);
    expect(again).toMatchObject({ replayed: true, verdict: { results: [{ event: { eventId: 3 } }] } });
    expect(room.state()).toMatchObject({ count: 7 });
  });

  it("[ER-9] fails alone where its transform throws", () => {
    const { room, a } = transforming((_, { type, payload }) => {
      if (type === "add") throw new Error("secret of the transform");
      return payload;
    });
    expect(a.submit("a1", "add", ...add(1)).payload.code).toBe("draft_failed");
    expect(a.submit("a2", "put", { key: "k", value: 1 }, { expectedEventId: 0 }).type).toBe("event_accepted");
    expect(rows(room)).toHaveLength(1);
  });
});
