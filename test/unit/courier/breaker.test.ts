import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { courierBounds } from "../../../src/courier/bounds.ts";
import {
  afterAttempt,
  attemptsAllowed,
  type Breaker,
  breakerState,
  closedBreaker,
} from "../../../src/courier/breaker.ts";
import { type Outcome, outcomeOf, retryAfterMsOf, retryDelayMs } from "../../../src/courier/outcome.ts";

const now = 1_700_000_000_000;
const delivered: Outcome = { kind: "delivered", status: 200 };
const failed: Outcome = { kind: "failed", status: 500, reason: "The status was 500.", final: false };
const refused: Outcome = { kind: "failed", status: 400, reason: "The status was 400.", final: true };

function after(outcomes: readonly Outcome[], at = now): Breaker {
  return outcomes.reduce((breaker, outcome) => afterAttempt(breaker, outcome, at, 1), closedBreaker);
}

describe("the breaker of an endpoint", () => {
  it("[LC-9] opens after five failures in a row, and lets one attempt through when its time is over", () => {
    const four = after(Array.from({ length: 4 }, () => failed));
    expect(attemptsAllowed(four, 0, now)).toBe(courierBounds.attemptsMax);
    const open = afterAttempt(four, failed, now, 1);
    expect(breakerState(open, now)).toBe("open");
    expect(attemptsAllowed(open, 0, now + courierBounds.breakerMsMin - 1)).toBe(0);
    const later = now + courierBounds.breakerMsMin;
    expect(breakerState(open, later)).toBe("half_open");
    expect(attemptsAllowed(open, 0, later)).toBe(1);
    expect(attemptsAllowed(open, 1, later)).toBe(0);
    expect(afterAttempt(open, delivered, later, 1)).toEqual(closedBreaker);
    const again = afterAttempt(open, failed, later, 1);
    expect(again.openUntil - later).toBe(2 * courierBounds.breakerMsMin);
  });

  it("[LC-9] is not opened by messages that the endpoint refuses: it answers", () => {
    const breaker = after([failed, failed, failed, failed, refused, failed, failed, failed, failed]);
    expect(breakerState(breaker, now)).toBe("closed");
    expect(breaker.failingSince).toBe(now);
  });

  it("[LC-9] waits as long as the endpoint asks", () => {
    const breaker = after([{ ...failed, retryAfterMs: 7_000 } as Outcome]);
    expect(attemptsAllowed(breaker, 0, now + 6_999)).toBe(0);
    expect(attemptsAllowed(breaker, 0, now + 7_000)).toBe(1);
  });

  it("[LC-9] is not kept open by a clock that was set back", () => {
    const open = after(Array.from({ length: 5 }, () => failed));
    expect(breakerState(open, now - 1)).toBe("half_open");
  });

  it("[LC-9] with any outcomes at any times: it is never open for longer than its bound, and half-open lets one through", () => {
    const outcome = fc.constantFrom(delivered, failed, refused);
    const steps = fc.array(
      fc.record({
        outcome,
        afterMs: fc.integer({ min: 0, max: 600_000 }),
        fraction: fc.double({ min: 0, max: 0.99, noNaN: true }),
      }),
      { maxLength: 60 },
    );
    fc.assert(
      fc.property(steps, (given) => {
        let breaker = closedBreaker;
        let at = now;
        let running = 0;
        for (const { outcome: result, afterMs, fraction } of given) {
          at += afterMs;
          const allowed = attemptsAllowed(breaker, 0, at);
          expect(allowed).toBeLessThanOrEqual(courierBounds.attemptsMax);
          if (breakerState(breaker, at) === "open")
            expect(breaker.openUntil - at).toBeLessThanOrEqual(courierBounds.breakerMsMax);
          else expect(allowed).toBeGreaterThan(0);
          expect(attemptsAllowed(breaker, courierBounds.attemptsMax, at)).toBe(0);
          if (allowed === 0) continue;
          running++;
          breaker = afterAttempt(breaker, result, at, fraction);
          if (result.kind === "delivered") expect(breaker).toEqual(closedBreaker);
          else expect(breaker.failingSince).toBeGreaterThan(0);
        }
        expect(running).toBeGreaterThanOrEqual(0);
        // However it was: it is asked again after the longest time.
        expect(attemptsAllowed(breaker, 0, at + courierBounds.breakerMsMax)).toBeGreaterThan(0);
      }),
    );
  });
});

describe("the outcome of an attempt", () => {
  it.each([200, 201, 204, 299])("[TX-12] is a delivery with %i", (status) =>
    expect(outcomeOf(status, null, now)).toEqual({ kind: "delivered", status }),
  );

  it.each([301, 302, 307, 308, 500, 502, 503, 599, 408, 425, 429, 100])("[TX-13] is tried again after %i", (status) =>
    expect(outcomeOf(status, null, now)).toMatchObject({ kind: "failed", final: false }),
  );

  it.each([400, 401, 403, 404, 405, 410, 413, 422])("[TX-13] is final with %i", (status) =>
    expect(outcomeOf(status, "7", now)).toMatchObject({ kind: "failed", final: true }),
  );

  it("[TX-13] has the wait that the endpoint asks for, in seconds or as a date, at most a day", () => {
    expect(retryAfterMsOf("7", now)).toBe(7_000);
    expect(retryAfterMsOf(new Date(now + 9_000).toUTCString(), now)).toBe(9_000);
    expect(retryAfterMsOf(new Date(now - 9_000).toUTCString(), now)).toBe(0);
    expect(retryAfterMsOf("99999999999999999999", now)).toBe(courierBounds.retryAfterMsMax);
    expect([null, "", "soon", "-1x"].map((value) => retryAfterMsOf(value, now))).toEqual([
      undefined,
      undefined,
      undefined,
      undefined,
    ]);
    expect(outcomeOf(503, "7", now)).toMatchObject({ retryAfterMs: 7_000 });
  });

  it("[TX-13] is tried again after a delay that doubles, with full jitter, up to its bound", () => {
    expect([1, 2, 3, 4].map((attempts) => retryDelayMs(attempts, 1))).toEqual([1_000, 2_000, 4_000, 8_000]);
    expect(retryDelayMs(10_000, 1)).toBe(courierBounds.retryMsMax);
    expect(retryDelayMs(4, 0.5)).toBe(4_000);
    expect(retryDelayMs(4, 0)).toBe(courierBounds.retryMsFloor);
  });
});
