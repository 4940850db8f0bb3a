import { bounds } from "../../protocol/index.ts";

/** What turns need of their platform. */
export interface TurnsHost {
  /** Runs `run` when what has arrived by now has been handed over: `setTimeout(run, 0)`. */
  timer(run: () => void): void;
  /** Runs `run` after real input or output. */
  afterIo(run: () => void): void;
}

/**
 * Divides the work of an object into short turns. All partitions of a process share one thread, so what takes long is
 * done in pieces: in the order in which they come, each in the first turn that has not yet done its share of work.
 * What is done at what time depends on it, but never what comes of it.
 */
export class Turns {
  readonly #host: TurnsHost;
  /** The pieces of the next turn, in order. */
  readonly #pieces: (() => void)[] = [];
  #spent = 0;
  /** Whether the next turn is on its way. */
  #awaited = false;
  #running = false;
  /** Turns since the last one that came after input or output. */
  #chained = 0;

  constructor(host: TurnsHost) {
    this.#host = host;
  }

  /** Whether this turn has done its share: what has time waits for the next one. */
  get exhausted(): boolean {
    return this.#spent >= bounds.turnWorkMax;
  }

  /** Whether a piece would run at once: nothing waits, and this turn has not done its share. */
  get free(): boolean {
    return this.#pieces.length === 0 && !this.exhausted;
  }

  /** Counts work that was done in this turn, in the units of `State.work`. */
  spend(work: number): void {
    this.#spent += work;
    // No timer for each small piece while it is quiet: what it has spent counts until the next turn.
    if (this.exhausted) this.#await();
  }

  /** Runs `piece` in the next turn, or in a later one, after the pieces that came before. */
  later(piece: () => void): void {
    this.#pieces.push(piece);
    this.#await();
  }

  #await(): void {
    if (this.#awaited || this.#running) return;
    this.#awaited = true;
    if (this.#chained === bounds.chainedTurnsMax) {
      this.#chained = 0;
      this.#host.afterIo(() => this.#turn());
    } else {
      this.#chained++;
      this.#host.timer(() => this.#turn());
    }
  }

  #turn(): void {
    this.#awaited = false;
    this.#spent = 0;
    this.#running = true;
    try {
      // What comes meanwhile belongs to the next turn.
      for (let left = this.#pieces.length; left > 0 && !this.exhausted; left--) this.#pieces.shift()!();
    } finally {
      this.#running = false;
      this.#spent = 0;
      // After the work: a timer set before it would be due at its end, ahead of the frames that have come meanwhile,
      // and windows would stay small (measured: twice the cost of an event with 1,000 subscribers).
      if (this.#pieces.length > 0) this.#await();
    }
  }
}
