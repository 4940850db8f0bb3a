import { courierBounds } from "./bounds.ts";

/** How an attempt ended. */
export type Outcome =
  | { readonly kind: "delivered"; readonly status: number }
  | {
      readonly kind: "failed";
      /** Absent: there was no answer. */
      readonly status?: number;
      /** For people: never a part of the answer, which may contain secrets of the receiver. */
      readonly reason: string;
      /** Whether another attempt cannot help. */
      readonly final: boolean;
      /** How long the endpoint asks to wait, in milliseconds. */
      readonly retryAfterMs?: number;
    };

/** Statuses of 4xx after which the same request may succeed: timeout, too early, too many requests. */
const retryable = new Set([408, 425, 429]);
/** Standard Webhooks: the receiver does not want any more messages. */
export const goneStatus = 410;

/** The outcome of an answer. A redirect is a failure: its target was never checked. */
export function outcomeOf(status: number, retryAfter: string | null, now: number): Outcome {
  if (status >= 200 && status < 300) return { kind: "delivered", status };
  const final = status >= 400 && status < 500 && !retryable.has(status);
  const reason = status >= 300 && status < 400 ? `The endpoint redirected (${status}).` : `The status was ${status}.`;
  const retryAfterMs = final ? undefined : retryAfterMsOf(retryAfter, now);
  return { kind: "failed", status, reason, final, ...(retryAfterMs === undefined ? {} : { retryAfterMs }) };
}

/** The value of a `Retry-After`, seconds or a date, in milliseconds from now; undefined: it says nothing. */
export function retryAfterMsOf(value: string | null, now: number): number | undefined {
  if (value === null) return undefined;
  const text = value.trim();
  const ms = /^\d+$/.test(text) ? Number(text) * 1_000 : Date.parse(text) - now;
  if (Number.isNaN(ms)) return undefined;
  return Math.min(Math.max(ms, 0), courierBounds.retryAfterMsMax);
}

/** The delay before the next attempt, after `attempts` failures: exponential, with full jitter. `fraction`: random, from 0 to 1. */
export function retryDelayMs(attempts: number, fraction: number): number {
  const { retryMsMin, retryMsMax, retryMsFloor } = courierBounds;
  const longest = Math.min(retryMsMin * 2 ** Math.min(attempts - 1, 30), retryMsMax);
  return Math.max(Math.ceil(longest * fraction), retryMsFloor);
}
