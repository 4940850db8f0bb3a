import type { Recurrence } from "../../storage/port.ts";

/**
 * When a timer is due the next time after `after`, in milliseconds since 1970; undefined: never any more.
 *
 * @throws TypeError where it is no pattern, or no name of a time zone.
 */
export type NextOccurrence = (recurrence: Recurrence, after: number) => number | undefined;
