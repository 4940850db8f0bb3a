import { sha256 } from "../platform/hash.ts";
import { DurableObject } from "cloudflare:workers";
import { tokenRevoked as revokedToken } from "../core/index.ts";
import { log } from "../platform/log.ts";
import { type PlacementOf, stubOf } from "../platform/placement.ts";
import type { LimitsOverride, Named, Revocation, TenantChanges } from "../platform/rpc.ts";
import type { Failure, Author, Limits } from "../protocol/index.ts";
import { DurableSqlDriver } from "../storage/durable.ts";
import { migrations } from "../storage/tenant/migrations.ts";
import { TenantStorage } from "../storage/tenant/storage.ts";
import { Tenant } from "../tenant/tenant.ts";
import { named } from "./calls.ts";
import { type PartitionCalls, partitionCalls, type PartitionRpc } from "./partition-calls.ts";
import type { NotifyResult, TenantRpc, TicketCall } from "./tenant-calls.ts";

/** The most partitions that one call notifies, and how many of them concurrently. */
const notifiedMax = 1_000;
const concurrentMax = 50;
/** The time limit of one notification; after it the partition is notified again later. */
const notifyMsMax = 5_000;
/** The delay until the partitions are notified that could not be reached, or were too many. */
const notifyRetryMs = 1_000;
/** The lifetime of a ticket. */
const ticketMs = 30_000;
const revocationsListed = 1_000;

interface TenantEnv {
  PARTITIONS: DurableObjectNamespace<DurableObject & PartitionRpc>;
}

type Asked<Method extends keyof TenantRpc> = Parameters<TenantRpc[Method]>[0];

