import { type Listener, type Partition, type PartitionName, tokenRevoked } from "../core/index.ts";
import type { Failure, Author, Limits } from "../protocol/index.ts";
import { Revocations } from "../tenant/revocations.ts";
import type { LimitsOverride, Revocation, TenantApi, TenantChanges } from "../platform/rpc.ts";
import { KnownTokens } from "./known-tokens.ts";
import type { Logger } from "../protocol/log-events.ts";

/**
 * How long no notification counts as no change, after an answer of the tenant. A notification that fails is repeated;
 * if all of them fail, a revocation takes effect after this time and one call: within the minute that AU-4 promises.
 */
export const silenceMsMax = 50_000;
/** A subscription lasts this much longer than the last token that needs it: clocks differ, and tokens have a tolerance. */
const subscriptionMarginMs = 2 * 60_000;
/**
 * The longest subscription of a partition that was never written: there is nothing to read in it, and names that are
 * only tried must not fill the tenant's table.
 */
const unwrittenLeaseMsMax = 25 * 60_000;
/** How long a caller waits for the tenant. Its answer counts also if it comes later. */
const answerMsMax = 2_000;
/** The pause after a call that failed or was late; it doubles with each further one. */
const retryMsMin = 1_000;
const retryMsMax = 15_000;
/** How often a request for tokens is granted here while the tenant cannot be reached. */
const unreachableRetryMs = 1_000;

/** What a link uses of the core. */
type LinkedPartition = Pick<
  Partition,
  "exists" | "attended" | "limit" | "announceReadOnly" | "revoke" | "granted" | "keepLimits" | "keptLimits"
>;

/** What a link needs of its partition. */
interface TenantLinkHost {
  readonly where: PartitionName;
  readonly partition: LinkedPartition;
  /** The limits of the application. */
  readonly limits: Limits;
  readonly tenant: TenantApi;
  readonly log: Logger;
  now(): number;
  /** From 0 up to, but not including, 1. */
  fraction(): number;
  /** Runs `run` once, after `delayMs`. Returns a function that cancels it. */
  timer(run: () => void, delayMs: number): () => void;
  /** Runs one entry into the core that is not a frame. */
  step<T>(body: () => T): T;
  /** The connections that one of these revocations can concern. */
  concernedBy(revocations: readonly Revocation[]): Iterable<Listener>;
}

/**
 * What a partition knows of its tenant: revocations and limits. It subscribes when it needs them; the tenant notifies
 * it of every change until the subscription ends. So the tenant is asked at most once in `silenceMsMax`, and only by a
 * partition that is used.
 *
 * While the tenant cannot be reached, tokens that were accepted before go on, and others are refused.
 */
export class TenantLink {
  readonly #host: TenantLinkHost;
  readonly #revocations = new Revocations();
  readonly #knownTokens = new KnownTokens();
  #limitsSeq = -1;
  /** All changes up to this one are known here. A notification leaves out the changes that another incarnation has received. */
  #knownSeq = 0;
  /** The time in which no notification means no change. It begins with the call that was answered. */
  #trusted = { since: 0, until: 0 };
  /** Until when the tenant notifies of changes. */
  #subscribedUntil = 0;
  /** When the last token of a connection expires. */
  #neededUntil = 0;
  /** From when on a frame causes a call. A partition that wakes up trusts the notifications at first. */
  #renewAt: number;
  /** No call is made before, because the last ones failed or were late. */
  #retryAt = 0;
  #failures = 0;
  /** Calls without an answer, also those that nobody waits for any more. */
  #unanswered = 0;
  /** The call that callers wait for: it resolves with its answer, its failure, or when it is late. */
  #asking: Promise<void> | undefined;
  #claimed = false;

  constructor(host: TenantLinkHost) {
    this.#host = host;
    this.#renewAt = host.now() + silenceMsMax;
  }

