import { defineModel } from "../../../src/model/index.ts";
import * as z from "zod/mini";

/** What is left of a rate after a minute: half of it after an hour. */
const leftOfMinute = 0.988514020352896;
const minuteMs = 60_000;

/** By multiplications alone: a power (`**`) may differ in its last digit from engine to engine, and a reducer must not. */
function decayed(value: number, minutes: number): number {
  let left = value;
  let factor = leftOfMinute;
  for (let steps = Math.max(minutes, 0); steps >= 1; steps = Math.floor(steps / 2)) {
    if (steps % 2 === 1) left *= factor;
    factor *= factor;
  }
  return left;
}

/** What is known of one user. Times are milliseconds since 1970. */
export const features = defineModel({
  name: "features",
  version: 1,
  initialState: () => ({
    counts: {} as Record<string, number>,
    lastAt: 0,
    /** Events an hour, those of the last hours more than those before; as of the minute `minute`. */
    rate: { value: 0, minute: 0 },
  }),
  events: {
    seen: {
      payload: z.strictObject({ kind: z.string().check(z.maxLength(64)), at: z.int() }),
      reduce(state, { payload: { kind, at } }) {
        state.counts[kind] = (state.counts[kind] ?? 0) + 1;
        state.lastAt = Math.max(state.lastAt, at);
        const { value, minute } = state.rate;
        const seen = Math.floor(at / minuteMs);
        const now = Math.max(minute, seen);
        // What comes late has decayed by then.
        state.rate = { value: decayed(value, now - minute) + decayed(1, now - seen), minute: now };
      },
    },
  },
});
