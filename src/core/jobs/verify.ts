import type { Job } from "./job.ts";

/** Where what a run has begun is lost, as in a crash, the next one begins again a day later: it can cost as much as all events. */
const lostMs = 24 * 60 * 60 * 1_000;

/**
 * Verifies the log. Each snapshot makes it due a week later, where it is not due already: so a partition is verified at
 * most once a week, and not where nothing much has come. One without a snapshot is folded as a whole whenever it is
 * loaded. `verify` does a part of it in several turns, and makes the job due at once where there is more.
 */
export function verifyJob(verify: () => Promise<void>): Job {
  return { kind: "verify", run: ({ now }) => ({ next: now + lostMs, followUp: verify }) };
}
