import { Cron } from "croner";
import type { Recurrence } from "../../storage/port.ts";

/**
 * When a timer is due the next time after `after`, in milliseconds since 1970; undefined: never any more. Where a clock is
 * set forward, what falls into the hour that is left out is due after it; where it is set back, a time of day comes once.
 *
 * @throws TypeError where it is no pattern, or no name of a time zone.
 */
export function nextOccurrence({ cron, timeZone }: Recurrence, after: number): number | undefined {
  try {
    // Without a function it has no timer of its own.
    const next = new Cron(cron, { timezone: timeZone, mode: "5-or-6-parts" }).nextRun(new Date(after));
    return next?.getTime();
  } catch (error) {
    throw new TypeError(`"${cron}" in "${timeZone}" has no times`, { cause: error });
  }
}
