import { type Listener, type Logger, type Partition, tokenRevoked, socketSweepMs } from "../core/index.ts";
import type { Failure, Author, Limits } from "../protocol/index.ts";
import { Revocations } from "../tenant/revocations.ts";
import type { LimitsOverride, Revocation, TenantApi, TenantChanges } from "../platform/rpc.ts";

/** How long a partition is told of changes while it has connections: more than twice the time between two sweeps, each of which asks again. */
const attendedMs = 2.5 * socketSweepMs;
/** The same while it only answers requests. */
const requestedMs = 30_000;
/** What the tenant could not grant because it could not be reached is granted here, so often. */
const unreachableMs = 1_000;

/** What a link needs of its object. */
interface TenantLinkHost {
  /** The partition's name in its tenant. */
  readonly name: string;
  readonly partition: Partition;
  /** What the application has set. */
  readonly limits: Limits;
  /** A fresh stub of the tenant's object. */
  tenant(): TenantApi;
  readonly log: Logger;
  now(): number;
  /** Runs what did not come by a frame. */
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
 * What a partition knows of its tenant: what is revoked, and what is allowed. It asks when it needs to
 * know, and while it attends the tenant tells it of every change, so that then nothing has to be asked.
 */
export class TenantLink {
  readonly #host: TenantLinkHost;
  readonly #revocations = new Revocations();
  #limitsSeq = -1;
  /** Until when the tenant tells of changes, in milliseconds since 1970. */
  #attendsUntil = 0;
  /** Everything up to this change is known here. What comes by itself may leave out what another incarnation was told. */
  #knownSeq = 0;
  #claimed = false;
  /** The question that is on its way, and the one after it, which all who come meanwhile share. */
  #asking: Promise<void> | undefined;
  #askingNext: Promise<void> | undefined;
  /** For how long whoever shares the next question wants to be told, at the most. */
  #nextLeaseMs = 0;

  constructor(host: TenantLinkHost) {
    this.#host = host;
  }

  /** Why this author may not do anything here, as far as is known. */
  refusal(author: Author): Failure | undefined {
    return this.#revocations.covers(author) ? tokenRevoked : undefined;
  }

  /** The same of a new connection, or a new token: the tenant is asked. */
  async admit(author: Author): Promise<Failure | undefined> {
    try {
      await this.#attend(attendedMs);
    } catch (error) {
      this.#unreachable(error);
      return unreachable;
    }
    return this.refusal(author);
  }

  /** The same of a request. The tenant is asked unless it tells of changes anyway. */
  async admitRequest(author: Author): Promise<Failure | undefined> {
    try {
      if (this.#attendsUntil <= this.#host.now())
        await this.#attend(this.#host.partition.attended ? attendedMs : requestedMs);
    } catch (error) {
      this.#unreachable(error);
      return unreachable;
    }
    return this.refusal(author);
  }

  /** Whether the partition may be written to for the first time, where that is to be known yet. */
  get mustClaim(): boolean {
    return !this.#claimed && !this.#host.partition.exists;
  }

  /** Counts the partition among its tenant's; says why it may not be one, if so. */
  async claim(): Promise<Failure | undefined> {
    try {
      const failure = await this.#host.tenant().claim(this.#host.name);
      this.#claimed = failure === undefined;
      return failure;
    } catch (error) {
      this.#unreachable(error);
      return { ...unreachable, code: "partition_unavailable" };
    }
  }

  /** Asks for so many tokens of the tenant's rate. */
  async ask(count: number): Promise<void> {
    let answer = { granted: count, retryAfterMs: unreachableMs };
    try {
      answer = await this.#host.tenant().grant(count);
    } catch (error) {
      // A limit is no reason to stand still: one portion in a while goes on.
      this.#unreachable(error);
    }
    this.#host.partition.granted(answer.granted, answer.retryAfterMs, this.#host.now());
  }

  /** Asks to be told of changes for longer. */
  async renew(): Promise<void> {
    await this.#attend(attendedMs).catch((error: unknown) => this.#unreachable(error));
  }

  /** Takes changes, those of the limits in their order. Returns whether the next are wanted, too. */
  changed({ seq, revocations, limits }: TenantChanges): boolean {
    const now = this.#host.now();
    this.#revocations.add(revocations, now);
    const { partition } = this.#host;
    // First, because the limits may not find a storage that takes them.
    if (revocations.length > 0) {
      const concerned = this.#host.concernedBy(revocations);
      partition.revoke((author) => this.#revocations.covers(author), now, concerned);
    }
    if (seq > this.#limitsSeq) {
      this.#limitsSeq = seq;
      this.#limit(limits);
      partition.keepLimits(JSON.stringify(limits), now);
    }
    return partition.attended || this.#attendsUntil > now;
  }

  /** Puts in force what was kept over sleep. */
  resume(): void {
    this.#limit(JSON.parse(this.#host.partition.keptLimits) as LimitsOverride);
  }

  #limit(override: LimitsOverride): void {
    this.#host.partition.limit({ ...this.#host.limits, ...override });
  }

  /** Whoever asks while a question is on its way shares the next one: an answer is never older than who waits for it. */
  #attend(leaseMs: number): Promise<void> {
    if (!this.#asking) {
      this.#asking = this.#askAll(leaseMs).finally(() => (this.#asking = undefined));
      return this.#asking;
    }
    this.#nextLeaseMs = Math.max(this.#nextLeaseMs, leaseMs);
    this.#askingNext ??= this.#asking
      .catch(() => {})
      .then(() => {
        const longest = this.#nextLeaseMs;
        this.#nextLeaseMs = 0;
        this.#askingNext = undefined;
        return this.#attend(longest);
      });
    return this.#askingNext;
  }

  async #askAll(leaseMs: number): Promise<void> {
    const askedAt = this.#host.now();
    const changes = await this.#host.tenant().attend(this.#host.name, leaseMs, this.#knownSeq);
    this.#host.step(() => this.changed(changes));
    this.#knownSeq = changes.seq;
    // The tenant may have left the row as it was, which has at least half of this.
    this.#attendsUntil = askedAt + leaseMs / 2;
  }

  #unreachable(error: unknown): void {
    this.#host.log("error", "the tenant's object cannot be reached", { error: String(error) });
  }
}
