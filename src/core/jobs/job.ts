import type { AnyModel } from "../../model/index.ts";
import type { JobKind, StorageReads, StorageWrites } from "../../storage/port.ts";
import type { Live } from "../live.ts";
import type { Logger } from "../../protocol/log-events.ts";

/** What a job works with, in its transaction. */
interface JobContext {
  readonly model: AnyModel;
  readonly live: Live;
  readonly reads: StorageReads;
  readonly writes: StorageWrites;
  readonly log: Logger;
  /** Whether there are connections to look after, because their peers can vanish. */
  readonly attended: boolean;
  readonly now: number;
}

/** What a job has done. */
export interface JobResult {
  /** When it is due again, in milliseconds since 1970; undefined: not any more. */
  readonly next: number | undefined;
  /** Then: how often what it stands for has failed; absent: not at all. */
  readonly attempts?: number;
  /** What is left to do after the commit, over several turns. If it is lost in a crash, only time is lost. */
  readonly followUp?: () => Promise<void>;
}

/** Internal work that is done when it is due. Idempotent: after a crash, or a commit in doubt, it runs again. */
export interface Job {
  readonly kind: JobKind;
  /** Runs before the transaction: what leaves the object must not do so inside it. */
  before?(now: number): void;
  /** Runs in a transaction of its own. What it throws rolls that back, and the job is due again later. */
  run(context: JobContext, key: string): JobResult;
}

/** The delay before the first retry, and the longest one, in milliseconds. */
const retryMsMin = 5_000;
const retryMsMax = 10 * 60 * 1_000;

/** How long a job waits after `attempts` failures in a row: the delay doubles, with jitter. `fraction`: random, from 0 to 1. */
export function retryDelayMs(attempts: number, fraction: number): number {
  const longest = Math.min(retryMsMin * 2 ** Math.min(attempts, 30), retryMsMax);
  return Math.ceil(Math.max(retryMsMin, longest * (0.5 + fraction / 2)));
}
