import fc from "fast-check";
import { describe, it } from "vitest";
import * as z from "zod/mini";
import { defineModel } from "../../../src/model/index.ts";
import { insieme } from "../../../src/models/insieme/index.ts";
import type { JsonObject } from "../../../src/protocol/index.ts";
import { applications } from "../../simulation/drafts.ts";
import { Random } from "../../simulation/random.ts";
import { programs } from "../../support/programs.ts";
import { judgeReplica, operations } from "../../support/replica-judge.ts";

/** A model whose rules make drafts depend on each other, on the time, and on the head of the log; some are shown when they are decided. */
const seats = defineModel({
  name: "seats",
  version: 1,
  initialState: () => ({ seats: {} as Record<string, string>, log: [] as number[], total: 0 }),
  invariants: { "at most three seats": (state) => Object.keys(state.seats).length <= 3 },
  events: {
    take: {
      payload: z.strictObject({ seat: z.string(), by: z.string() }),
      validate: (state, { payload }) =>
        state.seats[payload.seat] === undefined
          ? undefined
          : { field: "payload.seat", code: "TAKEN", message: "taken" },
      reduce(state, { payload }) {
        state.seats[payload.seat] = payload.by;
      },
    },
    leave: {
      payload: z.strictObject({ seat: z.string() }),
      validate: (state, { payload }) =>
        state.seats[payload.seat] === undefined ? { field: "payload.seat", code: "FREE", message: "free" } : undefined,
      reduce(state, { payload }) {
        delete state.seats[payload.seat];
      },
    },
    add: {
      payload: z.strictObject({ by: z.int() }),
      validate: (_, { payload }, { head }) =>
        payload.by === 13 && head % 2 === 1 ? { field: "payload.by", code: "ODD", message: "not now" } : undefined,
      reduce(state, { payload }) {
        if (payload.by === 7) throw new Error("the reducer does not like 7");
        state.total += payload.by;
      },
    },
    draw: {
      optimistic: false,
      payload: z.strictObject({}),
      validate: (state) => (state.total < 0 ? { field: "type", code: "NONE", message: "none" } : undefined),
      reduce(state) {
        state.total = -state.total;
      },
    },
    stamp: {
      payload: z.strictObject({}),
      reduce(state, { timestamp }) {
        state.log.push(timestamp);
      },
    },
  },
});

const choices: { type: string; payload: JsonObject }[] = [
  ...["A", "B", "C", "D"].flatMap((seat) => [
    { type: "take", payload: { seat, by: "me" } },
    { type: "take", payload: { seat, by: "other" } },
    { type: "leave", payload: { seat } },
  ]),
  ...[1, 2, 7, 13].map((by) => ({ type: "add", payload: { by } })),
  { type: "stamp", payload: {} },
  { type: "draw", payload: {} },
  { type: "add", payload: { by: "much" } },
  { type: "unheard-of", payload: {} },
];

const ofTrees = (seed: number) => {
  const { type, payload } = applications[0]!.propose(new Random(seed), 0).event;
  return { type, payload: (payload ?? {}) as JsonObject };
};

describe.each([{ selective: false }, { selective: true }])("Replica, selective: $selective", (how) => {
  it("[CL-1] [CL-12] equals a full computation, byte for byte, after any interleaving", () => {
    const ofSeats = (seed: number) => choices[seed % choices.length]!;
    fc.assert(
      fc.property(operations, (list) => judgeReplica(seats, ofSeats, list, how)),
      { numRuns: 1_500 },
    );
  });

  it("[CL-1] [CL-12] equals a full computation, also with trees", () => {
    fc.assert(
      fc.property(operations, (list) => judgeReplica(insieme, ofTrees, list, how)),
      { numRuns: 500 },
    );
  });

  it("[CL-1] [CL-12] equals a full computation, whatever a model reads and writes", () => {
    fc.assert(
      fc.property(operations, (list) => judgeReplica(programs.model, programs.propose, list, how)),
      { numRuns: 1_500 },
    );
  });
});
