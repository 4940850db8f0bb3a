import type { Measure, Partition, Turns, Verified } from "../core/index.ts";
import { inTurn } from "./in-turn.ts";
import type { Logger } from "../protocol/log-events.ts";

/** How long a request waits for the end of a verification. */
const waitMsMax = 5_000;
/** For this long its result answers who asks again: another one costs as much as all events together. */
const keptMs = 60_000;

interface VerificationHost {
  readonly partition: Pick<Partition, "name" | "verify" | "headAt">;
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

interface Run {
  readonly verified: Verified;
  /** Resolves when it is done; rejects where it could not be. */
  readonly ended: Promise<void>;
  /** When it was done, in milliseconds since 1970. */
  doneAt?: number;
}

/** Verifies the log of a partition, one verification at a time, each step in a turn that has time for it. */
export class Verification {
  readonly #host: VerificationHost;
  #run: Run | undefined;

  constructor(host: VerificationHost) {
    this.#host = host;
  }

  /**
   * Begins one, or goes on waiting for the one that is under way, for a few seconds. Returns how far it is.
   *
   * @throws Refusal where there is not enough memory, or the state is behind the log.
   */
  async read(): Promise<VerificationRead> {
    const { now, partition } = this.#host;
    const kept = this.#run?.doneAt;
    if (kept !== undefined && (now() < kept || now() - kept >= keptMs)) this.#run = undefined;
    const run = (this.#run ??= this.#begin());
    await this.#wait(run);
    const { eventId, compared, findings } = run.verified;
    return { eventId, of: partition.headAt(now()), done: run.doneAt !== undefined, compared, findings };
  }

  #begin(): Run {
    const verified: Verified = { eventId: 0, compared: [], findings: [] };
    const run: Run = { verified, ended: this.#verify(verified).then(() => this.#done(run)) };
    // Who waits for it learns of it, and the next one begins another one.
    run.ended.catch(() => {
      if (this.#run === run) this.#run = undefined;
    });
    return run;
  }

  async #verify(verified: Verified): Promise<void> {
    const { partition, turns, now } = this.#host;
    const steps = partition.verify(verified, now);
    const next = (): boolean => {
      const step = steps.next();
      turns.spend(step.done ? 0 : step.value);
      return step.done === true;
    };
    while (!(await inTurn(turns, next)));
  }

  #done(run: Run): void {
    const { partition, log, measure, now } = this.#host;
    const { eventId, findings } = run.verified;
    run.doneAt = now();
    measure("verifications", 1);
    if (findings.length > 0) measure("findings", findings.length);
    for (const finding of findings) log("verify_finding", { ...partition.name, ...finding });
    log("verified", { ...partition.name, eventId, count: findings.length });
  }

  #wait({ ended }: Run): Promise<void> {
    return new Promise((resolve, reject) => {
      const cancel = this.#host.timer(resolve, waitMsMax);
      ended.then(resolve, reject).finally(cancel);
    });
  }
}
