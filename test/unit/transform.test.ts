import { describe, expect, it } from "vitest";
import * as z from "zod/mini";
import { single } from "../../src/core/index.ts";
import { type AnyModel, defineModel } from "../../src/model/index.ts";
import { mistakesIn } from "../../src/model/mistakes.ts";
import { bounds } from "../../src/protocol/index.ts";
import { type Message, TestPartition } from "../support/partition.ts";

/** Counts what each draft did not know: a draft is mapped over an event by adding one. */
const counting = defineModel({
  name: "counting",
  version: 1,
  initialState: () => ({ count: 0, notes: 0 }),
  invariants: { "the count is never negative": (state) => state.count >= 0 },
  events: {
    add: {
      version: 2,
      payload: z.strictObject({
        by: z.int(),
        key: z.optional(z.string()),
        fail: z.optional(z.string()),
        size: z.optional(z.int()),
      }),
      upcast: { 1: ({ amount }) => ({ by: amount as number }) },
      conflict: "transform",
      entity: ({ payload }) => payload.key ?? "",
      validate: (_, { payload: { by } }) =>
        by === 13 ? { field: "payload.by", code: "UNLUCKY", message: "Not 13." } : undefined,
      reduce(state, { payload }) {
        state.count += payload.by;
      },
      transform: {
        map(payload, over, first) {
          if (payload.fail === "throw") throw new Error("secret of the transform");
          if (payload.fail === "object") return [{ field: "payload.fail", code: "UNFIT", message: "Unfit." }];
          const by = typeof over.payload["by"] === "number" ? (first ? 100 : 1) : Number.NaN;
          return { ...payload, by: payload.by + by };
        },
        size: ({ size = 1 }) => size,
        compose: (earlier, later) => ({ by: earlier.by + later.by }),
        invert: (_, { by }) => ({ by: -by }),
        between: (before, after) => ({ by: after.count - before.count }),
      },
    },
    note: {
      payload: z.strictObject({ text: z.string() }),
      reduce(state) {
        state.notes++;
      },
    },
  },
});

function counted(model: AnyModel = counting) {
  const room = new TestPartition({ model, name: "counting-1" });
  return { room, a: room.client("a"), b: room.client("b") };
}

const add = (by: number, expectedEventId?: number) => [{ by }, { version: 2, expectedEventId }] as const;
const rows = (room: TestPartition) => room.partition.events(0, 2_000, room.now).events;
const count = (room: TestPartition) => (room.state() as { count: number }).count;

