import type { Job } from "./job.ts";

/** Forgets a drain when it is over. Until then its row says how long it lasts, over sleep and restarts. */
export const endDrain: Job = { kind: "end_drain", run: () => ({ next: undefined }) };
