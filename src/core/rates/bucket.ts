import type { Rate } from "../../protocol/index.ts";

/** A token bucket: how many tokens there were, and when. Below zero where more was taken than there was. */
export interface Bucket {
  level: number;
  /** Milliseconds since 1970. */
  at: number;
}

export function fullBucket({ burst }: Rate, now: number): Bucket {
  return { level: burst, at: now };
}

/** So much less than a token counts as a token: the sums of a bucket are rounded. */
const tolerance = 1e-6;

/** Lets the bucket fill up to `now`; a clock that was set back takes nothing away. */
export function refill(bucket: Bucket, { perSecond, burst }: Rate, now: number): void {
  bucket.level = Math.min(burst, bucket.level + (Math.max(now - bucket.at, 0) * perSecond) / 1_000);
  bucket.at = now;
}

/**
 * In how many seconds `count` may be taken; 0: now. What is more than the whole burst may be taken
 * when the bucket is full: it leaves a debt.
 */
export function secondsUntil(bucket: Bucket, { perSecond, burst }: Rate, count: number): number {
  const missing = Math.min(count, burst) - bucket.level;
  return missing <= tolerance ? 0 : Math.max(Math.ceil(missing / perSecond), 1);
}

/** When the bucket is full again, in milliseconds since 1970; of a rate that is next to nothing, as late as can be said. */
export function fullAt({ level, at }: Bucket, { perSecond, burst }: Rate): number {
  return Math.min(Math.ceil(at + ((burst - level) / perSecond) * 1_000), Number.MAX_SAFE_INTEGER);
}
