import { afterEach, beforeEach, describe, expect, it } from "vitest";
import type { Effects } from "../../src/model/effects.ts";
import type { AnyModel } from "../../src/model/index.ts";
import { inventoryEffects } from "../../src/models/inventory/effects.ts";
import { inventory } from "../../src/models/inventory/index.ts";
import { ledgerEffects } from "../../src/models/ledger/effects.ts";
import { auditLedger, type Ledger, ledger } from "../../src/models/ledger/index.ts";
import { bounds } from "../../src/protocol/index.ts";
import { TestPartition } from "../support/partition.ts";

const usual = { ...bounds };
/** So low that it is reached soon. */
const timersMax = 120;
beforeEach(() => void Object.assign(bounds, { timersMax }));
afterEach(() => void Object.assign(bounds, usual));

const who = ["a", "b", "c", "d", "e", "late", "later", ...Array.from({ length: timersMax }, (_, at) => `n${at}`)];

/** A model with holds. `prepare`: what has to be there before; `hold`: a hold of one of `who`; `more`: what can be said again and again. */
interface Held {
  readonly model: AnyModel;
  readonly effects: Effects;
  readonly prepare: readonly (readonly [type: string, payload: object])[];
  readonly more: readonly [type: string, payload: object];
  readonly hold: (name: string, of: string) => readonly [author: string, type: string, payload: object];
}

const models: Readonly<Record<string, Held>> = {
  ledger: {
    model: ledger,
    effects: ledgerEffects,
    prepare: [
      ["open", { account: "shop", currency: "EUR" }],
      ...who.map((of) => ["open", { account: of, currency: "EUR", owner: of, overdraft: null }] as const),
    ],
    more: ["limit", { account: "shop", perDay: 5 }],
    hold: (name, of) => [of, "hold", { hold: name, from: of, to: "shop", amount: 1 }],
  },
  inventory: {
    model: inventory,
    effects: inventoryEffects,
    prepare: [["restock", { item: "lamp", location: "north", quantity: 1_000 }]],
    more: ["restock", { item: "lamp", location: "north", quantity: 1 }],
    hold: (name, of) => [of, "reserve", { hold: name, lines: [{ item: "lamp", location: "north", quantity: 1 }] }],
  },
};

/** A partition, and how many holds of one it accepts before it does not. */
function opened({ model, effects, prepare, hold }: Held) {
  const room = new TestPartition({ model, effects });
  let drafts = 0;
  const submit = (author: string, type: string, payload: object) => {
    // So slow that no rate counts.
    room.now += 1_000;
    const connection = room.open({ principal: author, permissions: "all", expiresAt: room.now + 3_600_000 });
    connection.connect(`client-of-${author}`, { modelVersion: 1, otherModel: true });
    const answer = connection.submit(`draft-${++drafts}`, type, payload);
    room.close(connection);
    return answer;
  };
  for (const [type, payload] of prepare)
    expect(submit("operator", type, payload)).toMatchObject({ type: "event_accepted" });
  const open = (of: string) => submit(...hold(`hold-${++drafts}`, of));
  const openMany = (of: string, max = Number.POSITIVE_INFINITY) => {
    let count = 0;
    while (count < max && open(of).type === "event_accepted") count++;
    return count;
  };
  return { room, submit, open, openMany };
}

/** The model of before `openHolds`: the same without it. */
function without(model: AnyModel): AnyModel {
  const strip = (state: object) => void Reflect.deleteProperty(state, "openHolds");
  return {
    ...model,
    version: model.version - 1,
    initialState() {
      const state = model.initialState();
      strip(state);
      return state;
    },
    eventType(type: string) {
      const definition = model.eventType(type);
      if (!definition) return definition;
      return {
        ...definition,
        reduce(state: { openHolds?: number }, event: never, context: never) {
          state.openHolds = 0;
          definition.reduce(state as never, event, context);
          strip(state);
        },
      };
    },
  } as unknown as AnyModel;
}

describe.each(Object.entries(models))("the holds of a partition with the model %s", (name, held) => {
  it("[BD-4] [MD-9] are shared: however many some open, others can open theirs", () => {
    const { openMany, open } = opened(held);
    const greedy = who.slice(0, 5);
    const counts = Object.fromEntries(greedy.map((of) => [of, 0]));
    // In turn, until none gets another one.
    for (let more = true; more;) {
      more = false;
      for (const of of greedy) {
        if (openMany(of, 1) === 0) continue;
        counts[of]!++;
        more = true;
      }
    }
    // Each has one part of six, and one is left.
    expect(counts).toEqual({ a: 20, b: 20, c: 20, d: 20, e: 20 });
    expect(open("a").payload.errors).toMatchObject([{ field: "payload.hold", code: "TOO_MANY_HOLDS" }]);
    expect(openMany("late")).toBe(10);
    expect(openMany("later")).toBe(5);
    expect(open("late").payload.errors).toMatchObject([{ code: "TOO_MANY_HOLDS" }]);
  });

  it("[BD-4] [MD-9] are refused for now, and not rejected, to one that has none while no timer is left", () => {
    const { open } = opened(held);
    for (const of of who.slice(-timersMax)) expect(open(of).type).toBe("event_accepted");
    expect(open("a")).toMatchObject({ type: "error", payload: { code: "too_many_timers" } });
    expect(open("n0").payload.errors).toMatchObject([{ code: "TOO_MANY_HOLDS" }]);
  });

  it("[MD-4] [MD-5] [MD-9] are counted of a log and a snapshot of the version before, whose clients go on", () => {
    const { room, submit, open } = opened({ ...held, model: without(held.model) });
    // Enough for a snapshot.
    for (let at = 0; at < 1_000; at++) submit("operator", ...held.more);
    for (const of of ["a", "b", "c"]) expect(open(of).type).toBe("event_accepted");
    room.runDue();
    expect(room.driver.query("SELECT model_version FROM snapshots")).toEqual([
      { model_version: held.model.version - 1 },
    ]);
    room.restart(held.model);
    expect(room.state()).toMatchObject({ openHolds: 3 });
    // Its clients fold with another version: they get verdicts.
    expect(open("d").type).toBe("event_accepted");
    const state = room.state() as { openHolds: number; holds: object };
    expect([state.openHolds, Object.keys(state.holds).length]).toEqual([4, 4]);
    if (name !== "ledger") return;
    expect(auditLedger(state as Ledger).faults).toEqual([]);
    expect(auditLedger({ ...(state as Ledger), openHolds: 3 }).faults).toEqual(["4 holds are open, and 3 counted."]);
  });
});
