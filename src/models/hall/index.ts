import * as z from "zod/mini";
import { defineModel } from "../../model/index.ts";

/** A hall whose seats are taken by people. `seats`: the author who has each taken seat. */
export interface Hall {
  seats: Record<string, string>;
}

/** The rows and the columns of the hall. */
export const rows = ["A", "B", "C", "D"] as const;
export const columns = [1, 2, 3, 4, 5] as const;

const seat = z.string().check(z.regex(/^[A-D][1-5]$/, "A seat is a row, A to D, and a column, 1 to 5."));

/** The model of the demo of seats: who is first in the log has the seat, and only this person can leave it. */
export const hall = defineModel({
  name: "hall",
  version: 1,
  authors: "shown",
  initialState: (): Hall => ({ seats: {} }),
  events: {
    take: {
      payload: z.strictObject({ seat }),
      entity: ({ payload }) => payload.seat,
      validate({ seats }, { payload }) {
        if (seats[payload.seat] === undefined) return undefined;
        return { field: "payload.seat", code: "TAKEN", message: `Seat ${payload.seat} is taken already.` };
      },
      reduce({ seats }, { payload, author }) {
        seats[payload.seat] = author ?? "";
      },
    },

    leave: {
      payload: z.strictObject({ seat }),
      entity: ({ payload }) => payload.seat,
      validate({ seats }, { payload, author }) {
        if (seats[payload.seat] === (author ?? "")) return undefined;
        return { field: "payload.seat", code: "NOT_YOURS", message: `Seat ${payload.seat} is not yours.` };
      },
      reduce({ seats }, { payload }) {
        delete seats[payload.seat];
      },
    },
  },
});
