import { describe, expect, it } from "vitest";
import * as z from "zod/mini";
import type { SagaQuery } from "../../src/core/sagas.ts";
import { defineEffects } from "../../src/model/effects.ts";
import { defineModel, defineSaga, noSagas, sagaEvents, type Sagas, State } from "../../src/model/index.ts";
import { sagaEffects } from "../../src/model/sagas/effects.ts";
import { sagaBounds, sagaIdsOf } from "../../src/model/sagas/index.ts";
import { BilledDriver } from "../bench/billed-driver.ts";
import { TestPartition } from "../support/partition.ts";

const send = defineSaga("send", {
  input: z.looseObject({}),
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
    const delivery = this.partition.deliveries!.next(new Set(), this.now)!;
    const result = accepted
      ? ({ kind: "delivered", eventId: 7 } as const)
      : ({ kind: "rejected", code: "validation_failed", detail: "No." } as const);
    this.partition.deliveries!.settle(delivery, [result], this.now);
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

/** A state, and events of sagas that are folded into it without being judged. */
class Folded {
  readonly #state: State<ReturnType<typeof noSagas>>;

  constructor(sagas = noSagas().sagas) {
    this.#state = new State({ sagas });
  }

  readonly fold = (type: keyof typeof model.events & string, payload: object, timestamp = 1, events = model.events) =>
    this.#state.replay((state) => this.#reduce(state, events[type], { type, payload, timestamp }));

  /** Starts these sagas. */
  with(...ids: readonly string[]): this {
    for (const saga of ids) this.fold("send.start", { saga, input: {} });
    return this;
  }

  /** Folds an event, and takes it back. */
  readonly foldAndUndo = (type: keyof typeof model.events & string, payload: object) => {
    const event = { type, payload, timestamp: 1 };
    this.#state.undoTo(this.#state.change((state) => this.#reduce(state, model.events[type], event)));
  };

  readonly sagas = () => (JSON.parse(this.#state.stringify()) as ReturnType<typeof noSagas>).sagas;

  /** The ids as pages of sagas have them. */
  get ids(): readonly string[] {
    return this.#state.read(({ sagas }) => sagaIdsOf(sagas as Sagas, this.#state.context).after(undefined, 10_000));
  }

  #reduce(state: object, definition: object, event: { type: string; payload: object; timestamp: number }): void {
    const { reduce } = definition as (typeof model.events)["send.start"];
    const author = event.type === "send.start" ? "ann" : "partition:a";
    reduce(state as never, { clientId: "", author, ...event } as never, this.#state.context);
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
    const { fold, sagas } = new Folded();
    const run = (saga: string, timestamp?: number, input: object = {}) => {
      fold("send.start", { saga, input }, timestamp);
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
    // Logs of earlier versions have inputs that alone take more than all that is kept.
    for (const saga of ["huge", "huger"]) run(saga, 1, { list: Array.from({ length: 20_000 }, () => ({})) });
    expect(sagas()).toMatchObject({ open: 1, ended: 1, first: "huger", last: "huger" });
    run("small");
    expect(sagas()).toMatchObject({ open: 1, bytes: sagas().runs["open"]!.charge, ended: 1, first: "small" });
    expect(sagas().endedBytes).toBe(sagas().runs["small"]!.charge);
  });

  it("[BD-5] [MD-5] the list of ids is that of the state, after sagas are forgotten, and after an undo", () => {
    const folded = new Folded();
    const { fold } = folded;
    const expectIds = () => expect(folded.ids).toEqual(Object.keys(folded.sagas().runs).toSorted());
    for (let count = 0; count < sagaBounds.endedMax; count++) {
      fold("send.start", { saga: `s-${count}`, input: {} });
      fold("send.rejected", { about: { saga: `s-${count}`, fence: 1 }, code: "no", detail: "" });
    }
    fold("send.start", { saga: "last", input: {} });
    expectIds();
    folded.foldAndUndo("send.start", { saga: "m", input: {} });
    expectIds();
    const rejected = { about: { saga: "last", fence: 1 }, code: "no", detail: "" };
    folded.foldAndUndo("send.rejected", rejected);
    expectIds();
    expect(folded.ids).toContain("s-0");
    fold("send.rejected", rejected);
    expectIds();
    expect(folded.ids).not.toContain("s-0");
  });

  it("[TX-14] [MD-4] one that an earlier version has started ends as it would have, and frees no room of others", () => {
    const { shares: _, bytes: __, runs, ...before } = new Folded().with("old", "older").sagas();
    for (const run of Object.values(runs)) {
      delete run.author;
      delete run.charge;
    }
    const folded = new Folded({ ...before, runs }).with("new");
    const { bytes, shares } = folded.sagas();
    expect([bytes, shares]).toEqual([folded.sagas().runs["new"]!.charge, { "@ann": { open: 1, bytes } }]);
    for (const saga of ["old", "older"]) {
      folded.fold("send.accepted", { about: { saga, fence: 1 } });
      folded.fold("send.accepted", { about: { saga, fence: 2 } });
    }
    expect(folded.sagas()).toMatchObject({ open: 1, ended: 2, bytes, shares, first: "old", last: "older" });
    expect(folded.sagas().runs["old"]).toMatchObject({ status: "COMPLETED", charge: expect.any(Number) });
    expect(folded.sagas().endedBytes).toBeGreaterThan(folded.sagas().runs["old"]!.charge!);
  });

  it("[TX-14] [MD-13] its end is for the author who started it, and not for that of the last answer", () => {
    const ends: unknown[] = [];
    const events = sagaEvents(send, {
      ended: (_state, _input, { author, status }) => void ends.push({ author, status }),
    });
    const { fold } = new Folded();
    fold("send.start", { saga: "s", input: {} }, 1, events);
    fold("send.rejected", { about: { saga: "s", fence: 1 }, code: "no", detail: "" }, 2, events);
    expect(ends).toEqual([{ author: "ann", status: "COMPENSATED" }]);
  });

  it("[BD-5] pages of sagas are in the order of their ids, go on after any id, and look at a bounded number", () => {
    const room = new SagaRoom();
    for (const id of ["zz", "aa", "10", "9", "mm"]) room.start(id);
    const page = (query: Partial<SagaQuery>) => {
      const { sagas, next, scanned } = room.partition.sagas!.list({ limit: 100, ...query }, room.now);
      return { ids: sagas.map(({ id }) => id), next, scanned };
    };
    expect(page({})).toEqual({ ids: ["10", "9", "aa", "mm", "zz"], next: undefined, scanned: 5 });
    expect(page({ limit: 2 })).toEqual({ ids: ["10", "9"], next: "9", scanned: 2 });
    // There is no such saga, or it is forgotten.
    expect(page({ limit: 2, after: "forgotten" })).toEqual({ ids: ["mm", "zz"], next: undefined, scanned: 2 });
    expect(room.partition.sagas!.list({ limit: 1 }, room.now).sagas[0]).not.toHaveProperty("input");
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