  /** Returns why this author is refused, as far as is known here, or undefined. */
  refusal(author: Author): Failure | undefined {
    return this.#revocations.covers(author) ? tokenRevoked : undefined;
  }

  /** The same for a new connection or a new token, for which the partition must be subscribed until the token expires. */
  async admit(author: Author): Promise<Failure | undefined> {
    const until = author.expiresAt ?? 0;
    this.#neededUntil = Math.max(this.#neededUntil, until);
    return await this.#admit(author, until);
  }

  /** The same for a request. */
  async admitRequest(author: Author): Promise<Failure | undefined> {
    return await this.#admit(author, 0);
  }

  /** A connection of this author was added, or restored after hibernation. */
  attached(author: Author): void {
    this.#neededUntil = Math.max(this.#neededUntil, author.expiresAt ?? 0);
    this.#knownTokens.add(author, this.#host.now());
  }

  /**
   * Call it with each frame. In a partition that is used, it asks the tenant from time to time, and waits for nothing:
   * so a revocation takes effect on open connections also if no notification arrives.
   */
  used(now: number): void {
    if (now >= this.#renewAt) void this.#ask();
  }

  /** Learns what the tenant has changed, where that may be unknown. Never rejects. */
  async refresh(): Promise<void> {
    if (!this.#trusts(this.#host.now())) await this.#ask();
  }

  /** Whether the tenant must count the partition before its first write. */
  get mustClaim(): boolean {
    return !this.#claimed && !this.#host.partition.exists;
  }

  /** Asks the tenant to count the partition, for this principal; undefined: for the server itself. Returns why that is refused, or undefined. */
  async claim(principal: string | undefined): Promise<Failure | undefined> {
    try {
      const failure = await this.#host.tenant.claim({ partition: this.#host.where.partition, principal });
      this.#claimed = failure === undefined;
      return failure;
    } catch (error) {
      this.#logUnreachable(error);
      return { ...this.#unreachable(), code: "partition_unavailable" };
    }
  }

  /** Requests `count` tokens of the tenant's rate. */
  async requestGrant(count: number): Promise<void> {
    let answer = { granted: count, retryAfterMs: unreachableRetryMs };
    try {
      answer = await this.#inTime(this.#host.tenant.grant({ count }));
    } catch (error) {
      // A tenant that cannot be reached does not stop its partitions: one portion is granted at a time.
      this.#logUnreachable(error);
    }
    this.#host.partition.granted(answer.granted, answer.retryAfterMs, this.#host.now());
  }

  /** Applies changes; those of the limits in their order. Returns whether the partition stays subscribed. */
  changed({ seq, revocations, limits }: TenantChanges): boolean {
    const now = this.#host.now();
    this.#revocations.add(revocations, now);
    const { partition } = this.#host;
    // First, because storing the limits can fail.
    if (revocations.length > 0) {
      const concerned = this.#host.concernedBy(revocations);
      partition.revoke((author) => this.#revocations.covers(author), now, concerned);
    }
    if (seq > this.#limitsSeq) {
      this.#limitsSeq = seq;
      this.#limit(limits);
      partition.announceReadOnly(now);
      partition.keepLimits(JSON.stringify(limits), now);
    }
    // A call that is not answered yet may have subscribed.
    if (partition.attended || this.#unanswered > 0 || this.#trusts(now)) return true;
    this.#subscribedUntil = 0;
    return false;
  }

  /** The partition was loaded: applies the limits that were stored before hibernation, unless newer ones are known. */
  resume(): void {
    if (this.#limitsSeq < 0) this.#limit(JSON.parse(this.#host.partition.keptLimits) as LimitsOverride);
  }

  #limit(override: LimitsOverride): void {
    this.#host.partition.limit({ ...this.#host.limits, ...override });
  }

  /** `until`: how long the partition must be subscribed for this author. */
  async #admit(author: Author, until: number): Promise<Failure | undefined> {
    if (!this.#isSubscribed(until)) await this.#ask();
    // The call was another caller's, who needed a shorter subscription.
    if (!this.#isSubscribed(until)) await this.#ask();
    const now = this.#host.now();
    const refusal = this.refusal(author);
    if (refusal) return refusal;
    if (!this.#trusts(now)) return this.#knownTokens.has(author, now) ? undefined : this.#unreachable();
    this.#knownTokens.add(author, now);
    return undefined;
  }

  #trusts(now: number): boolean {
    // A clock that was set back must not prolong it.
    return now >= this.#trusted.since && now < this.#trusted.until;
  }

  #isSubscribed(until: number): boolean {
    const now = this.#host.now();
    const enough = this.#host.partition.exists ? until : Math.min(until, now + unwrittenLeaseMsMax / 2);
    return this.#trusts(now) && this.#subscribedUntil >= enough;
  }

  /** Asks the tenant for what has changed, and subscribes. Never rejects. Callers share one call. */
  #ask(): Promise<void> {
    const now = this.#host.now();
    if (this.#asking) return this.#asking;
    // A clock that was set back must not prolong the pause.
    if (now < this.#retryAt && now >= this.#retryAt - retryMsMax) return Promise.resolve();
    this.#renewAt = now + silenceMsMax;
    this.#unanswered++;
    const answer = this.#fetch(now).finally(() => this.#unanswered--);
    this.#asking = this.#inTime(answer)
      .catch((error: unknown) => {
        this.#logUnreachable(error);
        this.#failures++;
        const pauseMs =
          Math.min(retryMsMin * 2 ** (this.#failures - 1), retryMsMax) * (0.5 + this.#host.fraction() / 2);
        this.#retryAt = this.#host.now() + pauseMs;
        this.#renewAt = this.#retryAt;
      })
      .finally(() => (this.#asking = undefined));
    return this.#asking;
  }

  async #fetch(askedAt: number): Promise<void> {
    const leaseMs = this.#leaseMs(askedAt);
    const { where, tenant } = this.#host;
    const knownSeq = this.#knownSeq;
    const seenSeq = Math.max(knownSeq, this.#limitsSeq);
    const holdsTokens = this.#knownTokens.any(askedAt);
    const changes = await tenant.attend({ partition: where.partition, leaseMs, knownSeq, holdsTokens });
    // Numbers only grow: what was seen before the question is of a database that was replaced by an older one.
    if (changes.seq < seenSeq) this.#limitsSeq = -1;
    this.#host.step(() => this.changed(changes));
    this.#knownSeq = changes.seq;
    // A tenant of the version before does not say until when: half of the time is certain.
    this.#subscribedUntil = changes.until ?? askedAt + leaseMs / 2;
    this.#trusted = { since: askedAt, until: Math.min(askedAt + silenceMsMax, this.#subscribedUntil) };
    this.#renewAt = this.#trusted.until;
    this.#failures = 0;
    this.#retryAt = 0;
  }

  #leaseMs(now: number): number {
    const neededMs = Math.max(this.#neededUntil - now, silenceMsMax) + subscriptionMarginMs;
    return this.#host.partition.exists ? neededMs : Math.min(neededMs, unwrittenLeaseMsMax);
  }

  /** Rejects where the answer is late. */
  #inTime<T>(answer: Promise<T>): Promise<T> {
    return new Promise((resolve, reject) => {
      const cancel = this.#host.timer(() => reject(new Error("the answer is late")), answerMsMax);
      void answer.then(resolve, reject).finally(cancel);
    });
  }

  #unreachable(): Failure {
    return {
      code: "identity_unavailable",
      detail: "It cannot be said now whether your token is still valid: try again in a moment.",
      retryAfter: Math.max(Math.ceil((this.#retryAt - this.#host.now()) / 1_000), 1),
    };
  }

  #logUnreachable(error: unknown): void {
    this.#host.log("tenant_unreachable", { ...this.#host.where, error: String(error) });
  }
}
