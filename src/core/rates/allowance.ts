import type { Rate } from "../../protocol/index.ts";

/** A grant is what a tenant's rate brings in this time: few questions, and little that one partition keeps from the others. */
const grantMs = 100;
const grantMin = 100;

/**
 * What a partition may still spend of its tenant's rate. The tenant grants it in portions, which are
 * asked for before they are needed, so that nothing waits; so at most a portion for each partition is
 * spent beyond the rate.
 */
export class Allowance {
  readonly #ask: (count: number) => void;
  #grant = grantMin;
  #tokens = grantMin;
  #asking = false;
  /** The tenant has nothing to give before then. */
  #emptyUntil = 0;

  constructor(ask: (count: number) => void) {
    this.#ask = ask;
  }

  set(rate: Rate | null): void {
    const grant = rate ? Math.max(Math.ceil((rate.perSecond * grantMs) / 1_000), grantMin) : grantMin;
    this.#tokens += grant - this.#grant;
    this.#grant = grant;
  }

  /** In how many seconds `count` may be spent; 0: now. */
  secondsUntil(count: number, now: number): number {
    if (this.#tokens >= Math.min(count, this.#grant)) return 0;
    this.#askIfLow(now);
    return Math.max(Math.ceil((this.#emptyUntil - now) / 1_000), 1);
  }

  spend(count: number, now: number): void {
    this.#tokens -= count;
    this.#askIfLow(now);
  }

  giveBack(count: number): void {
    this.#tokens += count;
  }

  /** The tenant's answer. */
  granted(count: number, retryAfterMs: number, now: number): void {
    this.#asking = false;
    this.#tokens += count;
    this.#emptyUntil = now + retryAfterMs;
  }

  #askIfLow(now: number): void {
    if (this.#asking || this.#tokens * 2 > this.#grant || now < this.#emptyUntil) return;
    this.#asking = true;
    // Also what was spent beyond, so that a debt is paid.
    this.#ask(this.#grant - Math.min(this.#tokens, 0));
  }
}
