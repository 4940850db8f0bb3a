// The real one, also where a test runner has replaced the global by its own clock.
import { setImmediate } from "node:timers";

interface Task {
  readonly at: number;
  readonly run: () => void;
}

/** Turns of the event loop without anything to do, after which nothing is under way. */
const quietTurnsMin = 3;
/** How long `until` waits for a condition, in milliseconds of real time: loading a file on a slow machine takes a part of it. */
const waitMsMax = 20_000;

/**
 * The time of a test. It stands still unless a test advances it: what is due now runs by itself, what is due later runs
 * in `advance`.
 */
export class TestClock {
  #now: number;
  /** By time, and then in the order of creation. */
  readonly #tasks: Task[] = [];
  #pumping = false;
  /** Counts what has run. */
  #ran = 0;

  constructor(now: number) {
    this.#now = now;
  }

  /** Milliseconds since 1970. */
  get now(): number {
    return this.#now;
  }

  /** Runs `run` after `delayMs`. Returns a function that cancels it. */
  after(delayMs: number, run: () => void): () => void {
    // Clocks return whole milliseconds.
    const task: Task = { at: this.#now + Math.max(0, Math.ceil(delayMs)), run };
    let index = this.#tasks.length;
    while (index > 0 && this.#tasks[index - 1]!.at > task.at) index--;
    this.#tasks.splice(index, 0, task);
    if (task.at <= this.#now) this.#pump();
    return () => {
      const found = this.#tasks.indexOf(task);
      if (found >= 0) this.#tasks.splice(found, 1);
    };
  }

  /** Advances the time, and runs in order what becomes due. */
  async advance(ms: number): Promise<void> {
    const end = this.#now + ms;
    for (let next; (next = this.#tasks[0]) && next.at <= end;) {
      this.#now = Math.max(this.#now, next.at);
      await this.quiet();
    }
    this.#now = end;
    await this.quiet();
  }

  /** Resolves when nothing is due, and what was promised has come about. */
  async quiet(): Promise<void> {
    for (let quiet = 0; quiet < quietTurnsMin; quiet++) {
      const before = this.#ran;
      this.#runDue();
      await turn();
      if (this.#ran !== before) quiet = -1;
    }
  }

  /** Resolves when `missing` returns undefined. Throws what it returns, if it goes on to return something. */
  async until(missing: () => string | undefined): Promise<void> {
    const deadline = performance.now() + waitMsMax;
    for (;;) {
      await this.quiet();
      const what = missing();
      if (what === undefined) return;
      if (performance.now() > deadline)
        throw new Error(`${what}. The time of a test stands still: advance(ms) moves it.`);
    }
  }

  #pump(): void {
    if (this.#pumping) return;
    this.#pumping = true;
    setImmediate(() => {
      this.#pumping = false;
      this.#runDue();
    });
  }

  #runDue(): void {
    while (this.#tasks[0] && this.#tasks[0].at <= this.#now) {
      this.#ran++;
      this.#tasks.shift()!.run();
    }
  }
}

const turn = (): Promise<void> => new Promise((resolve) => setImmediate(resolve));
