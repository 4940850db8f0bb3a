import * as z from "zod/mini";
import { describe, expect, it } from "vitest";
import { type AnyModel, defineModel, foldEvent, State } from "../../src/model/index.ts";
import { bounds, noLimits } from "../../src/protocol/index.ts";
import { type Message, type TestConnection, TestPartition } from "../support/partition.ts";

const where = z.enum(["validate", "reduce", "invariant", "index"]);
/** How much a stage takes, and whether it catches what the state throws. */
const effort = z.strictObject({ units: z.int(), in: where, catches: z.optional(z.boolean()) });
interface Effort {
  readonly units: number;
  readonly in: z.infer<typeof where>;
  readonly catches?: boolean | undefined;
}
interface Work {
  done: number;
  asked: Effort | null;
  list: number[];
  nested: number[][][];
}

/** Reads `count` a number of times; each is one unit. */
function work(state: { readonly done: number }, { units, catches }: Effort): void {
  try {
    for (let at = 0; at < units; at++) void state.done;
  } catch (error) {
    if (!catches) throw error;
  }
}

const model = defineModel({
  name: "work",
  version: 1,
  initialState: (): Work => ({ done: 0, asked: null, list: [], nested: [] }),
  invariants: {
    any: (state) => {
      if (state.asked?.in === "invariant") work(state, state.asked);
      return true;
    },
  },
  events: {
    work: {
      payload: effort,
      validate(state, { payload }, context) {
        if (payload.in === "validate") work(state, payload);
        if (payload.in === "index") {
          const index = context.index(state.list, "all", (list) => list.map((item) => [String(item), item] as const));
          for (let at = 0; at < payload.units; at++) index.has("1");
        }
        return undefined;
      },
      reduce(state, { payload }) {
        state.asked = payload.in === "invariant" ? payload : null;
        if (payload.in === "reduce") work(state, payload);
        state.done += 1;
      },
    },
    shrink: {
      shrinks: true,
      payload: effort,
      reduce: (state, { payload }) => work(state, payload),
    },
    fill: { payload: z.strictObject({ items: z.int() }), reduce: (state, { payload }) => fill(state, payload.items) },
    nest: {
      payload: z.strictObject({ items: z.int() }),
      reduce: (state, { payload }) => void (state.nested = [Array.from({ length: payload.items }, (_, at) => [at])]),
    },
    /** Removes the same container, and inserts it again. */
    turn: {
      payload: z.strictObject({ times: z.int() }),
      reduce(state, { payload }) {
        for (let at = 0; at < payload.times; at++) state.nested.push(state.nested.pop()!);
      },
    },
    bare: { payload: z.strictObject({}), reduce() {} },
  },
});

function fill(state: Work, items: number): void {
  state.list = Array.from({ length: items }, (_, at) => at);
}

interface Fixture {
  room: TestPartition;
  a: TestConnection;
}
function begin(): Fixture {
  const room = new TestPartition({ model: model as AnyModel });
  return { room, a: room.client("a") };
}
const much = bounds.draftWorkMax;

