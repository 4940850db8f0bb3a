import { Cron } from "croner";
import type { NextOccurrence } from "./recurrence.ts";

/**
 * Where a clock is set forward, what falls into the hour that is left out is due after it; where it is set back, a time of
 * day comes once.
 */
export const nextOccurrence: NextOccurrence = ({ cron, timeZone }, after) => {
  try {
    // Without a function it has no timer of its own.
    const next = new Cron(cron, { timezone: timeZone, mode: "5-or-6-parts" }).nextRun(new Date(after));
    return next?.getTime();
  } catch (error) {
    throw new TypeError(`"${cron}" in "${timeZone}" has no times`, { cause: error });
  }
};
