import * as z from "zod/mini";
import { defineModel } from "../../../src/model/index.ts";

/**
 * Who is in, says lines and takes seats; who was shown out reads nothing more. Each draft has a mark of its own, so that
 * what is there twice shows. The second version shows lines in another way: its state of the same log is another one.
 */
const loungeOf = (version: 1 | 2) =>
  defineModel({
    name: "lounge",
    version,
    authors: "shown",
    initialState: () => ({
      out: {} as Record<string, true>,
      seats: {} as Record<string, string>,
      lines: [] as string[],
    }),
    authorize: (state, { principal }, action) => action !== "read" || state.out[principal] === undefined,
    events: {
      say: {
        payload: z.strictObject({ mark: z.string() }),
        reduce(state, { payload, author }) {
          state.lines.push(version === 1 ? payload.mark : `${author}: ${payload.mark}`);
        },
      },
      sit: {
        payload: z.strictObject({ mark: z.string(), seat: z.string() }),
        validate: (state, { payload }) =>
          state.seats[payload.seat] === undefined
            ? undefined
            : { field: "payload.seat", code: "TAKEN", message: "The seat is taken." },
        reduce(state, { payload }) {
          state.seats[payload.seat] = payload.mark;
        },
      },
      showOut: {
        payload: z.strictObject({ mark: z.string(), who: z.string() }),
        reduce(state, { payload }) {
          state.out[payload.who] = true;
          state.seats = {};
        },
      },
      letIn: {
        payload: z.strictObject({ mark: z.string(), who: z.string() }),
        reduce(state, { payload }) {
          delete state.out[payload.who];
        },
      },
    },
  });

/** The model by its version. */
export const lounge = { 1: loungeOf(1), 2: loungeOf(2) } as const;
