import type { Schedule } from "../schedule.ts";
import type { Reporter } from "./reporter.ts";

/** Attempts to connect in a row that must not all come within this time, in milliseconds. */
const hastyAttempts = 12;
const hastyMs = 3_000;
/** A connection that held so long ends a row of failures. */
const stableMs = 10_000;

/** How a client connects: not before it was asked to, and ever more slowly while that fails. */
export class Attempts {
  readonly #schedule: Schedule;
  readonly #reporter: Reporter;
  /** When the last ones were. */
  readonly #row: number[] = [];
  #notBefore = 0;

  constructor(schedule: Schedule, reporter: Reporter) {
    this.#schedule = schedule;
    this.#reporter = reporter;
  }

  begin(): void {
    const { now } = this.#schedule;
    this.#reporter.check(now >= this.#notBefore, () => `connects ${this.#notBefore - now} ms before it was asked to`);
    this.#row.push(now);
    if (this.#row.length > hastyAttempts) this.#row.shift();
    const [first = now] = this.#row;
    const hasty = this.#row.length === hastyAttempts && now - first < hastyMs;
    this.#reporter.check(!hasty, () => `has connected ${hastyAttempts} times in ${now - first} ms`);
  }

  /** A connection that was opened at `openedAt`, if it was, is over. */
  end(openedAt: number | undefined): void {
    if (openedAt !== undefined && this.#schedule.now - openedAt > stableMs) this.#row.length = 0;
  }

  /** The server has asked not to come back for so long. */
  postpone(ms: number): void {
    this.#notBefore = this.#schedule.now + ms;
  }

  /** Something has given it a reason to connect at once. */
  nudged(): void {
    this.#row.length = 0;
    this.#notBefore = 0;
  }
}
