import { type Bucket, fullBucket, refill, secondsUntil } from "../core/rates/bucket.ts";
import type { Failure, Rate } from "../protocol/index.ts";

/**
 * What lists of partitions may cost one principal: a unit for each list and for each partition that is asked for it, which
 * may wake it up. At once as much as 2,000 partitions that are asked.
 */
export const listingRate: Rate = { perSecond: 50, burst: 2_000 };
/** Principals whose use is known, about 100 bytes each. Beyond it, the one with the oldest request is forgotten. */
const principalsMax = 10_000;

/** What the principals of a tenant have listed of its partitions. In memory only: a restart forgets it. */
export class Listings {
  readonly #buckets = new Map<string, Bucket>();

  /** Takes `count` units. Returns why they are refused, or undefined. */
  take(principal: string, count: number, now: number): Failure | undefined {
    const bucket = this.#buckets.get(principal) ?? fullBucket(listingRate, now);
    this.#buckets.delete(principal);
    if (this.#buckets.size >= principalsMax) this.#buckets.delete(this.#buckets.keys().next().value!);
    this.#buckets.set(principal, bucket);
    refill(bucket, listingRate, now);
    const seconds = secondsUntil(bucket, listingRate, count);
    if (seconds > 0) return tooMany(seconds);
    bucket.level -= count;
    return undefined;
  }
}

function tooMany(retryAfter: number): Failure {
  const { perSecond, burst } = listingRate;
  return {
    code: "rate_limited",
    detail: `You have listed more partitions than is allowed: ${burst} at once, and then ${perSecond} a second. Send the same again in ${retryAfter} s.`,
    retryAfter,
    rateLimit: { policy: "reads", quota: burst, windowSeconds: burst / perSecond },
  };
}
