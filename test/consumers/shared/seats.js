import { defineModel } from "partita/model";
import * as z from "zod";

/** The seats of a hall: each can be taken once. */
export const seats = defineModel({
  name: "seats",
  version: 1,
  initialState: () => ({ taken: /** @type {Record<string, string>} */ ({}) }),
  events: {
    book: {
      payload: z.strictObject({ seat: z.string(), name: z.string() }),
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
