import { courierBounds } from "./bounds.ts";
import type { Outcome } from "./outcome.ts";

/**
 * The circuit breaker of an endpoint. Closed: it sends. Open: it does not, until a time. Half-open, after that time: one
 * attempt decides. A value, never changed.
 */
export interface Breaker {
  /** Failures in a row; an endpoint that refuses a message for good has answered, and does not count. */
  readonly failures: number;
  /** How often in a row it was opened by failures. */
  readonly opens: number;
  /** When it was opened last, and until when; 0: closed. Milliseconds since 1970. */
  readonly openedAt: number;
  readonly openUntil: number;
  /** Since when nothing was delivered and something failed; 0: the last attempt was delivered. */
  readonly failingSince: number;
}

export const closedBreaker: Breaker = { failures: 0, opens: 0, openedAt: 0, openUntil: 0, failingSince: 0 };

export function breakerState({ openedAt, openUntil }: Breaker, now: number): "closed" | "open" | "half_open" {
  if (openUntil === 0) return "closed";
  // A clock that was set back must not prolong it.
  return now >= openedAt && now < openUntil ? "open" : "half_open";
}

/** How many more attempts may begin while `running` are running. */
export function attemptsAllowed(breaker: Breaker, running: number, now: number): number {
  switch (breakerState(breaker, now)) {
    case "open":
      return 0;
    case "half_open":
      return running === 0 ? 1 : 0;
    case "closed":
      return Math.max(courierBounds.attemptsMax - running, 0);
  }
}

/** The breaker after an attempt. `fraction`: random, from 0 to 1. */
export function afterAttempt(breaker: Breaker, outcome: Outcome, now: number, fraction: number): Breaker {
  if (outcome.kind === "delivered") return closedBreaker;
  const failingSince = breaker.failingSince === 0 ? now : breaker.failingSince;
  if (outcome.final) return { ...closedBreaker, failingSince };
  const failures = breaker.failures + 1;
  const heldUntil = now + (outcome.retryAfterMs ?? 0);
  const state = breakerState(breaker, now);
  // An attempt that began before it was opened says nothing new.
  if (state === "open") {
    return { ...breaker, failures, failingSince, openUntil: Math.max(breaker.openUntil, heldUntil) };
  }
  const opens = state === "half_open" || failures >= courierBounds.breakerFailures ? breaker.opens + 1 : breaker.opens;
  if (opens === breaker.opens) {
    if (outcome.retryAfterMs === undefined) return { ...breaker, failures, failingSince };
    return { ...breaker, failures, failingSince, openedAt: now, openUntil: Math.max(heldUntil, 1) };
  }
  return {
    failures,
    opens,
    failingSince,
    openedAt: now,
    openUntil: Math.max(now + openMs(opens, fraction), heldUntil),
  };
}

/** How long it is open for the `opens`-th time in a row: from half of it to all of it. */
function openMs(opens: number, fraction: number): number {
  const { breakerMsMin, breakerMsMax } = courierBounds;
  return Math.ceil(Math.min(breakerMsMin * 2 ** Math.min(opens - 1, 30), breakerMsMax) * (0.5 + fraction / 2));
}