describe("a submission that takes much work", () => {
  const burst = 30;
  /** How many of these are decided before the rate of the principal refuses one. */
  function decided(
    submit: (a: TestConnection, at: number) => Message,
    perSecond = 1,
  ): { count: number; retryAfter: number } {
    const { room, a } = begin();
    room.partition.limit({ ...noLimits, principal: { perSecond, burst } });
    for (let count = 0; ; count++) {
      const { payload } = submit(a, count);
      if (payload.code === "rate_limited") return { count, retryAfter: payload.retryAfter as number };
    }
  }

  it("[AU-5] [AU-6] [BD-1] costs the rate of its principal as many drafts as its work is worth, whatever comes of it", () => {
    const heavy = { units: much, in: "reduce" };
    // What is rejected counts more, and at most what the rate gives back in a minute.
    const rejectedWork = Math.floor((much * bounds.rejectedWorkFactor) / bounds.rateUnitWork);
    const worth = 1 + Math.min(rejectedWork, bounds.rateWorkSecondsMax);
    const small = decided((a, at) => a.submit(`s${at}`, "work", { units: 10, in: "reduce" }));
    expect(small.count).toBe(burst);
    // The last one leaves a debt, which is paid before the next.
    const rejected = decided((a, at) => a.submit(`r${at}`, "work", heavy));
    expect(rejected).toEqual({ count: 1, retryAfter: worth - burst + 1 });
    const accepted = decided((a, at) => a.submit(`a${at}`, "work", { ...heavy, units: much - 1_000 }));
    expect(accepted.count).toBe(Math.ceil(burst / (1 + Math.floor((much - 1_000) / bounds.rateUnitWork))));
    const batch = decided((a, at) => {
      const member = (name: string, payload: object) => ({ draftId: `${name}${at}`, event: { type: "work", payload } });
      const events = [member("x", { ...heavy, units: much - 1_000 }), member("y", heavy)];
      return a.send("submit_events", { batchId: `b${at}`, mode: "atomic", events })[0]!;
    });
    expect(batch.count).toBe(1);
    // As much as ordinary drafts take costs nothing more.
    const ordinary = decided((a, at) => a.submit(`o${at}`, "bare", { wrong: at }));
    expect(ordinary.count).toBe(burst);
  });

  it("[AU-5] [BD-1] locks its principal out for a bounded time, whatever the work and the rate", () => {
    const enormous = { units: 100 * much, in: "reduce" };
    for (const perSecond of [20, 1, 1 / 60]) {
      const removed = decided((a, at) => a.submit(`r${at}`, "shrink", enormous), perSecond);
      expect(removed.retryAfter).toBeLessThanOrEqual(bounds.rateWorkSecondsMax + Math.ceil(1 / perSecond));
    }
  });
});

