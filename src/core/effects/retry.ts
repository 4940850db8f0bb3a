import { bounds } from "../../protocol/index.ts";
import type { Job } from "../jobs/job.ts";
import { guard, guardMs } from "./guard.ts";

/** How long the first retry waits at most; with each further one twice as long. */
const retryMsBase = 1_000;
/** A delivery that fails at once is not repeated at once. */
const retryMsMin = 100;
/** The same while the tenant has stopped its effects. */
const pausedGuardMs = 10 * 60_000;

/** How long a lane waits after `attempts` failures in a row before this one: full jitter, as `fraction` says, from 0 to 1. */
export function retryDelayMs(attempts: number, fraction: number): number {
  const longest = Math.min(retryMsBase * 2 ** Math.min(attempts, 30), bounds.effectRetryMsMax);
  return Math.ceil(Math.max(longest * fraction, retryMsMin));
}

/** Wakes a partition that has effects to deliver: the shell delivers them when it has entered the core. */
export function deliverJob(paused: () => boolean): Job {
  return {
    kind: "deliver",
    run({ live, now }) {
      const nothing = live.outbox.ready.size === 0;
      return { next: nothing ? undefined : now + (paused() ? pausedGuardMs : guardMs) };
    },
  };
}

/** Where nothing is delivered: a lane that waits for its next attempt is ready for a Worker that delivers. */
export const forgetRedelivery: Job = { kind: "redeliver", run: () => ({ next: undefined }) };

/** Ends the pause of a lane. Its row stays until something is delivered, and says how often that has failed. */
export function redeliverJob(paused: () => boolean): Job {
  return {
    kind: "redeliver",
    run({ live, now }, key) {
      const lane = live.outbox.lane(key);
      if (!lane) return { next: undefined };
      live.outbox.unpark(lane);
      if (!paused()) return { next: now + guardMs, attempts: lane.attempts };
      // Nothing is tried, so nothing has to be stored each time: one job without a row wakes the partition for all lanes.
      guard(live, now);
      return { next: undefined };
    },
  };
}
