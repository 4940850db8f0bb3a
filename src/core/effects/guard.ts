import type { Schedule } from "../jobs/schedule.ts";
import type { Outbox } from "./outbox.ts";

/** The first attempt follows the commit. If the object ends before it, or meanwhile, an alarm wakes it after this time. */
export const guardMs = 30_000;

interface Guarded {
  /** Whether effects are delivered here. */
  readonly delivers: boolean;
  readonly outbox: Outbox;
  readonly schedule: Schedule;
}

/** Makes the job due that has effects delivered, where some are to be, and no other attempt is certain. It has no row: the table `outbox` says so. */
export function guard({ delivers, outbox, schedule }: Guarded, now: number): void {
  if (!delivers || outbox.ready.size === 0) schedule.derive("deliver", undefined);
  else if (!schedule.has("deliver")) schedule.derive("deliver", now + guardMs);
}
