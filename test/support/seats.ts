import * as z from "zod/mini";
import { defineModel } from "../../src/model/index.ts";

export const seats = defineModel({
  name: "seats",
  version: 1,
  initialState: () => ({ taken: {} as Record<string, string>, capacity: 2 }),
  invariants: {
    "no more seats are taken than there are": (state) => Object.keys(state.taken).length <= state.capacity,
  },
  events: {
    book: {
      payload: z.strictObject({ seat: z.string(), name: z.string() }),
      entity: ({ payload }) => payload.seat,
      validate(state, { payload }) {
        const owner = state.taken[payload.seat];
        if (owner === undefined) return undefined;
        return { field: "payload.seat", code: "TAKEN", message: `This seat is ${owner}'s.` };
      },
      reduce(state, { payload }) {
        state.taken[payload.seat] = payload.name;
      },
    },
  },
});
