import {
  accountOf,
  type Author,
  bounds,
  type Failure,
  type Limits,
  noLimits,
  type Rate,
} from "../../protocol/index.ts";
import type { StorageReads, StorageWrites } from "../../storage/port.ts";
import { Allowance } from "./allowance.ts";
import { type Bucket, fullAt, fullBucket, refill, secondsUntil } from "./bucket.ts";
import type { Draft } from "../commands.ts";

/** Principals whose buckets are kept in memory; the one that was used longest ago goes first. */
const principalsMax = 10_000;
/** A bucket is written when this part of its burst was taken since it was last: what a restart gives back at most. */
const unsavedShareMax = 1 / 4;

/** The rate of the server itself: no limit of a tenant is meant for it. */
const systemRate: Rate = { perSecond: bounds.systemDraftsPerSecond, burst: bounds.systemDraftsBurst };

/** The scope of the bytes that a principal adds to the log. No event type begins with a space. */
const bytesScope = " bytes";

interface Kept {
  readonly bucket: Bucket;
  /** What was taken since it was written. */
  unsaved: number;
}

interface Principal {
  /** Of all new drafts under "", and of the event types that have a rate of their own. */
  readonly scopes: Map<string, Kept>;
  replays: Bucket | undefined;
  reads: Bucket | undefined;
}

/** What deciding drafts that were new has taken: bytes that they have added to the log, and units of `State.work`. */
export interface Taken {
  readonly bytes: number;
  readonly work: number;
}

/** What one decision costs a bucket. */
interface Cost {
  scope: string;
  rate: Rate;
  count: number;
}

/**
 * The rates of a partition: of each principal, of event types, and of the tenant. What was decided
 * is paid for after it was, because only then is it known to be no replay; what cannot be paid for is
 * refused before. Buckets are in memory, and in the storage coarsely.
 */
export class Limiter {
  #limits: Limits = noLimits;
  /** Whether no rate is limited: then nothing is counted. */
  #free = true;
  readonly #principals = new Map<string, Principal>();
  readonly #allowance: Allowance;

  /** `ask`: asks the tenant for `count` tokens; they come by `granted`. */
  constructor(ask: (count: number) => void) {
    this.#allowance = new Allowance(ask);
  }

  get limits(): Limits {
    return this.#limits;
  }

  /** Puts other limits in force. What was taken stays taken. */
  set(limits: Limits): void {
    this.#limits = limits;
    const { principal, principalBytes, eventTypes, tenant } = limits;
    this.#free = !principal && !principalBytes && !tenant && Object.keys(eventTypes).length === 0;
    this.#allowance.set(limits.tenant);
  }

  /** The tenant's answer: `count` tokens, or when to ask again. */
  granted(count: number, retryAfterMs: number, now: number): void {
    this.#allowance.granted(count, retryAfterMs, now);
  }

