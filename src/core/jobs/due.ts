import type { JobKind, StorageReads, StorageWrites } from "../../storage/port.ts";
import type { Live } from "../live.ts";

/** How long a rejection is remembered (ID-10: 30 days, never under 24 hours). */
export const rejectionRetentionMs = 30 * 24 * 60 * 60 * 1_000;
/** How often sockets are looked over for peers that vanished without a Close, while there are any. */
export const socketSweepMs = 10 * 60 * 1_000;
/** Rejections that one transaction of the sweep deletes. */
const sweepRecordsMax = 500;
/** Jobs that one alarm runs. */
export const jobsPerRunMax = 100;

/** Whether a rejection is past its retention: then it is never served, swept or not. */
export function expired(rejection: { createdAt: number }, now: number): boolean {
  return rejection.createdAt < now - rejectionRetentionMs;
}

/** Makes `kind` due at `at`, if it is not due already. */
export function scheduleOnce(live: Live, writes: StorageWrites, kind: JobKind, at: number): void {
  if (!live.due.has(kind)) reschedule(live, writes, kind, at);
}

/** Makes `kind` due at `at`, or, for undefined, no more. */
export function reschedule(live: Live, writes: StorageWrites, kind: JobKind, at: number | undefined): void {
  if (at === undefined) {
    writes.jobs.remove(kind, "");
    live.due.delete(kind);
  } else {
    writes.jobs.put({ kind, key: "", dueAt: at, attempts: 0 });
    live.due.set(kind, at);
  }
}

/** When the alarm has to come next. */
export function nextDue(live: Live): number | undefined {
  // A loop: it is asked for with each frame that comes.
  let next: number | undefined;
  for (const at of live.due.values()) if (next === undefined || at < next) next = at;
  return next;
}

/** Forgets rejections past their retention, a bounded number. Returns when to go on, if there are any left. */
export function sweepRecords(
  reads: StorageReads,
  writes: StorageWrites,
  now: number,
): { swept: number; next: number | undefined } {
  const swept = writes.rejections.sweep(now - rejectionRetentionMs, sweepRecordsMax);
  const oldest = reads.rejections.oldest();
  return { swept, next: oldest === undefined ? undefined : Math.max(oldest + rejectionRetentionMs + 1, now) };
}
