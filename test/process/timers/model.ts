import * as z from "zod/mini";
import { defineEffects } from "../../../src/model/effects.ts";
import { defineModel } from "../../../src/model/index.ts";

/** A model whose events set timers. */
export const clock = defineModel({
  name: "clock",
  version: 1,
  initialState: () => ({ rung: 0 }),
  events: {
    set: { payload: z.strictObject({ times: z.record(z.string(), z.number()) }), reduce() {} },
    ring: {
      payload: z.strictObject({ at: z.number() }),
      internal: true,
      reduce: (state) => void state.rung++,
    },
  },
});

export const clockEffects = defineEffects(clock, {
  set: (_, { payload }) =>
    Object.entries(payload.times).map(([key, at]) => ({ kind: "schedule", key, type: "ring", payload: { at }, at })),
});
