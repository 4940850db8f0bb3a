import { type Job, retryDelayMs } from "./job.ts";

/**
 * Seals the next segment of the log where it is whole. `seal` does it in several turns, because a signature comes later,
 * and makes the job due at once where there is another one; where it fails, the job is due later. The job has no row: that
 * the log is longer than what is sealed says that it is due.
 */
export function sealJob(seal: () => Promise<void>): Job {
  return {
    kind: "seal",
    run({ live: { head, sealing }, now }) {
      if (head.eventId < sealing.wholeAt) return { next: undefined };
      return { next: now + retryDelayMs(sealing.attempts++, 1), followUp: seal };
    },
  };
}
