/** What a clamped clock needs of the world around it. */
interface RealTime {
  /** Milliseconds since some moment. */
  now(): number;
  /** Runs `run` after `delayMs`. Returns a function that cancels it. */
  after(delayMs: number, run: () => void): () => void;
}

interface Timer {
  readonly due: number;
  readonly run: () => void;
}

/**
 * The clock and the timers of an object as production may have them, other than local workerd. The clock is set at each
 * entry and stands still until the next; it is never later than the next timer that is due. Timers run in the order of
 * their times, and each takes the process some real time. So a chain of timers of 0 ms stops the clock, and no later timer
 * runs, as long as the chain goes on.
 */
export class ClampedClock {
  readonly #real: RealTime;
  /** How long what a timer runs takes, in milliseconds. */
  readonly #workMs: number;
  /** The time of this entry. */
  #now: number;
  /** In the order of their times. */
  readonly #timers: Timer[] = [];
  #busyUntil = 0;
  #cancelNext = () => {};

  constructor(real: RealTime, workMs: number) {
    this.#real = real;
    this.#workMs = workMs;
    this.#now = real.now();
  }

  get now(): number {
    return this.#now;
  }

  /** How far it is behind the real time, in milliseconds. */
  get lagMs(): number {
    return this.#real.now() - this.#now;
  }

  get timers(): number {
    return this.#timers.length;
  }

  /** The object is entered otherwise than by a timer: a frame, a request, or the end of input or output. */
  enter(): void {
    this.#now = Math.max(this.#now, Math.min(this.#real.now(), this.#timers[0]?.due ?? Number.POSITIVE_INFINITY));
  }

  timer(run: () => void, delayMs: number): () => void {
    const timer: Timer = { due: this.#now + delayMs, run };
    let index = this.#timers.length;
    while (index > 0 && this.#timers[index - 1]!.due > timer.due) index--;
    this.#timers.splice(index, 0, timer);
    this.#awaitNext();
    return () => {
      const found = this.#timers.indexOf(timer);
      if (found < 0) return;
      this.#timers.splice(found, 1);
      this.#awaitNext();
    };
  }

  #awaitNext(): void {
    this.#cancelNext();
    const [first] = this.#timers;
    if (!first) return;
    const at = Math.max(first.due, this.#busyUntil);
    this.#cancelNext = this.#real.after(Math.max(at - this.#real.now(), 0), () => this.#fire());
  }

  #fire(): void {
    this.enter();
    this.#busyUntil = this.#real.now() + this.#workMs;
    try {
      this.#timers.shift()!.run();
    } finally {
      this.#awaitNext();
    }
  }
}
