import { describe, expect, it } from "vitest";
import * as z from "zod/mini";
import { defineEffects } from "../../src/model/effects.ts";
import { defineModel, defineSaga, noSagas, sagaEvents, State } from "../../src/model/index.ts";
import { sagaEffects } from "../../src/model/sagas/effects.ts";
import { sagaBounds } from "../../src/model/sagas/index.ts";
import { BilledDriver } from "../bench/billed-driver.ts";
import { TestPartition } from "../support/partition.ts";

const send = defineSaga("send", {
  input: z.strictObject({}),
  steps: [
    {
      do: (_, { saga }) => ({ partition: "a", type: "take", payload: { saga } }),
      compensate: (_, { saga }) => ({ partition: "a", type: "giveBack", payload: { saga } }),
    },
    { do: (_, { saga }) => ({ partition: "b", type: "take", payload: { saga } }) },
  ],
});
const model = defineModel({
  name: "sender",
  version: 1,
  initialState: () => noSagas(),
  events: { ...sagaEvents(send) },
});
const effects = defineEffects(model, { ...sagaEffects(send) });

/** A partition with sagas, whose receivers are the test. */
class SagaRoom extends TestPartition {
  declare readonly driver: BilledDriver;
  readonly #client = this.client("app");

  constructor() {
    super({ model, effects, driver: new BilledDriver() });
  }

  start(saga: string): void {
    const { type } = this.#client.submit(saga, "send.start", { saga, input: {} });
    expect(type).toBe("event_accepted");
  }

  /** Delivers the next step, and records what its receiver has said. */
  deliver(accepted: boolean): void {
    const delivery = this.partition.deliveries.next(new Set(), this.now)!;
    const result = accepted
      ? ({ kind: "delivered", eventId: 7 } as const)
      : ({ kind: "rejected", code: "validation_failed", detail: "No." } as const);
    this.partition.deliveries.settle(delivery, [result], this.now);
  }

  get runs() {
    return (this.state() as ReturnType<typeof noSagas>).sagas;
  }

  /** The rows that `run` writes, as the platform bills them. */
  rows(run: () => void): number {
    const before = this.driver.rowsWritten;
    run();
    return this.driver.rowsWritten - before;
  }
}

describe("sagas in a partition", () => {
  it("[TX-14] [TX-1] a step costs five rows where its saga is, the start and the end four", () => {
    const room = new SagaRoom();
    // The first event of all makes the tables.
    room.start("first");
    room.deliver(true);
    room.deliver(true);
    const rows = {
      start: room.rows(() => room.start("s")),
      step: room.rows(() => room.deliver(true)),
      end: room.rows(() => room.deliver(true)),
    };
    expect(room.runs.runs["s"]).toMatchObject({ status: "COMPLETED" });
    console.log(`rows of a saga: ${JSON.stringify(rows)}`);
    // An event is its row and an entry of its index; and there is a row for what is sent, for what was sent, and for the timer.
    expect(rows).toEqual({ start: 4, step: 5, end: 4 });
  });

  it("[TX-14] keeps the newest that have ended, forgets the oldest, and an id that is forgotten is another saga", () => {
    const folded = new State(noSagas());
    const at = { clientId: "", author: "", timestamp: 1, type: "" };
    const fold = (type: keyof typeof model.events & string, payload: object, timestamp = 1) =>
      folded.replay((state) =>
        model.events[type as "send.start"].reduce(
          state,
          { ...at, type, timestamp, payload } as never,
          folded.context as never,
        ),
      );
    const sagas = () => (JSON.parse(folded.stringify()) as ReturnType<typeof noSagas>).sagas;
    const run = (saga: string, timestamp?: number) => {
      fold("send.start", { saga, input: {} }, timestamp);
      fold("send.accepted", { about: { saga, fence: 1 } });
      fold("send.accepted", { about: { saga, fence: 2 } });
    };
    fold("send.start", { saga: "open", input: {} });
    for (let count = 0; count < sagaBounds.endedMax; count++) run(`s-${count}`);
    expect(Object.keys(sagas().runs)).toHaveLength(sagaBounds.endedMax + 1);
    run("next");
    run("s-0", 2);
    expect(sagas()).toMatchObject({ open: 1, ended: sagaBounds.endedMax, first: "s-2", last: "s-0" });
    expect(Object.keys(sagas().runs)).toHaveLength(sagaBounds.endedMax + 1);
    expect(sagas().runs["s-1"]).toBeUndefined();
    expect(sagas().runs).toMatchObject({
      open: { status: "RUNNING" },
      "s-0": { startedAt: 2 },
      next: { next: "s-0" },
    });
  });

  it("[BD-5] pages of sagas are in the order of their ids, go on after any id, and look at a bounded number", () => {
    const room = new SagaRoom();
    for (const id of ["zz", "aa", "10", "9", "mm"]) room.start(id);
    const page = (query: Partial<Parameters<typeof room.partition.sagas>[0]>) => {
      const { sagas, next, scanned } = room.partition.sagas({ limit: 100, ...query }, room.now);
      return { ids: sagas.map(({ id }) => id), next, scanned };
    };
    expect(page({})).toEqual({ ids: ["10", "9", "aa", "mm", "zz"], next: undefined, scanned: 5 });
    expect(page({ limit: 2 })).toEqual({ ids: ["10", "9"], next: "9", scanned: 2 });
    // There is no such saga, or it is forgotten.
    expect(page({ limit: 2, after: "forgotten" })).toEqual({ ids: ["mm", "zz"], next: undefined, scanned: 2 });
    expect(room.partition.sagas({ limit: 1 }, room.now).sagas[0]).not.toHaveProperty("input");
    for (let n = 0; n < sagaBounds.pageScannedMax; n++) room.start(`s-${n}`);
    room.deliver(false);
    const { next, ...first } = page({ status: "COMPENSATED" });
    expect(first).toEqual({ ids: [], scanned: sagaBounds.pageScannedMax });
    expect(page({ status: "COMPENSATED", after: next! })).toMatchObject({ ids: ["zz"], next: undefined });
  });

  it("[OB-2] counts the sagas that come to rest, by their status", () => {
    const room = new SagaRoom();
    const ends = () => Object.entries(room.counted).filter(([name]) => name.startsWith("saga_ends"));
    room.start("good");
    room.deliver(true);
    expect(ends()).toEqual([]);
    room.deliver(true);
    expect(ends()).toEqual([["saga_ends COMPLETED", 1]]);
    room.start("bad");
    room.deliver(false);
    expect(ends()).toEqual([
      ["saga_ends COMPLETED", 1],
      ["saga_ends COMPENSATED", 1],
    ]);
    room.start("stuck");
    room.deliver(true);
    room.deliver(false);
    room.deliver(false);
    expect(room.runs.runs["stuck"]).toMatchObject({ status: "FAILED" });
    expect(ends().at(-1)).toEqual(["saga_ends FAILED", 1]);
  });
});