/** The Durable Object class of a tenant: its revocations, its limits, and the partitions to notify. The name of the object is that of the tenant. */
export function tenantObject(limits: Limits, placementOf: PlacementOf) {
  return class TenantObject extends DurableObject<TenantEnv> implements TenantRpc {
    readonly #name: string;
    readonly #tenant: Tenant;
    #notifying: Promise<unknown> = Promise.resolve();

    constructor(ctx: DurableObjectState, env: TenantEnv) {
      super(ctx, env);
      this.#name = ctx.id.name!;
      this.#tenant = new Tenant(new TenantStorage(new DurableSqlDriver(ctx.storage), migrations), limits, Date.now());
    }

    async attendWith({ partition, leaseMs, knownSeq }: Asked<"attendWith">): Promise<TenantChanges> {
      return this.#tenant.subscribe(partition, leaseMs, knownSeq, Date.now());
    }

    async claimWith({ partition }: Asked<"claimWith">): Promise<Failure | undefined> {
      return this.#tenant.claim(partition, Date.now());
    }

    async grantWith({ count }: Asked<"grantWith">): Promise<{ granted: number; retryAfterMs: number }> {
      return this.#tenant.grant(count, Date.now());
    }

    /** Returns why this author's token is refused, or undefined. */
    async refusalWith({ author }: Asked<"refusalWith">): Promise<Failure | undefined> {
      return this.#tenant.isRevoked(author, Date.now()) ? revokedToken : undefined;
    }

    /** Revokes, and notifies the partitions that have connections. Returns the result, or why it is refused. */
    async revoke(revocation: Revocation): Promise<NotifyResult | Failure> {
      const failure = this.#tenant.revoke(revocation, Date.now());
      if (failure) return failure;
      log("info", "revoked", { tenant: this.#name, kind: revocation.kind, id: revocation.id });
      return await this.#notifyAll();
    }

    async revocations(): Promise<Revocation[]> {
      return this.#tenant.revocations(Date.now(), revocationsListed);
    }

    async limits(): Promise<{ limits: Limits; override: LimitsOverride }> {
      return { limits: this.#tenant.limits, override: this.#tenant.override };
    }

    async setLimitsWith({ override }: Asked<"setLimitsWith">): Promise<NotifyResult> {
      this.#tenant.setLimits(override, Date.now());
      log("info", "limits were set", { tenant: this.#name, override });
      return await this.#notifyAll();
    }

    /** Drains every partition that has connections. */
    async drainWith({ seconds }: Asked<"drainWith">): Promise<NotifyResult> {
      const names = this.#tenant.subscribed(notifiedMax, Date.now());
      log("info", "draining", { tenant: this.#name, partitions: names.length });
      const notified = await atMost(concurrentMax, names, (name) => this.#partition(name).drain({ seconds }));
      return { told: notified, pending: names.length - notified };
    }

    /** Stores a ticket for `subject` (JSON). Of `ticket` only the hash is stored. */
    async putTicketWith({ ticket, principal, subject }: Named<TicketCall>): Promise<{ expiresAt: number } | Failure> {
      const now = Date.now();
      const expiresAt = now + ticketMs;
      return this.#tenant.putTicket({ sha256: sha256(ticket), principal, subject, expiresAt }, now) ?? { expiresAt };
    }

    /** Returns the subject of a ticket, once. */
    async takeTicketWith({ ticket }: Asked<"takeTicketWith">): Promise<string | undefined> {
      return this.#tenant.takeTicket(sha256(ticket), Date.now());
    }

    // What a Worker or a partition of the version before calls.

    attend(partition: string, leaseMs: number, knownSeq: number): Promise<TenantChanges> {
      return this.attendWith(named({ partition, leaseMs, knownSeq }));
    }

    claim(partition: string): Promise<Failure | undefined> {
      return this.claimWith(named({ partition }));
    }

    grant(count: number): Promise<{ granted: number; retryAfterMs: number }> {
      return this.grantWith(named({ count }));
    }

    refusal(author: Author): Promise<Failure | undefined> {
      return this.refusalWith(named({ author }));
    }

    setLimits(override: LimitsOverride): Promise<NotifyResult> {
      return this.setLimitsWith(named({ override }));
    }

    drain(seconds: number): Promise<NotifyResult> {
      return this.drainWith(named({ seconds }));
    }

    putTicket(ticket: string, principal: string, subject: string): Promise<{ expiresAt: number } | Failure> {
      return this.putTicketWith(named({ ticket, principal, subject }));
    }

    takeTicket(ticket: string): Promise<string | undefined> {
      return this.takeTicketWith(named({ ticket }));
    }

    override async alarm(): Promise<void> {
      await this.#notifyAll();
    }

    async #notifyAll(): Promise<NotifyResult> {
      // One after the other, so that no partition is notified twice of the same change.
      const turn = this.#notifying.then(() => {
        const rows = this.#tenant.behind(notifiedMax, Date.now());
        return atMost(concurrentMax, rows, (row) => this.#notify(row.partition, row.receivedSeq));
      });
      this.#notifying = turn.catch(() => {});
      const notified = await turn;
      const pending = this.#tenant.countBehind(Date.now());
      if (pending > 0) await this.ctx.storage.setAlarm(Date.now() + notifyRetryMs);
      return { told: notified, pending };
    }

    async #notify(partition: string, receivedSeq: number): Promise<void> {
      const changes = this.#tenant.changesSince(receivedSeq, Date.now());
      const staysSubscribed = await this.#partition(partition).tenantChanged(changes);
      if (staysSubscribed) this.#tenant.received(partition, changes.seq, Date.now());
      else this.#tenant.unsubscribe(partition, changes.seq, Date.now());
    }

    #partition(name: string): PartitionCalls {
      return partitionCalls(stubOf(this.env.PARTITIONS, `${this.#name}/${name}`, placementOf(this.#name)));
    }
  };
}

/** Runs `work` for each item, `most` concurrently, each with a time limit. Returns for how many it succeeded. */
async function atMost<T>(most: number, items: readonly T[], work: (item: T) => Promise<void>): Promise<number> {
  const rest = items.values();
  let done = 0;
  const worker = async () => {
    for (const item of rest) {
      const { promise: late, reject } = Promise.withResolvers<never>();
      const timer = setTimeout(() => reject(new Error("the notification timed out")), notifyMsMax);
      try {
        await Promise.race([work(item), late]);
        done++;
      } catch (error) {
        log("warn", "a partition could not be notified", { error: String(error) });
      } finally {
        clearTimeout(timer);
      }
    }
  };
  await Promise.all(Array.from({ length: Math.min(most, items.length) }, worker));
  return done;
}
