/** 2023-11-14: where the clock of every run begins, in milliseconds since 1970. */
const epochMs = 1_700_000_000_000;

interface Task {
  readonly at: number;
  readonly run: () => void;
}

/** Owns time: what is to happen, in its order. Tasks of one millisecond run in the order they were made. */
export class Schedule {
  /** Milliseconds since the run began. */
  now = 0;
  /** How far the server's clock is off, in milliseconds. */
  skewMs = 0;
  readonly #tasks: Task[] = [];

  /** What the server's clock shows: milliseconds since 1970. It may jump, either way. */
  get serverNow(): number {
    return epochMs + this.now + this.skewMs;
  }

  /** Runs `run` in `delayMs` from now. */
  after(delayMs: number, run: () => void): void {
    const at = this.now + delayMs;
    let index = this.#tasks.length;
    while (index > 0 && this.#tasks[index - 1]!.at > at) index--;
    this.#tasks.splice(index, 0, { at, run });
  }

  /** Moves time to the next task and runs it. False: there is none. */
  step(): boolean {
    const task = this.#tasks.shift();
    if (!task) return false;
    this.now = task.at;
    task.run();
    return true;
  }
}
