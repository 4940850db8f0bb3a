import * as z from "zod/mini";
import { defineModel } from "../../../src/model/index.ts";
import type { JsonObject } from "../../../src/protocol/index.ts";
import type { Application } from "../drafts.ts";
import type { Random } from "../random.ts";

/**
 * A model whose drafts depend on each other, on the time, on the submitter and on the head of the log,
 * can be undone, and can fail on the server only.
 */
const desk = defineModel({
  name: "desk",
  version: 1,
  initialState: () => ({ total: 0, seats: {} as Record<string, string>, notes: [] as string[] }),
  invariants: { "the total is never negative": (state) => state.total >= 0 },
  events: {
    add: {
      payload: z.strictObject({ by: z.int() }),
      reduce(state, { payload }) {
        state.total += payload.by;
      },
      compensate: (_, { payload }) => ({ type: "add", payload: { by: -payload.by } }),
    },
    take: {
      payload: z.strictObject({ seat: z.string() }),
      entity: ({ payload }) => payload.seat,
      validate: (state, { payload }) =>
        state.seats[payload.seat] === undefined
          ? undefined
          : { field: "payload.seat", code: "TAKEN", message: "The seat is taken." },
      reduce(state, { payload, clientId }) {
        state.seats[payload.seat] = clientId;
      },
      compensate: (_, { payload }) => ({ type: "leave", payload: { seat: payload.seat } }),
    },
    leave: {
      payload: z.strictObject({ seat: z.string() }),
      entity: ({ payload }) => payload.seat,
      validate: (state, { payload }) =>
        state.seats[payload.seat] === undefined
          ? { field: "payload.seat", code: "FREE", message: "The seat is free." }
          : undefined,
      reduce(state, { payload }) {
        delete state.seats[payload.seat];
      },
      compensate: (_, { payload }) => ({ type: "take", payload: { seat: payload.seat } }),
    },
    note: {
      payload: z.strictObject({ text: z.string() }),
      validate: (_, { payload }, { head, principal }) =>
        payload.text === "mine" && (head + principal.length) % 3 === 0
          ? { field: "payload.text", code: "NOT_NOW", message: "Not here, or not now." }
          : undefined,
      reduce(state, { payload, clientId, timestamp }) {
        state.notes.push(payload.text === "when" ? `${clientId}@${timestamp}` : payload.text);
        if (state.notes.length > 20) state.notes.shift();
      },
    },
    /** Sometimes fails, see `failingType`. */
    brittle: {
      payload: z.strictObject({}),
      reduce(state, { timestamp }) {
        if (timestamp % 3 === 0) throw new Error("not at this time");
        state.notes.push("brittle");
        if (state.notes.length > 20) state.notes.shift();
      },
    },
  },
});

const seats = ["a1", "a2", "a3", "b1"];

function propose(random: Random): JsonObject & { type: string } {
  switch (random.weighted({ add: 5, take: 4, leave: 4, note: 3, brittle: 0.4, misshapen: 0.2 })) {
    case "add":
      return { type: "add", payload: { by: random.between(-4, 6) } };
    case "take":
      return { type: "take", payload: { seat: random.pick(seats) } };
    case "leave":
      return { type: "leave", payload: { seat: random.pick(seats) } };
    case "note":
      return { type: "note", payload: { text: random.pick(["when", "mine", "ü✓𝄞", `n${random.between(0, 99)}`]) } };
    case "brittle":
      return { type: "brittle", payload: {} };
    case "misshapen":
      return { type: "add", payload: { by: "many" } };
  }
}

/** The type of drafts that the client accepts, and that may fail on the server. */
export const failingType = "brittle";

/** The desk as an application. */
export const deskApplication: Application = {
  name: "desk",
  model: desk,
  propose(random, cursor) {
    const event = propose(random);
    return random.chance(0.25)
      ? { event, expectedEventId: random.chance(0.8) ? cursor : random.between(0, cursor) }
      : { event };
  },
  proposeAccepted: () => ({ event: { type: "add", payload: { by: 1 } } }),
};
