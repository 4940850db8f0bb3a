import { type Job, retryDelayMs } from "./job.ts";

/**
 * Folds the log where it was too long to be folded when it was loaded: after a new version of the model, or where the
 * newest snapshot is damaged. `fold` folds a part of it in several turns, stores the state, and makes the job due at once:
 * another event of the platform, which has its own limit of CPU. Where it fails, the job is due later. The job has no row:
 * that the newest snapshot is behind the log says that it is due. So it goes on after a crash, and from that snapshot.
 */
export function rebuildJob(fold: () => Promise<void>): Job {
  return {
    kind: "rebuild",
    run({ live, now }) {
      if (live.fold.behind === undefined) return { next: undefined };
      return { next: now + retryDelayMs(0, 1), followUp: fold };
    },
  };
}
