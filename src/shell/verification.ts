import { type Measure, type Partition, Refusal, type Steps, type Turns, type Verified } from "../core/index.ts";
import { bounds } from "../protocol/index.ts";
import { inTurn } from "./in-turn.ts";
import type { Logger } from "../protocol/log-events.ts";

/** How long a request waits for the end of a verification. */
const waitMsMax = 5_000;
/** For this long its result answers who asks again, because another one costs as much as all events together; and one that nobody goes on with is kept. */
const keptMs = 60_000;

interface VerificationHost {
  readonly partition: Pick<Partition, "name" | "verify" | "headAt" | "scheduleVerification">;
  readonly turns: Turns;
  readonly log: Logger;
  readonly measure: Measure;
  now(): number;
  timer(run: () => void, delayMs: number): () => void;
}

/** How far a verification is. */
export interface VerificationRead extends Readonly<Verified> {
  /** The last event of the log now. */
  readonly of: number;
  readonly done: boolean;
}

/** The last verification that was done in this lifetime of the object. */
export interface VerifiedLast {
  /** When it was done, in milliseconds since 1970. */
  readonly at: number;
  /** The last event that it has seen. */
  readonly eventId: number;
  readonly compared: readonly string[];
  readonly findings: Verified["findings"];
}

interface Run {
  readonly verified: Verified;
  readonly steps: Steps<void>;
  /** When its last step was done, in milliseconds since 1970. */
  steppedAt: number;
  /** How many wait for the turn of its next step. */
  waiting: number;
  /** When it was done. */
  doneAt?: number;
  /** What it has thrown. */
  failure?: unknown;
}

/**
 * Verifies the log of a partition, one verification at a time, each step in a turn that has time for it. It goes on while
 * somebody waits for it: a request, or the job.
 */
export class Verification {
  readonly #host: VerificationHost;
  #run: Run | undefined;
  #last: VerifiedLast | undefined;

  constructor(host: VerificationHost) {
    this.#host = host;
  }

  /** Undefined: none was done in this lifetime. */
  get last(): VerifiedLast | undefined {
    return this.#last;
  }

  /**
   * Begins one, or goes on with the one that was begun, for a few seconds. Returns how far it is.
   *
   * @throws Refusal where there is not enough memory, or the state is behind the log.
   */
  async read(): Promise<VerificationRead> {
    const { now, partition } = this.#host;
    const run = this.#current();
    const waited = { over: false };
    const cancel = this.#host.timer(() => (waited.over = true), waitMsMax);
    try {
      while (run.doneAt === undefined && !waited.over) await this.#step(run);
    } finally {
      cancel();
    }
    const { eventId, compared, findings } = run.verified;
    return { eventId, of: partition.headAt(now()), done: run.doneAt !== undefined, compared, findings };
  }

  /**
   * A part of one that is due: about `workMax` of work. The job is due again at once where there is more, and in a week
   * where it cannot be done.
   */
  async runDue(workMax: number = bounds.verifyWorkPerRunMax): Promise<void> {
    const { now, partition, log } = this.#host;
    const run = this.#current();
    try {
      for (let work = 0; run.doneAt === undefined && work < workMax;) work += await this.#step(run);
      partition.scheduleVerification(run.doneAt === undefined ? now() : undefined, now());
    } catch (error) {
      if (!(error instanceof Refusal)) throw error;
      const { code, detail } = error.failure;
      log("not_verified", { ...partition.name, code, reason: detail });
      partition.scheduleVerification(now() + bounds.verifyPeriodMs, now());
    }
  }

  /** Whether there is one that was begun and is not done. */
  get keeps(): boolean {
    return this.#run !== undefined && this.#run.doneAt === undefined;
  }

  /** Lets go of one that nobody goes on with: it has a second state in memory. */
  rest(now: number): void {
    const run = this.#run;
    if (!run || run.doneAt !== undefined || run.waiting > 0 || now - run.steppedAt < keptMs) return;
    this.#run = undefined;
    run.steps.return();
  }

  #current(): Run {
    const { now, partition } = this.#host;
    const kept = this.#run?.doneAt;
    if (kept !== undefined && (now() < kept || now() - kept >= keptMs)) this.#run = undefined;
    if (this.#run) return this.#run;
    const verified: Verified = { eventId: 0, compared: [], findings: [] };
    return (this.#run = { verified, steps: partition.verify(verified, now), steppedAt: now(), waiting: 0 });
  }

  /** Does the next step in its turn. Returns its work. */
  #step(run: Run): Promise<number> {
    const { turns, now } = this.#host;
    run.waiting++;
    return inTurn(turns, () => {
      run.waiting--;
      // Another request that waits for it has done the last step.
      if (run.failure !== undefined) throw run.failure;
      if (run.doneAt !== undefined) return 0;
      try {
        const step = run.steps.next();
        const work = step.done ? 0 : step.value;
        turns.spend(work);
        run.steppedAt = now();
        if (step.done) this.#done(run);
        return work;
      } catch (error) {
        run.failure = error;
        // The next one begins another one.
        if (this.#run === run) this.#run = undefined;
        throw error;
      }
    });
  }

  #done(run: Run): void {
    const { partition, log, measure, now } = this.#host;
    const { eventId, compared, findings } = run.verified;
    run.doneAt = now();
    this.#last = { at: run.doneAt, eventId, compared, findings };
    measure("verifications", 1);
    if (findings.length > 0) measure("findings", findings.length);
    for (const finding of findings) log("verify_finding", { ...partition.name, ...finding });
    log("verified", { ...partition.name, eventId, count: findings.length });
  }
}
