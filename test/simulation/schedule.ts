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

  /** What a clock shows that is right: milliseconds since 1970. */
  get epochNow(): number {
    return epochMs + this.now;
  }

  /** What the server's clock shows. It may jump, either way. */
  get serverNow(): number {
    return this.epochNow + this.skewMs;
  }

  /** Runs `run` in `delayMs` from now; returns how to cancel that. */
  after(delayMs: number, run: () => void): () => void {
    const task: Task = { at: this.now + delayMs, run };
    let index = this.#tasks.length;
    while (index > 0 && this.#tasks[index - 1]!.at > task.at) index--;
    this.#tasks.splice(index, 0, task);
    return () => {
      const found = this.#tasks.indexOf(task);
      if (found >= 0) this.#tasks.splice(found, 1);
    };
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
