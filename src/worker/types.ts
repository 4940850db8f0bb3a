import type { Client } from "../client/index.ts";
import type { Model } from "../model/index.ts";
import type { jobs } from "../models/jobs/index.ts";
import type { JsonObject } from "../protocol/index.ts";

/** A client of a partition with the model `jobs`. */
export type JobsClient =
  typeof jobs extends Model<infer S, infer P, infer Internal> ? Client<S, Omit<P, Internal>, P> : never;

/** A job that a worker has claimed. */
export interface Task {
  /** The name of the job. */
  readonly job: string;
  readonly payload: JsonObject;
  /** 1 for the first one. */
  readonly attempt: number;
  /**
   * The number of this claim: it grows with each claim of the queue. A storage that refuses what comes with a lower number
   * than it has seen is safe from a worker that has lost its lease and does not know it yet.
   */
  readonly fence: number;
  /** The same for each attempt of this job, and of no other one: for what the handler does elsewhere. */
  readonly idempotencyKey: string;
  /** Aborted when the job is not this worker's any more: it was cancelled, or the lease is lost. Nothing is reported then. */
  readonly signal: AbortSignal;
}

/** A worker that runs. */
export interface Worker {
  /** Its name: no other one has it, a worker of the same process after a restart neither. */
  readonly name: string;
  /** The jobs that its handler does now. */
  readonly running: number;
  /**
   * Claims nothing more, gives back what has not begun, and waits until what has begun is done and reported. `abort`: the
   * handlers are asked to end by their signals; what they throw then is reported as a failure.
   */
  stop(options?: { abort?: boolean }): Promise<void>;
}
