import { type Listener, type Logger, type Partition, tokenRevoked, socketSweepMs } from "../core/index.ts";
import type { Failure, Author, Limits } from "../protocol/index.ts";
import { Revocations } from "../tenant/revocations.ts";
import type { LimitsOverride, Revocation, TenantApi, TenantChanges } from "../platform/rpc.ts";

/** How long a partition with connections subscribes: more than twice the time between two sweeps, each of which renews. */
const connectedLeaseMs = 2.5 * socketSweepMs;
/** The same for a partition that only answers requests. */
const requestLeaseMs = 30_000;
/** How often a request for tokens is granted here while the tenant cannot be reached. */
const unreachableRetryMs = 1_000;

/** What a link needs of its partition. */
interface TenantLinkHost {
  /** The partition's name in its tenant. */
  readonly name: string;
  readonly partition: Partition;
  /** The limits of the application. */
  readonly limits: Limits;
  /** A fresh stub of the tenant's object. */
  tenant(): TenantApi;
  readonly log: Logger;
  now(): number;
  /** Runs one entry into the core that is not a frame. */
  step<T>(body: () => T): T;
  /** The connections that one of these revocations can concern. */
  concernedBy(revocations: readonly Revocation[]): Iterable<Listener>;
}

const unreachable: Failure = {
  code: "identity_unavailable",
  detail: "It cannot be said now whether your token is still good: try again in a moment.",
  retryAfter: 1,
};

/**
 * What a partition knows of its tenant: revocations and limits. It subscribes when it needs them; the tenant notifies
 * it of every change until the lease ends, so that no request has to wait for the tenant.
 */
export class TenantLink {
  readonly #host: TenantLinkHost;
  readonly #revocations = new Revocations();
  #limitsSeq = -1;
  /** Until when the tenant notifies of changes, in milliseconds since 1970. */
  #leaseEndsAt = 0;
  /** All changes up to this one are known here. A notification leaves out the changes that another incarnation has received. */
  #knownSeq = 0;
  #claimed = false;
  /** The fetch that is running, and the next one, which all later callers share. */
  #fetching: Promise<void> | undefined;
  #nextFetch: Promise<void> | undefined;
  /** The longest lease that a caller of the next fetch needs. */
  #nextLeaseMs = 0;

  constructor(host: TenantLinkHost) {
    this.#host = host;
  }

  /** Returns why this author is refused, as far as is known here, or undefined. */
  refusal(author: Author): Failure | undefined {
    return this.#revocations.covers(author) ? tokenRevoked : undefined;
  }

  /** The same for a new connection or a new token: asks the tenant. */
  async admit(author: Author): Promise<Failure | undefined> {
    try {
      await this.#subscribe(connectedLeaseMs);
    } catch (error) {
      this.#logUnreachable(error);
      return unreachable;
    }
    return this.refusal(author);
  }

  /** The same for a request: asks the tenant unless the partition is subscribed. */
  async admitRequest(author: Author): Promise<Failure | undefined> {
    try {
      if (this.#leaseEndsAt <= this.#host.now())
        await this.#subscribe(this.#host.partition.attended ? connectedLeaseMs : requestLeaseMs);
    } catch (error) {
      this.#logUnreachable(error);
      return unreachable;
    }
    return this.refusal(author);
  }

  /** Whether the tenant must count the partition before its first write. */
  get mustClaim(): boolean {
    return !this.#claimed && !this.#host.partition.exists;
  }

  /** Asks the tenant to count the partition. Returns why that is refused, or undefined. */
  async claim(): Promise<Failure | undefined> {
    try {
      const failure = await this.#host.tenant().claim({ partition: this.#host.name });
      this.#claimed = failure === undefined;
      return failure;
    } catch (error) {
      this.#logUnreachable(error);
      return { ...unreachable, code: "partition_unavailable" };
    }
  }

  /** Requests `count` tokens of the tenant's rate. */
  async requestGrant(count: number): Promise<void> {
    let answer = { granted: count, retryAfterMs: unreachableRetryMs };
    try {
      answer = await this.#host.tenant().grant({ count });
    } catch (error) {
      // A tenant that cannot be reached does not stop its partitions: one portion is granted at a time.
      this.#logUnreachable(error);
    }
    this.#host.partition.granted(answer.granted, answer.retryAfterMs, this.#host.now());
  }

  /** Renews the subscription. */
  async renew(): Promise<void> {
    await this.#subscribe(connectedLeaseMs).catch((error: unknown) => this.#logUnreachable(error));
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
      partition.keepLimits(JSON.stringify(limits), now);
    }
    return partition.attended || this.#leaseEndsAt > now;
  }

  /** Applies the limits that were stored before hibernation. */
  resume(): void {
    this.#limit(JSON.parse(this.#host.partition.keptLimits) as LimitsOverride);
  }

  #limit(override: LimitsOverride): void {
    this.#host.partition.limit({ ...this.#host.limits, ...override });
  }

  /** Callers during a fetch share the next one, so that an answer is never older than its caller. */
  #subscribe(leaseMs: number): Promise<void> {
    if (!this.#fetching) {
      this.#fetching = this.#fetch(leaseMs).finally(() => (this.#fetching = undefined));
      return this.#fetching;
    }
    this.#nextLeaseMs = Math.max(this.#nextLeaseMs, leaseMs);
    this.#nextFetch ??= this.#fetching
      .catch(() => {})
      .then(() => {
        const longest = this.#nextLeaseMs;
        this.#nextLeaseMs = 0;
        this.#nextFetch = undefined;
        return this.#subscribe(longest);
      });
    return this.#nextFetch;
  }

  async #fetch(leaseMs: number): Promise<void> {
    const askedAt = this.#host.now();
    const changes = await this.#host.tenant().attend({ partition: this.#host.name, leaseMs, knownSeq: this.#knownSeq });
    this.#host.step(() => this.changed(changes));
    this.#knownSeq = changes.seq;
    // The tenant writes the row again only after half of the lease: so half of it is certain.
    this.#leaseEndsAt = askedAt + leaseMs / 2;
  }

  #logUnreachable(error: unknown): void {
    this.#host.log("error", "the tenant's object cannot be reached", { error: String(error) });
  }
}
