import type { Job } from "./job.ts";

/** How long a rejection is remembered (ID-10: 30 days, never under 24 hours). */
export const rejectionRetentionMs = 30 * 24 * 60 * 60 * 1_000;
/** Rejections that one run deletes. */
const sweepRecordsMax = 500;

/** Whether a rejection is past its retention: then it is never served, deleted or not. */
export function isPastRetention(rejection: { createdAt: number }, now: number): boolean {
  return rejection.createdAt < now - rejectionRetentionMs;
}

/** Deletes rejections past their retention. */
export const sweepRecords: Job = {
  kind: "sweep_records",
  run({ live, reads, writes, log, now }) {
    const swept = writes.rejections.sweep(now - rejectionRetentionMs, sweepRecordsMax);
    live.rejections.clear();
    log("rejections_swept", { count: swept });
    const oldest = reads.rejections.oldest();
    return { next: oldest === undefined ? undefined : Math.max(oldest + rejectionRetentionMs + 1, now) };
  },
};
