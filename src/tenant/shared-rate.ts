import { type Bucket, fullBucket, refill, secondsUntil } from "../core/rates/bucket.ts";
import type { Failure, Rate } from "../protocol/index.ts";

/** What a rate is for. `done`: what was done too often, in a message. */
interface Purpose {
  readonly policy: NonNullable<Failure["rateLimit"]>["policy"];
  readonly done: string;
  readonly each: Rate;
  readonly all: Rate;
}

/**
 * What lists of partitions may cost: a unit for each list and for each partition that is asked for it, which may wake it
 * up. One principal may ask 2,000 partitions at once. Lists by figures look through the whole directory: of all principals
 * together a number that takes a part of the time of its objects.
 */
export const listingPurpose: Purpose = {
  policy: "reads",
  done: "listed more partitions",
  each: { perSecond: 50, burst: 2_000 },
  all: { perSecond: 500, burst: 10_000 },
};

/** Administrative requests: each is a call of the tenant's object, and many are a row. As fast as an import sends its events. */
export const administrationPurpose: Purpose = {
  policy: "administration",
  done: "sent more administrative requests",
  each: { perSecond: 50, burst: 1_000 },
  all: { perSecond: 200, burst: 4_000 },
};

/** Principals whose use is known, about 100 bytes each. Beyond it, the one with the oldest request is forgotten. */
const principalsMax = 10_000;

/** A rate of each principal of a tenant, and one of all of them. In memory only: a restart forgets it. */
class SharedRate {
  readonly #purpose: Purpose;
  readonly #buckets = new Map<string, Bucket>();
  #all: Bucket | undefined;

  constructor(purpose: Purpose) {
    this.#purpose = purpose;
  }

  /** Takes `count` units. Returns why they are refused, or undefined. */
  take(principal: string, count: number, now: number): Failure | undefined {
    const { each, all } = this.#purpose;
    const own = this.#buckets.get(principal) ?? fullBucket(each, now);
    this.#buckets.delete(principal);
    if (this.#buckets.size >= principalsMax) this.#buckets.delete(this.#buckets.keys().next().value!);
    this.#buckets.set(principal, own);
    const shared = (this.#all ??= fullBucket(all, now));
    refill(own, each, now);
    refill(shared, all, now);
    const seconds = secondsUntil(own, each, count);
    if (seconds > 0) return this.#tooMany("You have", each, seconds);
    const secondsOfAll = secondsUntil(shared, all, count);
    if (secondsOfAll > 0) return this.#tooMany("All users of the tenant together have", all, secondsOfAll);
    own.level -= count;
    // What is more is a debt of the principal alone.
    shared.level -= Math.min(count, each.burst);
    return undefined;
  }

  #tooMany(who: string, { perSecond, burst }: Rate, retryAfter: number): Failure {
    const { policy, done } = this.#purpose;
    return {
      code: "rate_limited",
      detail: `${who} ${done} than is allowed: ${burst} at once, and then ${perSecond} a second. Send the same again in ${retryAfter} s.`,
      retryAfter,
      rateLimit: { policy, quota: burst, windowSeconds: burst / perSecond },
    };
  }
}

/** What the principals of a tenant have listed of its partitions. */
export const listings = (): SharedRate => new SharedRate(listingPurpose);
/** How often they have administered it. */
export const administration = (): SharedRate => new SharedRate(administrationPurpose);
