/**
 * What a queue of jobs causes besides its events: the one timer that ends leases, pauses and delays. For the server only.
 *
 * @module partita/models/jobs/effects
 */
import { defineEffects } from "../../model/effects.ts";
import { jobs } from "./model.ts";
import type { Jobs } from "./state.ts";

/** How far ahead the timer is set, at most, in milliseconds: timers have a bound, and one that finds nothing due is set again. */
const aheadMsMax = 365 * 24 * 60 * 60_000;

/** Sets the timer if this event has changed its time. */
const arm = (
  { due, dueSet }: Pick<Jobs, "due" | "dueSet">,
  { timestamp }: { timestamp: number },
): { kind: "schedule"; key: string; type: string; payload: Record<string, never>; at: number } | undefined => {
  if (due === undefined || dueSet !== timestamp) return undefined;
  return { kind: "schedule", key: "due", type: "tick", payload: {}, at: Math.min(due, timestamp + aheadMsMax) };
};

const timerOf = (schedule: string): string => `cron:${schedule}`;

/** Register it in `createAuthority`: without it leases never end, and delayed jobs never begin. */
export const jobsEffects = defineEffects(jobs, {
  enqueue: arm,
  claim: arm,
  heartbeat: arm,
  complete: arm,
  fail: arm,
  release: arm,
  cancel: arm,
  replay: arm,
  tick: arm,
  recur: arm,
  schedule: (_, { payload: { schedule, cron, timeZone } }) => ({
    kind: "schedule",
    key: timerOf(schedule),
    type: "recur",
    version: 2,
    payload: { schedule, skips: true },
    cron,
    timeZone,
  }),
  unschedule: (_, { payload: { schedule } }) => ({ kind: "cancel", key: timerOf(schedule) }),
});
