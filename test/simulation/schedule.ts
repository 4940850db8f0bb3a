/** 2023-11-14: the start of the clock in every run, in milliseconds since 1970. */
const epochMs = 1_700_000_000_000;

interface Task {
  readonly at: number;
  readonly run: () => void;
}

/** The simulated time, and its tasks in order. Tasks of one millisecond run in the order of creation. */
export class Schedule {
  /** Milliseconds since the run began. */
  now = 0;
  /** The error of the server's clock, in milliseconds. */
  skewMs = 0;
  readonly #tasks: Task[] = [];

  /** The time of a correct clock, in milliseconds since 1970. */
  get epochNow(): number {
    return epochMs + this.now;
  }

  /** The time of the server's clock. It can jump in both directions. */
  get serverNow(): number {
    return this.epochNow + this.skewMs;
  }

  /** Runs `run` after `delayMs`. Returns a function that cancels it. */
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

  /** Advances the time to the next task, and runs it. Returns false if there is none. */
  step(): boolean {
    const task = this.#tasks.shift();
    if (!task) return false;
    this.now = task.at;
    task.run();
    return true;
  }
}