describe("metering", () => {
  it.each(["validate", "reduce", "invariant", "index"] as const)(
    "[MD-15] [BD-1] a draft whose work in %s exceeds the bound is rejected, and nothing of it stays",
    (stage) => {
      const { room, a } = begin();
      a.submit("small", "work", { units: 10, in: stage });
      const before = room.state();
      const answer = a.submit("large", "work", { units: much, in: stage });
      expect(answer.payload).toMatchObject({ code: "draft_too_expensive", status: 422, retryable: false });
      expect(answer.payload.work).toEqual({ counted: much + 1, max: much });
      expect(room.state()).toEqual(before);
      // It is a verdict: stored, and replayed byte for byte.
      room.restart();
      const again = room.client("a").send("submit_event", {
        draftId: "large",
        event: { type: "work", payload: { units: much, in: stage } },
      });
      expect(again).toEqual([answer]);
    },
  );

  it.each(["validate", "reduce", "invariant"] as const)(
    "[MD-15] model code that catches the error in %s changes nothing",
    (stage) => {
      const { room, a } = begin();
      const before = room.state();
      const answer = a.submit("large", "work", { units: much, in: stage, catches: true });
      expect(answer.payload).toMatchObject({ code: "draft_too_expensive" });
      expect(room.state()).toEqual(before);
      expect(a.submit("next", "work", { units: 1, in: stage }).type).toBe("event_accepted");
    },
  );

  it("[MD-15] [BD-1] what is inserted again after it was removed counts by its size", () => {
    const { room, a } = begin();
    const items = 20_000;
    expect(a.submit("nest", "nest", { items }).type).toBe("event_accepted");
    expect(a.submit("few", "turn", { times: 5 }).type).toBe("event_accepted");
    const before = room.state();
    const answer = a.submit("many", "turn", { times: Math.ceil((8 * much) / items) });
    expect(answer.payload).toMatchObject({ code: "draft_too_expensive" });
    expect(room.state()).toEqual(before);
  });

  it("[MD-15] types that only make the state smaller are never refused for their work, and count for no batch", () => {
    const { a } = begin();
    expect(a.submit("alone", "shrink", { units: 3 * much, in: "reduce" }).type).toBe("event_accepted");
    const shrink = { type: "shrink", payload: { units: 3 * much, in: "reduce" } };
    const small = { type: "work", payload: { units: much - 100, in: "reduce" } };
    const [result] = a.send("submit_events", {
      batchId: "b",
      mode: "atomic",
      events: [
        { draftId: "1", event: shrink },
        { draftId: "2", event: small },
        { draftId: "3", event: shrink },
      ],
    });
    expect(statuses(result)).toEqual(["accepted", "accepted", "accepted"]);
  });

  it("[MD-15] [TX-6] a batch has a bound of its own; the drafts after it are not reviewed", () => {
    const { room, a } = begin();
    const before = room.state();
    const count = Math.ceil(bounds.batchWorkMax / (much / 2)) + 2;
    const events = Array.from({ length: count }, (_, at) => ({
      draftId: `d${at}`,
      event: { type: "work", payload: { units: much / 2, in: "validate" } },
    }));
    const [result] = a.send("submit_events", { batchId: "b", mode: "atomic", events });
    const refused = Math.floor(bounds.batchWorkMax / (much / 2)) - 1;
    expect(statuses(result)).toEqual(events.map((_, at) => (at === refused ? "rejected" : "not_processed")));
    const { work: counted, code } = result!.payload.results[refused];
    expect(code).toBe("draft_too_expensive");
    expect(counted.max).toBe(bounds.batchWorkMax);
    expect(counted.counted).toBeGreaterThan(bounds.batchWorkMax);
    expect(room.state()).toEqual(before);
    // It is deterministic, and stored.
    expect(a.send("submit_events", { batchId: "b", mode: "atomic", events })).toEqual([result]);
  });

  it("[MD-15] [BD-1] [TX-6] a sequential batch stops when its work is done, and goes on when it is sent again", () => {
    const { room, a } = begin();
    const events = Array.from({ length: 7 }, (_, at) => ({
      draftId: `d${at}`,
      event: { type: "work", payload: { units: 20_000, in: "validate" } },
    }));
    const send = () => {
      const [result] = a.send("submit_events", { batchId: "b", mode: "sequential", events });
      return result!.payload.results as { status: string; code?: string; retryable?: boolean }[];
    };
    const accepted = (count: number) => events.map((_, at) => (at < count ? "accepted" : "not_processed"));
    const first = send();
    expect(first.map(({ status }) => status)).toEqual(accepted(3));
    expect(first[3]).toMatchObject({ code: "overloaded", retryable: true });
    room.now += 1_000;
    const second = send();
    expect(second.map(({ status }) => status)).toEqual(accepted(6));
    room.now += 1_000;
    const third = send();
    expect(third.map(({ status }) => status)).toEqual(accepted(7));
    expect(third.slice(0, 6)).toEqual(second.slice(0, 6));
    expect(room.state()).toMatchObject({ done: 7 });
  });

  /** The most units that a draft can be asked for. */
  function most(a: TestConnection, name: string, more: object = {}): number {
    let accepted = 0;
    let refused: number = much;
    while (refused - accepted > 1) {
      const units = Math.floor((accepted + refused) / 2);
      const { type } = a.submit(`${name}-${units}`, "work", { units, in: "index" }, more);
      if (type === "event_accepted") accepted = units;
      else refused = units;
    }
    return accepted;
  }

  it("[MD-15] the bound is exact, and the same on a warm object and after a restart", () => {
    const warm = begin();
    warm.a.submit("fill", "fill", { items: 2_000 });
    const bound = most(warm.a, "warm");
    for (const units of [bound, bound + 1]) {
      const cold = begin();
      cold.a.submit("fill", "fill", { items: 2_000 });
      cold.room.restart();
      const { type } = cold.room.client("a").submit("cold", "work", { units, in: "index" });
      expect(type).toBe(units === bound ? "event_accepted" : "event_rejected");
    }
  });

  it("[MD-15] [TX-7] sixteen events that are considered for a conflict take one unit", () => {
    const { a } = begin();
    a.submit("fill", "fill", { items: 10 });
    const bound = most(a, "free");
    for (let at = 0; at < 20; at++) a.submit(`bare-${at}`, "bare", {});
    const head = a.of("event_accepted").at(-1).payload.eventId as number;
    const expecting = (draftId: string, units: number) =>
      a.submit(draftId, "work", { units, in: "index" }, { expectedEventId: head - 20 });
    expect(expecting("more", bound - 1).payload.code).toBe("draft_too_expensive");
    expect(expecting("exact", bound - 2).type).toBe("event_accepted");
  });

  it("[MD-15] folding is never metered: a log of another bound loads", () => {
    const state = new State(model.initialState());
    foldEvent(model as AnyModel, state as State<object>, {
      type: "work",
      payload: { units: 3 * much, in: "reduce" },
      timestamp: 1,
      clientId: "a",
    });
    expect(state.stringify()).toContain('"done":1');
  });
});

