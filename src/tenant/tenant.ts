import { type Bucket, fullBucket, refill, secondsUntil } from "../core/rates/bucket.ts";
import { Revocations } from "./revocations.ts";
import type {
  LimitsOverride,
  Revocation,
  SubscriptionRequest,
  TenantChanges,
  TenantSubscription,
} from "../platform/rpc.ts";
import { type Failure, bounds, type Author, type Limits, type Rate } from "../protocol/index.ts";
import type { TenantStorage } from "../storage/tenant/storage.ts";
import type { TicketRow } from "../storage/tenant/tickets.ts";

/** A bucket is saved when this share of its burst was taken since the last save. A restart gives back at most that much. */
const unsavedShareMax = 1 / 10;
/**
 * A subscription is made this much longer than its partition asks for, so that a partition that is used writes a row
 * an hour at most: a row is billed. Not for a partition that was never written, whose name was perhaps only tried.
 */
const subscriptionExtraMs = 60 * 60_000;
/** Buckets that are in memory, about 200 bytes each. What is forgotten of one is at most what a restart gives back. */
const bucketsMax = 10_000;
/** The least time between two deletions of ended subscriptions. */
const subscriptionSweepMs = 60_000;

/** A partition that has not received the last changes yet. */
interface BehindPartition {
  partition: string;
  receivedSeq: number;
}

/** The changes that a partition is notified of. `until`: the end of its subscription. */
type Notification = TenantChanges & { until: number };

/** The rules of a tenant as a whole. Synchronous: each call is one step. */
export class Tenant {
  readonly #storage: TenantStorage;
  /** The limits of the application. */
  readonly #limits: Limits;
  readonly #buckets = new Map<string, { bucket: Bucket; unsaved: number }>();
  /** When ended subscriptions were last deleted. */
  #sweptAt = 0;

  /** @throws MigrationError where the storage's schema is not one of ours. */
  constructor(storage: TenantStorage, limits: Limits, now: number) {
    this.#storage = storage;
    this.#limits = limits;
    storage.open(now);
  }

  /** The limits in force: those of the application, with what this tenant has set. */
  get limits(): Limits {
    return { ...this.#limits, ...this.override };
  }

  /** What this tenant has set that differs from the application's limits. */
  get override(): LimitsOverride {
    return this.#storage.settings.limits();
  }

  /** The number of the last change. */
  get seq(): number {
    return this.#storage.settings.seq();
  }

  /** Replaces what the tenant has set; which partitions are read-only stays. */
  setLimits(override: Omit<LimitsOverride, "readOnly">, now: number): void {
    const { readOnly } = this.override;
    this.#put(readOnly === undefined ? override : { ...override, readOnly }, now);
  }

  /** Makes these partitions read-only, and no others. */
  setReadOnly(partitions: readonly string[], now: number): void {
    const { readOnly: _, ...override } = this.override;
    this.#put(partitions.length === 0 ? override : { ...override, readOnly: partitions }, now);
  }

  #put(override: LimitsOverride, now: number): void {
    this.#storage.transaction(now, (writes) => writes.settings.put(this.#nextSeq(now), override));
  }

