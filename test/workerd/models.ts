import * as z from "zod/mini";
import { defineModel } from "../../src/model/index.ts";

/** A model that shows every way a draft can fail. */
export const counter = defineModel({
  name: "counter",
  version: 3,
  initialState: () => ({ count: 0, byKey: {} as Record<string, number>, notes: [] as string[] }),
  invariants: { "the count is never negative": (state) => state.count >= 0 },
  events: {
    add: {
      version: 2,
      payload: z.strictObject({ by: z.int() }),
      upcast: {
        1: (payload) => {
          if (typeof payload["amount"] !== "number") throw new TypeError("amount");
          return { by: payload["amount"] };
        },
      },
      reduce(state, { payload }) {
        state.count += payload.by;
      },
    },
    put: {
      payload: z.strictObject({ key: z.string(), value: z.int() }),
      entity: ({ payload }) => payload.key,
      conflict: "reject",
      reduce(state, { payload }) {
        state.byKey[payload.key] = payload.value;
      },
    },
    note: {
      payload: z.object({ text: z.string() }),
      permission: "notes",
      validate: (state, { payload }) =>
        state.notes.includes(payload.text)
          ? { field: "payload.text", code: "TWICE", message: "Noted before." }
          : undefined,
      reduce(state, { payload, timestamp, clientId }) {
        state.notes.push(payload.text);
        if (payload.text === "when") state.notes.push(`${clientId}@${timestamp}`);
      },
    },
    explode: {
      payload: z.strictObject({ in: z.enum(["reduce", "validate", "schema"]) }).check(
        z.refine((payload) => {
          if (payload.in === "schema") throw new Error("secret of the schema");
          return true;
        }),
      ),
      validate(_, { payload }) {
        if (payload.in === "validate") throw new Error("secret of the validator");
        return undefined;
      },
      reduce(state) {
        state.count = 1_000;
        state.notes.push("half done");
        throw new Error("secret of the reducer");
      },
    },
  },
});