describe("a draft that is transformed", () => {
  it("[ID-1] [TX-7] is committed, folded and broadcast as mapped over what it does not know, and a retry gets the stored bytes", () => {
    const { room, a, b } = counted();
    a.submit("a1", "add", ...add(1, 0));
    b.submit("b1", "add", ...add(5, 0));
    const first = b.frames.findLast((frame) => frame.includes("event_accepted"))!;
    expect(JSON.parse(first).payload).toMatchObject({ draftId: "b1", event: { payload: { by: 6 } } });
    expect(a.of("broadcast").at(-1).payload.event.payload).toEqual({ by: 6 });
    expect(count(room)).toBe(7);
    expect(rows(room).map(({ fingerprint }) => fingerprint !== undefined)).toEqual([false, true]);
    for (const incarnation of ["this", "next"]) {
      if (incarnation === "next") room.restart();
      const again = room.client("b");
      again.submit("b1", "add", ...add(5, 0));
      expect(again.frames.at(-1)).toBe(first);
    }
    expect(count(room)).toBe(7);
    expect(rows(room)).toHaveLength(2);
  });

  it("[TX-7] breaks ties by client ids: the smaller one is first, and of one client the earlier one", () => {
    const { room, a, b } = counted();
    b.submit("b1", "add", ...add(1, 0));
    a.submit("a1", "add", ...add(1, 0));
    a.submit("a2", "add", ...add(1, 0));
    b.submit("b2", "add", ...add(1, 2));
    expect(rows(room).map(({ payload }) => JSON.parse(payload).by)).toEqual([1, 101, 102, 2]);
  });

  it("[TX-7] [MD-13] does not know clients where the model hides them: then the earlier one is first", () => {
    const { room, a, b } = counted({ ...counting, authors: "hidden" } as AnyModel);
    b.submit("b1", "add", ...add(1, 0));
    a.submit("a1", "add", ...add(1, 0));
    expect(rows(room).map(({ payload }) => JSON.parse(payload).by)).toEqual([1, 2]);
  });

  it("[TX-7] is mapped over events of its entity, of types that are transformed, and of its own client, too", () => {
    const { room, a } = counted();
    a.submit("a1", "add", { by: 1, key: "other" }, { version: 2, expectedEventId: 0 });
    a.submit("a2", "note", { text: "n" });
    a.submit("a3", "add", ...add(1, 0));
    a.submit("a4", "add", ...add(1, 0));
    expect(rows(room).map(({ payload }) => JSON.parse(payload).by)).toEqual([1, undefined, 1, 2]);
  });

  it.each([
    ["another payload", add(4, 0)],
    ["the payload that was committed", add(6, 0)],
    ["another expectation", add(5, 1)],
  ])("[ID-7] refuses %s under its key", (_, other) => {
    const { room, a, b } = counted();
    a.submit("a1", "add", ...add(1, 0));
    b.submit("b1", "add", ...add(5, 0));
    expect(b.submit("b1", "add", ...other).payload.reason).toBe("idempotency_key_reused");
    expect(count(room)).toBe(7);
  });

  it("[MD-2] is reviewed by rules and invariants as mapped", () => {
    const { room, a, b } = counted();
    a.submit("a1", "add", ...add(1, 0));
    expect(b.submit("b1", "add", ...add(12, 0)).payload).toMatchObject({
      layer: "rule",
      errors: [{ code: "UNLUCKY" }],
    });
    expect(b.submit("b2", "add", ...add(-3, 0)).payload.reason).toBe("invariant_violated");
    // What an earlier stage refuses is not mapped.
    expect(b.submit("b3", "add", { by: "five" }, { version: 2, expectedEventId: 0 }).payload.layer).toBe("schema");
    expect(count(room)).toBe(1);
  });

  it("[TX-7] is rejected at the field where it cannot be of the state that it names", () => {
    const { a, b } = counted();
    a.submit("a1", "add", ...add(1, 0));
    const { payload } = b.submit("b1", "add", { by: 1, fail: "object" }, { version: 2, expectedEventId: 0 });
    expect(payload).toMatchObject({ code: "validation_failed", layer: "rule", errors: [{ field: "payload.fail" }] });
  });

  it("[TX-8] [MD-4] of an older version is committed in the current one if it was mapped, and as submitted if not", () => {
    const { room, a, b } = counted();
    a.submit("a1", "add", { amount: 2 }, { expectedEventId: 0 });
    b.submit("b1", "add", { amount: 2 }, { expectedEventId: 0 });
    expect(rows(room).map(({ version, payload }) => [version, payload])).toEqual([
      [undefined, '{"amount":2}'],
      [2, '{"by":3}'],
    ]);
    room.restart();
    expect(count(room)).toBe(5);
  });

  it("[TX-6] [ID-1] is a member of an atomic batch like any other, and is mapped over the earlier members, too", () => {
    const { room, a, b } = counted();
    a.submit("a1", "add", ...add(1, 0));
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
    expect(count(room)).toBe(7);
  });

  it("[TX-6] is mapped in a sequential batch as if each draft had come by itself", () => {
    const { room, b } = counted();
    const events = [1, 2].map((by) => ({
      draftId: `b${by}`,
      event: { type: "add", payload: { by }, version: 2 },
      expectedEventId: 0,
    }));
    b.send("submit_events", { batchId: "B", mode: "sequential", events });
    expect(rows(room).map(({ payload }) => JSON.parse(payload).by)).toEqual([1, 3]);
  });

  it("[TX-7] must name the event that it was made on", () => {
    const { a } = counted();
    expect(a.submit("a1", "add", ...add(1)).payload.reason).toBe("precondition_required");
  });

  it("[TX-7] is too stale after more than 1,000 events, and nothing is committed", () => {
    const { room, a } = counted();
    for (let at = 0; at < bounds.conflictEventsMax; at++) {
      room.now += 1_000;
      a.submit(`a${at}`, "add", ...add(1, at));
    }
    room.restart();
    const again = room.client("b");
    expect(again.submit("b1", "add", ...add(0, 0)).type).toBe("event_accepted");
    expect(again.submit("b2", "add", ...add(0, 0)).payload.reason).toBe("too_stale");
    expect(room.partition.events(bounds.conflictEventsMax, 10, room.now).events).toHaveLength(1);
  });

  it("[MD-15] [BD-1] counts the work of mapping by the size of both, and ends it at a bound", () => {
    const { room, a } = counted();
    const events = bounds.transformWorkMax / 5_000;
    for (let at = 0; at <= events; at++) {
      room.now += 1_000;
      a.submit(`a${at}`, "add", { by: 1, key: "k", size: 5_000 }, { version: 2, expectedEventId: at });
    }
    const draft = [
      { by: 1, key: "k" },
      { version: 2, expectedEventId: 1 },
    ] as const;
    expect(a.submit("small", "add", draft[0], { ...draft[1], expectedEventId: 2 }).type).toBe("event_accepted");
    expect(a.submit("large", "add", ...draft).payload).toMatchObject({ reason: "too_stale" });
  });

  it("[ER-9] fails alone where its model throws", () => {
    const { room, a, b } = counted();
    a.submit("a1", "add", ...add(1, 0));
    const failing = { by: 1, fail: "throw" };
    expect(b.submit("b1", "add", failing, { version: 2, expectedEventId: 0 }).payload.code).toBe("draft_failed");
    expect(b.submit("b2", "add", ...add(1, 1)).type).toBe("event_accepted");
    expect(rows(room)).toHaveLength(2);
  });

  it("[MD-1] needs both the policy and the functions", () => {
    const { transform: _, ...add } = counting.events.add;
    const together = 'conflict "transform" and transform go together';
    expect(mistakesIn(defineModel({ ...counting, events: { add } } as never))).toEqual([`add: ${together}`]);
    const { note } = counting.events;
    const both = { ...note, transform: counting.events.add.transform };
    expect(mistakesIn(defineModel({ ...counting, events: { note: both } } as never))).toEqual([`note: ${together}`]);
  });
});
