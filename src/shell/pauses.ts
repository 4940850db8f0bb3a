import type { ShellPorts } from "./ports.ts";

interface Pause {
  readonly from: number;
  readonly until: number;
  readonly run: () => void;
}

/**
 * The short pauses of all connections, with one timer for them, which is set after input or output. In production the clock
 * may be no later than the next timer that is due: while each of some connections sets one of a few milliseconds after the
 * other, and turns follow each other, it would go on by those milliseconds only, and rates would refill nothing.
 */
export class Pauses {
  readonly #ports: Pick<ShellPorts, "now" | "timer" | "afterIo">;
  readonly #pauses = new Set<Pause>();
  /** Whether the timer waits for input or output. */
  #awaited = false;
  #cancelTimer = () => {};
  /** When the timer is due; Infinity: there is none. */
  #due = Number.POSITIVE_INFINITY;

  constructor(ports: Pick<ShellPorts, "now" | "timer" | "afterIo">) {
    this.#ports = ports;
  }

  /** Runs `run` once, after `delayMs` milliseconds or a little later. Returns a function that cancels it. */
  begin(run: () => void, delayMs: number): () => void {
    const from = this.#ports.now();
    const pause: Pause = { from, until: from + delayMs, run };
    this.#pauses.add(pause);
    if (pause.until < this.#due) this.#await();
    return () => {
      this.#pauses.delete(pause);
      if (this.#pauses.size === 0) this.#forget();
    };
  }

  #await(): void {
    if (this.#awaited) return;
    this.#forget();
    this.#awaited = true;
    this.#ports.afterIo(() => {
      this.#awaited = false;
      this.#end();
    });
  }

  #forget(): void {
    this.#cancelTimer();
    this.#cancelTimer = () => {};
    this.#due = Number.POSITIVE_INFINITY;
  }

  /** Ends the pauses that are over, and sets the timer for the next one. */
  #end(): void {
    const now = this.#ports.now();
    // Where the clock was set back, nobody knows how much is left.
    const over = [...this.#pauses].filter(({ from, until }) => now >= until || now < from);
    // Those that begin meanwhile are not among them, even where the clock goes on within a turn, as locally.
    for (const pause of over) {
      if (this.#pauses.delete(pause)) pause.run();
    }
    if (this.#awaited || this.#pauses.size === 0) return;
    let due = Number.POSITIVE_INFINITY;
    for (const { until } of this.#pauses) due = Math.min(due, until);
    this.#due = due;
    this.#cancelTimer = this.#ports.timer(
      () => {
        this.#forget();
        this.#await();
      },
      Math.max(due - now, 0),
    );
  }
}
