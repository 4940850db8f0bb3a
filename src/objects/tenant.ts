import { sha256 } from "../platform/hash.ts";
import { DurableObject } from "cloudflare:workers";
import { tokenRevoked as revokedToken } from "../core/index.ts";
import { log } from "../platform/log.ts";
import { type PlacementOf, stubOf } from "../platform/placement.ts";
import type { LimitsOverride, PartitionApi, Revocation, TenantApi, TenantChanges } from "../platform/rpc.ts";
import type { Failure, Author, Limits } from "../protocol/index.ts";
import { DurableSqlDriver } from "../storage/durable.ts";
import { migrations } from "../storage/tenant/migrations.ts";
import { TenantStorage } from "../storage/tenant/storage.ts";
import { Tenant } from "../tenant/tenant.ts";

/** Partitions that are told of a change at once, and how many at the same time. */
const toldAtOnceMax = 1_000;
const tellingMax = 50;
/** How long one of them may take; then it is told again later. */
const tellMsMax = 5_000;
/** When those are told that could not be reached, or were too many. */
const tellAgainMs = 1_000;
/** A ticket has to be used within this time. */
const ticketMs = 30_000;
const revocationsListed = 1_000;

/** How far a change has got: partitions that know, and those that are still to be told. */
export interface Spread {
  told: number;
  pending: number;
}

interface TenantEnv {
  PARTITIONS: DurableObjectNamespace<DurableObject & PartitionApi>;
}

/** The Durable Object class of a tenant: what is revoked, what is allowed, and which partitions have to know. It is named like its tenant. */
export function tenantObject(limits: Limits, placementOf: PlacementOf) {
  return class TenantObject extends DurableObject<TenantEnv> implements TenantApi {
    readonly #name: string;
    readonly #tenant: Tenant;
    #spreading: Promise<unknown> = Promise.resolve();

    constructor(ctx: DurableObjectState, env: TenantEnv) {
      super(ctx, env);
      this.#name = ctx.id.name!;
      this.#tenant = new Tenant(new TenantStorage(new DurableSqlDriver(ctx.storage), migrations), limits, Date.now());
    }

    async attend(partition: string, leaseMs: number, knownSeq: number): Promise<TenantChanges> {
      return this.#tenant.attend(partition, leaseMs, knownSeq, Date.now());
    }

    async claim(partition: string): Promise<Failure | undefined> {
      return this.#tenant.claim(partition, Date.now());
    }

    async grant(count: number): Promise<{ granted: number; retryAfterMs: number }> {
      return this.#tenant.grant(count, Date.now());
    }

    /** Why this author's token is not taken, if so. */
    async refusal(author: Author): Promise<Failure | undefined> {
      return this.#tenant.isRevoked(author, Date.now()) ? revokedToken : undefined;
    }

    /** Revokes, and tells the partitions that have connections. Returns how far that got, or why it is refused. */
    async revoke(revocation: Revocation): Promise<Spread | Failure> {
      const failure = this.#tenant.revoke(revocation, Date.now());
      if (failure) return failure;
      log("info", "revoked", { tenant: this.#name, kind: revocation.kind, id: revocation.id });
      return await this.#spread();
    }

    async revocations(): Promise<Revocation[]> {
      return this.#tenant.revocations(Date.now(), revocationsListed);
    }

    async limits(): Promise<{ limits: Limits; override: LimitsOverride }> {
      return { limits: this.#tenant.limits, override: this.#tenant.override };
    }

    async setLimits(override: LimitsOverride): Promise<Spread> {
      this.#tenant.setLimits(override, Date.now());
      log("info", "limits were set", { tenant: this.#name, override });
      return await this.#spread();
    }

    /** Drains every partition that has connections. */
    async drain(seconds: number): Promise<Spread> {
      const names = this.#tenant.attending(toldAtOnceMax, Date.now());
      log("info", "draining", { tenant: this.#name, partitions: names.length });
      const told = await atMost(tellingMax, names, (name) => this.#partition(name).drain(seconds));
      return { told, pending: names.length - told };
    }

    /** A ticket for whom `subject` (JSON) speaks for; the ticket itself is `ticket`, and kept as its hash. */
    async putTicket(ticket: string, principal: string, subject: string): Promise<{ expiresAt: number } | Failure> {
      const now = Date.now();
      const expiresAt = now + ticketMs;
      return this.#tenant.putTicket({ sha256: sha256(ticket), principal, subject, expiresAt }, now) ?? { expiresAt };
    }

    /** Whom the ticket speaks for, once. */
    async takeTicket(ticket: string): Promise<string | undefined> {
      return this.#tenant.takeTicket(sha256(ticket), Date.now());
    }

    override async alarm(): Promise<void> {
      await this.#spread();
    }

    async #spread(): Promise<Spread> {
      // One after the other, so that nobody is told twice of the same.
      const turn = this.#spreading.then(() => {
        const rows = this.#tenant.untold(toldAtOnceMax, Date.now());
        return atMost(tellingMax, rows, (row) => this.#tell(row.partition, row.toldSeq));
      });
      this.#spreading = turn.catch(() => {});
      const told = await turn;
      const pending = this.#tenant.countUntold(Date.now());
      if (pending > 0) await this.ctx.storage.setAlarm(Date.now() + tellAgainMs);
      return { told, pending };
    }

    async #tell(partition: string, toldSeq: number): Promise<void> {
      const changes = this.#tenant.changesSince(toldSeq, Date.now());
      const listens = await this.#partition(partition).tenantChanged(changes);
      if (listens) this.#tenant.told(partition, changes.seq, Date.now());
      else this.#tenant.release(partition, changes.seq, Date.now());
    }

    #partition(name: string): PartitionApi {
      return stubOf(this.env.PARTITIONS, `${this.#name}/${name}`, placementOf(this.#name));
    }
  };
}

/** Runs `work` for each item, `most` at a time, each with a time limit; returns for how many it succeeded. */
async function atMost<T>(most: number, items: readonly T[], work: (item: T) => Promise<void>): Promise<number> {
  const rest = items.values();
  let done = 0;
  const worker = async () => {
    for (const item of rest) {
      const { promise: late, reject } = Promise.withResolvers<never>();
      const timer = setTimeout(() => reject(new Error("it takes too long")), tellMsMax);
      try {
        await Promise.race([work(item), late]);
        done++;
      } catch (error) {
        log("warn", "a partition could not be told", { error: String(error) });
      } finally {
        clearTimeout(timer);
      }
    }
  };
  await Promise.all(Array.from({ length: Math.min(most, items.length) }, worker));
  return done;
}