  /** Revokes; if it is revoked already, the later end counts. Returns why it cannot, or undefined. */
  revoke({ kind, id, at, expiresAt }: Revocation, now: number): Failure | undefined {
    const { revocations } = this.#storage;
    return this.#storage.transaction<Failure | undefined>(now, (writes) => {
      writes.revocations.sweep(now);
      const known = revocations.find(kind, id);
      if (!known && revocations.count() >= bounds.revocationsMax) return full("revocations", bounds.revocationsMax);
      const seq = this.#nextSeq(now);
      writes.settings.put(seq, this.override);
      writes.revocations.put(seq, {
        kind,
        id,
        at: Math.max(at, known?.at ?? 0),
        expiresAt: Math.max(expiresAt, known?.expiresAt ?? 0),
      });
      return undefined;
    });
  }

  /** Whether this author's token is revoked. */
  isRevoked(author: Author, now: number): boolean {
    const known = new Revocations();
    known.add(this.#storage.revocations.of(author.tokenId ?? "", author.principal, now), now);
    return known.covers(author);
  }

  /** The revocations in force, the latest first. */
  revocations(now: number, limit: number): Revocation[] {
    return this.#storage.revocations.latest(now, limit);
  }

  /** All changes after `seq`. */
  changesSince(seq: number, now: number): TenantChanges {
    return { seq: this.seq, revocations: this.#storage.revocations.after(seq, now), limits: this.override };
  }

  /**
   * Subscribes a partition to changes, and returns those after the last that it knows. The answer can be lost, so it does
   * not count as received where something depends on it: notifications do, and what the partition says that it knows.
   */
  subscribe({ partition, leaseMs, knownSeq, holdsTokens }: SubscriptionRequest, now: number): TenantSubscription {
    // A change that does not exist here: the partition knows another database, as before a restore.
    const provenSeq = knownSeq <= this.seq ? knownSeq : 0;
    const changes = this.changesSince(provenSeq, now);
    const stored = this.#storage.subscriptions.find(partition);
    const known = stored && stored.until > now ? stored : undefined;
    const receivedSeq = known ? Math.max(known.receivedSeq, provenSeq) : holdsTokens ? provenSeq : changes.seq;
    const isLongEnough = known !== undefined && known.until >= now + leaseMs;
    if (isLongEnough && receivedSeq === changes.seq) {
      if (known.receivedSeq < receivedSeq) this.received(partition, receivedSeq, now);
      return { ...changes, until: known.until };
    }
    const wanted = now + leaseMs + (this.#storage.partitions.has(partition) ? subscriptionExtraMs : 0);
    // Another end tells `unsubscribe` that the partition has subscribed while it was notified.
    const until = isLongEnough ? known.until + 1 : wanted;
    this.#storage.transaction(now, (writes) => {
      if (now - this.#sweptAt >= subscriptionSweepMs) {
        this.#sweptAt = now;
        writes.subscriptions.sweep(now);
      }
      writes.subscriptions.put({ partition, until, receivedSeq });
    });
    return { ...changes, until };
  }

  /**
   * Unsubscribes `partition`, which said so when it received change `seq`; unless it has subscribed again since. `until`:
   * the end of its subscription when it was notified.
   */
  unsubscribe(partition: string, { seq, until }: Notification, now: number): void {
    this.#storage.transaction(now, (writes) => writes.subscriptions.removeBehind(partition, seq, until));
  }

  /** The partitions that have not received the last change, those whose subscription ends last first. */
  behind(limit: number, now: number): BehindPartition[] {
    return this.#storage.subscriptions.behind(this.seq, now, limit);
  }

  /** What `partition` has not received; undefined: nothing, or it is not subscribed any more. */
  changesFor(partition: string, now: number): Notification | undefined {
    const known = this.#storage.subscriptions.find(partition);
    return known && known.receivedSeq < this.seq && known.until > now
      ? { ...this.changesSince(known.receivedSeq, now), until: known.until }
      : undefined;
  }

  countBehind(now: number): number {
    return this.#storage.subscriptions.countBehind(this.seq, now);
  }

  /** Notes that `partition` has received all changes up to `seq`. */
  received(partition: string, seq: number, now: number): void {
    this.#storage.transaction(now, (writes) => writes.subscriptions.received(partition, seq));
  }

  /** The partitions that have connections, or had some a moment ago. */
  subscribed(limit: number, now: number): string[] {
    return this.#storage.subscriptions.latest(now, limit).map(({ partition }) => partition);
  }

  /**
   * Counts `partition` among the tenant's. `principal`: who writes it; undefined: the server itself. Returns why it is
   * refused, or undefined.
   */
  claim(partition: string, principal: string | undefined, now: number): Failure | undefined {
    if (this.#storage.partitions.has(partition)) return undefined;
    const { newPartitions: rate, newPartitionsPerPrincipal: own } = this.limits;
    const ownName = `new-partitions ${principal}`;
    if (own && principal !== undefined) {
      const seconds = secondsUntil(this.#bucket(ownName, own, now).bucket, own, 1);
      if (seconds > 0) return tooManyOfPrincipal(own, seconds);
    }
    if (rate && this.#take("new-partitions", rate, 1, now) === 0) return tooManyPartitions(rate);
    if (own && principal !== undefined) this.#take(ownName, own, 1, now);
    this.#storage.transaction(now, (writes) => writes.partitions.add(partition, now));
    return undefined;
  }

  /** Grants up to `count` tokens of the tenant's rate; if none, says when to ask again. */
  grant(count: number, now: number): { granted: number; retryAfterMs: number } {
    const rate = this.limits.tenant;
    if (!rate) return { granted: count, retryAfterMs: 0 };
    const granted = this.#take("drafts", rate, count, now);
    if (granted > 0) return { granted, retryAfterMs: 0 };
    return { granted, retryAfterMs: secondsUntil(this.#bucket("drafts", rate, now).bucket, rate, 1) * 1_000 };
  }

  /** Stores a ticket. Returns why it is refused, or undefined. */
  putTicket(ticket: TicketRow, now: number): Failure | undefined {
    return this.#storage.transaction<Failure | undefined>(now, (writes) => {
      writes.tickets.sweep(now);
      const { total, own } = this.#storage.tickets.count(ticket.principal);
      if (own >= bounds.ticketsPerPrincipalMax) return full("tickets", bounds.ticketsPerPrincipalMax);
      if (total >= bounds.ticketsMax) return full("tickets", bounds.ticketsMax);
      writes.tickets.add(ticket);
      return undefined;
    });
  }

  /** Returns the subject of a ticket and deletes it; undefined: there is none, or it was used or has expired. */
  takeTicket(sha256: Uint8Array, now: number): string | undefined {
    if (!this.#storage.exists) return undefined;
    const ticket = this.#storage.transaction<Pick<TicketRow, "subject" | "expiresAt"> | undefined>(now, (writes) =>
      writes.tickets.take(sha256),
    );
    return ticket && ticket.expiresAt > now ? ticket.subject : undefined;
  }

  /** See `TenantChanges.seq`. */
  #nextSeq(now: number): number {
    return Math.max(this.seq + 1, now);
  }

  /** Takes up to `count` tokens of a bucket. Returns how many. */
  #take(name: string, rate: Rate, count: number, now: number): number {
    const known = this.#bucket(name, rate, now);
    const taken = Math.min(count, Math.max(Math.floor(known.bucket.level), 0));
    known.bucket.level -= taken;
    known.unsaved += taken;
    if (known.unsaved >= rate.burst * unsavedShareMax) {
      known.unsaved = 0;
      this.#storage.transaction(now, (writes) => writes.rateBuckets.save(name, Math.floor(known.bucket.level), now));
    }
    return taken;
  }

  #bucket(name: string, rate: Rate, now: number): { bucket: Bucket; unsaved: number } {
    let known = this.#buckets.get(name);
    if (!known) {
      const bucket = this.#storage.rateBuckets.find(name) ?? fullBucket(rate, now);
      known = { bucket, unsaved: 0 };
    }
    // Those of principals are many: the one that was used longest ago goes first.
    this.#buckets.delete(name);
    if (this.#buckets.size >= bucketsMax) this.#buckets.delete(this.#buckets.keys().next().value!);
    this.#buckets.set(name, known);
    refill(known.bucket, rate, now);
    return known;
  }
}

function full(what: string, most: number): Failure {
  return {
    code: "quota_exceeded",
    detail: `There can be at most ${most} ${what} at once: they are forgotten when they expire.`,
  };
}

function tooManyOfPrincipal({ burst, perSecond }: Rate, retryAfter: number): Failure {
  return {
    code: "rate_limited",
    detail: `You begin more partitions than is allowed: ${burst} at once, and then ${Number(perSecond.toFixed(3))} a second. Nothing was stored. Send the same again in ${retryAfter} s.`,
    retryAfter,
    rateLimit: { policy: "new-partitions", quota: burst, windowSeconds: burst / perSecond },
  };
}

function tooManyPartitions({ burst, perSecond }: Rate): Failure {
  return {
    code: "quota_exceeded",
    detail: `This tenant begins more partitions than is allowed: ${burst} at once, and then ${Number(perSecond.toFixed(3))} a second. Nothing was stored.`,
  };
}
