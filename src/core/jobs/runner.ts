import type { JobRow } from "../../storage/port.ts";
import type { FanOut } from "../delivery/fan-out.ts";
import type { Environment } from "../environment.ts";
import type { Memory } from "../memory.ts";
import { describe } from "../ports.ts";
import { type Job, type JobResult, retryDelayMs } from "./job.ts";

/** What is left to do after a job, over several turns. */
export type FollowUp = NonNullable<JobResult["followUp"]>;

/** Jobs that one alarm runs. */
const jobsPerRunMax = 100;

/** Runs the jobs of a partition that are due, each in a transaction of its own, and those that failed again later. */
export class JobRunner {
  readonly #environment: Environment;
  readonly #memory: Memory;
  readonly #fanOut: FanOut;
  readonly #jobs: ReadonlyMap<string, Job>;
  /** No job runs before then, in milliseconds since 1970: one has failed, and its delay could not be stored. */
  #heldUntil = 0;

  constructor(environment: Environment, memory: Memory, fanOut: FanOut, jobs: readonly Job[]) {
    this.#environment = environment;
    this.#memory = memory;
    this.#fanOut = fanOut;
    this.#jobs = new Map(jobs.map((job) => [job.kind, job]));
  }

  /** When the alarm has to come next; undefined: never. */
  get nextDue(): number | undefined {
    const next = this.#memory.live?.schedule.next;
    return next === undefined ? undefined : Math.max(next, this.#heldUntil);
  }

  /** See `Partition.runJobs`. */
  run(now: number): readonly FollowUp[] {
    const followUps: FollowUp[] = [];
    const { measure } = this.#environment.ports;
    for (const row of this.#due(now)) {
      try {
        const followUp = this.#runJob(row, now);
        measure("jobs", 1, row.kind);
        if (followUp) followUps.push(followUp);
      } catch (error) {
        const { kind, key } = row;
        measure("job_failures", 1, kind);
        const { name, ports } = this.#environment;
        ports.log("job_failed", { ...name, kind, key, error: describe(error) });
        this.#retry(row, now);
      }
    }
    // What is due next has to be known, or no alarm would come. If even this fails, the platform runs the alarm again.
    this.#memory.load(now);
    return followUps;
  }

  #due(now: number): readonly JobRow[] {
    try {
      return this.#memory.load(now).schedule.due(now, jobsPerRunMax);
    } catch (error) {
      this.#heldUntil = now + this.#retryDelayMs(0);
      throw error;
    }
  }

  #runJob(row: JobRow, now: number): FollowUp | undefined {
    const job = this.#jobs.get(row.kind);
    if (!job) throw new Error("no job of this kind is known here");
    job.before?.(now);
    // Each time: a job that failed before this one has dropped what was in memory.
    const live = this.#memory.load(now);
    return this.#memory.write(now, (writes) => {
      const { model, ports } = this.#environment;
      const { storage: reads, log } = ports;
      const context = { model, live, reads, writes, log, attended: this.#fanOut.mayVanish, now };
      const { next, attempts, followUp } = job.run(context, row.key);
      live.schedule.succeeded(writes, row, next, attempts);
      return { followUp };
    }).followUp;
  }

  /** Makes a job that failed due again after its delay. */
  #retry(row: JobRow, now: number): void {
    const retryAt = now + this.#retryDelayMs(row.attempts);
    try {
      const live = this.#memory.load(now);
      this.#memory.write(now, (writes) => live.schedule.failed(writes, row, retryAt));
    } catch (error) {
      // Its row says that it is due now. No job runs before the delay is over, or the alarm would come again at once.
      this.#heldUntil = retryAt;
      const { name, ports } = this.#environment;
      ports.log("job_not_scheduled", { ...name, error: describe(error) });
    }
  }

  #retryDelayMs(attempts: number): number {
    return retryDelayMs(attempts, this.#environment.ports.random.fraction());
  }
}
