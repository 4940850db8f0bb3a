import type { Schedule } from "../schedule.ts";
import type { Reporter } from "./reporter.ts";

/** Several attempts to connect in a row must take at least this time, in milliseconds. */
const hastyAttempts = 12;
const hastyMs = 3_000;
/** A connection of this length ends a row of failures. */
const stableMs = 10_000;

/** Checks how a client connects: not before the server allows it, and with growing delays while that fails. */
export class Attempts {
  readonly #schedule: Schedule;
  readonly #reporter: Reporter;
  /** The times of the last attempts. */
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

  /** A connection has ended; it was opened at `openedAt`, if at all. */
  end(openedAt: number | undefined): void {
    if (openedAt !== undefined && this.#schedule.now - openedAt > stableMs) this.#row.length = 0;
  }

  /** The server has asked for a delay before the next attempt. */
  postpone(ms: number): void {
    this.#notBefore = this.#schedule.now + ms;
  }

  /** The client has a reason to connect at once. */
  retriesAtOnce(): void {
    this.#row.length = 0;
    this.#notBefore = 0;
  }
}
