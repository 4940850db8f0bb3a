/**
 * A durable queue of jobs: priorities, shares, delays, dependencies, leases, retries and dead letters.
 *
 * @module partita/models/jobs
 */
export { jobs } from "./model.ts";
export { estimateWait, hasJobFor, oldestReady, payloadOf, type WaitEstimate } from "./read.ts";
export type { Flow, Job, Jobs, KeyUse, Phase, Queue, Schedule, Worker } from "./state.ts";