function statuses(message: Message): string[] {
  return message.payload.results.map(({ status }: { status: string }) => status);
}

/** The units that `use` takes. */
function unitsOf<S extends object>(state: State<S>, use: (draft: S) => unknown): number {
  const before = state.work;
  state.change((draft) => void use(draft));
  return state.work - before;
}

describe("the units of work", () => {
  type Sample = { n: number; text: string; texts: string[]; list: unknown[]; map: Record<string, unknown> };
  const sample = (items: number): Sample => ({
    n: 1,
    text: "x".repeat(items),
    texts: ["x".repeat(items)],
    list: Array.from({ length: items }, (_, at) => ({ at })),
    map: Object.fromEntries(Array.from({ length: items }, (_, at) => [`k${at}`, at])),
  });
  const uses: [string, (draft: Sample) => unknown, number, number][] = [
    // The units for 1,024 items, and for 65,536.
    ["a property that is read", (draft) => draft.n, 1, 1],
    ["a property that is written", (draft) => (draft.n = 2), 2, 2],
    ["a property that is deleted", (draft) => delete draft.map["k1"], 2, 2],
    ["a key that is looked for", (draft) => "k1" in draft.map, 2, 2],
    ["a text that is read", (draft) => draft.text, 2, 65],
    ["keys that are enumerated", (draft) => Object.keys(draft.map), 1 + 5 * 1_024, 1 + 5 * 65_536],
    ["an item at the end", (draft) => draft.list.push(1), 3, 3],
    ["an item at the beginning", (draft) => draft.list.unshift(1), 4, 67],
    ["an item that is searched", (draft) => draft.list.indexOf(draft), 2, 65],
    ["items that are removed", (draft) => draft.list.splice(0), 3 + 1_024, 66 + 65_536],
    ["items that are sorted", (draft) => draft.list.sort(() => 0), 3 + 1_024, 66 + 65_536],
    ["items that are visited", (draft) => draft.list.map((item) => item), 4 + 1_024, 4 + 65_536],
    ["a list that is copied", (draft) => (draft.n = draft.list as never), 4 + 128 + 2 * 1_024, 4 + 8_192 + 2 * 65_536],
    ["a text that is copied", (draft) => (draft.n = draft.texts as never), 4 + 1, 4 + 64],
    ["a value that is copied", (draft) => (draft.n = draft.map as never), 4 + 1_024, 4 + 65_536],
  ];
  it.each(uses)("[MD-15] %s", (_, use, small, large) => {
    for (const [items, units] of [
      [1_024, small],
      [65_536, large],
    ] as const) {
      expect(unitsOf(new State(sample(items)), use)).toBe(units);
    }
  });

  it("[MD-15] building an index takes none", () => {
    const state = new State(sample(1_024));
    const use = (draft: Sample) =>
      state.index(draft.list, "all", (list) => list.map((item, at) => [`${at}`, item])).get("1");
    const first = unitsOf(state, use);
    expect(unitsOf(state, use)).toBe(first);
  });

  it("[MD-15] [BD-1] above the bound each access throws", () => {
    const state = new State(sample(10));
    state.workMax = state.work + 5;
    let reads = 0;
    state.read((view) => {
      for (let at = 0; at < 20; at++) {
        try {
          void view.n;
          reads++;
        } catch {}
      }
    });
    expect(reads).toBe(5);
  });
});