  /** Why these drafts may not be decided now, if they are new. */
  excess(reads: StorageReads, author: Author, drafts: readonly Draft[], now: number): Failure | undefined {
    if (this.#free && !author.system) return undefined;
    const limits = this.#limits;
    if (limits.tenant && !author.system) {
      const seconds = this.#allowance.secondsUntil(drafts.length, now);
      if (seconds > 0) return limited("tenant", "This tenant has submitted", limits.tenant, seconds);
    }
    // What they add is known only when they are committed: it may leave a debt.
    const account = accountOf(author);
    for (const { scope, rate, count } of this.#costs(author, drafts, { bytes: 1, work: 0 })) {
      const { bucket } = this.#kept(reads, account, scope, rate, now);
      refill(bucket, rate, now);
      const seconds = secondsUntil(bucket, rate, count);
      if (seconds === 0) continue;
      if (scope === bytesScope) return limited("principal-bytes", "Of bytes you have added to the log", rate, seconds);
      return scope === ""
        ? limited("principal", "You have submitted", rate, seconds)
        : limited("event-type", `Of "${scope}" you have submitted`, rate, seconds);
    }
    return undefined;
  }

  /** Takes what drafts cost that were new. Returns what gives it back, if that is anything: for a transaction that is not committed. */
  spend(
    reads: StorageReads,
    writes: StorageWrites,
    author: Author,
    drafts: readonly Draft[],
    taken: Taken,
    now: number,
  ): (() => void) | undefined {
    if (this.#free && !author.system) return undefined;
    const tenant = author.system ? null : this.#limits.tenant;
    if (tenant) this.#allowance.spend(drafts.length, now);
    const before: { kept: Kept; level: number; unsaved: number }[] = [];
    const account = accountOf(author);
    for (const { scope, rate, count } of this.#costs(author, drafts, taken)) {
      const kept = this.#kept(reads, account, scope, rate, now);
      refill(kept.bucket, rate, now);
      before.push({ kept, level: kept.bucket.level, unsaved: kept.unsaved });
      kept.bucket.level -= count;
      kept.unsaved += count;
      if (kept.unsaved < rate.burst * unsavedShareMax) continue;
      kept.unsaved = 0;
      writes.rateBuckets.save(
        { principal: account, scope, level: Math.floor(kept.bucket.level), at: now, fullAt: fullAt(kept.bucket, rate) },
        now,
      );
    }
    return () => {
      if (tenant) this.#allowance.giveBack(drafts.length);
      for (const { kept, level, unsaved } of before) {
        kept.bucket.level = level;
        kept.unsaved = unsaved;
      }
    };
  }

  /**
   * Takes what a replay costs; says why it is not served, if so. `follows`: it follows another one of its batch, and may
   * leave a debt. Otherwise a batch with more of them than a burst has would never come to what is new in it.
   */
  replay(principal: string, now: number, follows: boolean): Failure | undefined {
    const rate = this.#limits.replays;
    if (!rate) return undefined;
    const known = this.#principal(principal);
    known.replays ??= fullBucket(rate, now);
    refill(known.replays, rate, now);
    const seconds = secondsUntil(known.replays, rate, 1);
    if (seconds > 0 && !follows) return limited("replays", "You have asked for verdicts again", rate, seconds);
    known.replays.level--;
    return undefined;
  }

  /** Why this principal may not read now: it is in debt for what it has read. */
  readExcess(principal: string, now: number): Failure | undefined {
    const rate = this.#limits.reads;
    if (!rate) return undefined;
    const seconds = secondsUntil(this.#readsOf(principal, rate, now), rate, 1);
    return seconds > 0 ? limited("reads", "You have read", rate, seconds, " units of 4 KiB") : undefined;
  }

  /** Takes what a read costs for which `bytes` were produced or replayed; it may leave a debt. */
  read(principal: string, bytes: number, now: number): void {
    const rate = this.#limits.reads;
    if (rate) this.#readsOf(principal, rate, now).level -= 1 + Math.floor(bytes / bounds.readUnitBytes);
  }

  #readsOf(principal: string, rate: Rate, now: number): Bucket {
    const known = this.#principal(principal);
    known.reads ??= fullBucket(rate, now);
    refill(known.reads, rate, now);
    return known.reads;
  }

  #costs({ system }: Author, drafts: readonly Draft[], { bytes, work }: Taken): Cost[] {
    if (system) return [{ scope: "", rate: systemRate, count: drafts.length }];
    const { principal, principalBytes, eventTypes } = this.#limits;
    const costs: Cost[] = [];
    if (principal) {
      // Whatever the work, and whatever the rate: nobody is locked out for longer.
      const workMax = Math.ceil(principal.perSecond * bounds.rateWorkSecondsMax);
      const count = drafts.length + Math.min(Math.floor(work / bounds.rateUnitWork), workMax);
      costs.push({ scope: "", rate: principal, count });
    }
    if (principalBytes && bytes > 0) costs.push({ scope: bytesScope, rate: principalBytes, count: bytes });
    for (const { event } of drafts) {
      if (!Object.hasOwn(eventTypes, event.type)) continue;
      const known = costs.find(({ scope }) => scope === event.type);
      if (known) known.count++;
      else costs.push({ scope: event.type, rate: eventTypes[event.type]!, count: 1 });
    }
    return costs;
  }

  #kept(reads: StorageReads, principal: string, scope: string, rate: Rate, now: number): Kept {
    const { scopes } = this.#principal(principal);
    let kept = scopes.get(scope);
    if (!kept) {
      // A row that was written under a higher burst gives no more than this one.
      kept = { bucket: reads.rateBuckets.find(principal, scope) ?? fullBucket(rate, now), unsaved: 0 };
      scopes.set(scope, kept);
    }
    return kept;
  }

  #principal(name: string): Principal {
    let known = this.#principals.get(name);
    if (known) {
      if (this.#principals.size < principalsMax) return known;
      // Only when the map is full, and one has to be dropped, does the order of use matter.
      this.#principals.delete(name);
    } else {
      if (this.#principals.size >= principalsMax) this.#principals.delete(this.#principals.keys().next().value!);
      known = { scopes: new Map(), replays: undefined, reads: undefined };
    }
    this.#principals.set(name, known);
    return known;
  }
}

type Policy = NonNullable<Failure["rateLimit"]>["policy"];

function limited(policy: Policy, who: string, { perSecond, burst }: Rate, retryAfter: number, unit = ""): Failure {
  return {
    code: "rate_limited",
    detail: `${who} more than is allowed: ${burst}${unit} at once, and then ${Number(perSecond.toFixed(3))} a second. Send the same again in ${retryAfter} s.`,
    retryAfter,
    rateLimit: { policy, quota: burst, windowSeconds: Math.max(Math.round(burst / perSecond), 1) },
  };
}
