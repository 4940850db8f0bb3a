import * as z from "zod/mini";
import { type AuthorsShown, defineModel } from "../../../src/model/index.ts";
import type { Application } from "../drafts.ts";

/** A model whose state is of its authors: it says who did it, and who may. */
const clubOf = (authors: AuthorsShown) =>
  defineModel({
    name: `club-${authors}`,
    version: 1,
    initialState: () => ({ said: {} as Record<string, number>, lines: [] as string[] }),
    authors,
    authorize(state, { author = "anyone" }, action) {
      const said = state.said[author] ?? 0;
      return action === "say" ? said < 3 : action === "pass" ? said > 0 : true;
    },
    events: {
      say: {
        payload: z.strictObject({ text: z.string() }),
        validate: (state, { payload, author = "anyone" }) =>
          state.lines.at(-1)?.startsWith(`${author}/`) && payload.text === "again"
            ? { field: "payload.text", code: "AGAIN", message: "Somebody else has to say something first." }
            : undefined,
        reduce(state, { payload, author = "anyone", clientId }) {
          state.said[author] = (state.said[author] ?? 0) + 1;
          state.lines.push(`${author}/${clientId}: ${payload.text}`);
          if (state.lines.length > 12) state.lines.shift();
        },
      },
      /** Gives the right to say something back. */
      pass: {
        payload: z.strictObject({}),
        reduce(state, { author = "anyone" }) {
          state.said[author] = 0;
        },
      },
      /** Only the server says whose turn it was. */
      draw: {
        optimistic: false,
        payload: z.strictObject({}),
        validate: (state) =>
          state.lines.length === 0 ? { field: "type", code: "SILENCE", message: "Nothing was said." } : undefined,
        reduce(state, { author = "anyone" }) {
          state.lines = [`${author} draws ${state.lines.length}`];
        },
      },
      open: {
        payload: z.strictObject({}),
        reduce(state) {
          state.said = {};
        },
      },
    },
  });

const clubApplication = (authors: AuthorsShown): Application => ({
  name: `club-${authors}`,
  model: clubOf(authors),
  propose: (random) => {
    switch (random.weighted({ say: 6, pass: 2, draw: 2, open: 1 })) {
      case "say":
        return {
          event: { type: "say", payload: { text: random.pick(["again", "ü✓𝄞", `n${random.between(0, 99)}`]) } },
        };
      case "pass":
        return { event: { type: "pass", payload: {} } };
      case "draw":
        return { event: { type: "draw", payload: {} } };
      case "open":
        return { event: { type: "open", payload: {} } };
    }
  },
  proposeAccepted: () => ({ event: { type: "open", payload: {} } }),
});

/** The club as an application, for each way to show authors. */
export const clubApplications: readonly Application[] = (["shown", "pseudonym", "hidden"] as const).map(
  clubApplication,
);
