import { sha256 } from "../platform/hash.ts";
import { DurableObject } from "cloudflare:workers";
import { tokenRevoked as revokedToken } from "../core/index.ts";
import type { NotedAction } from "../platform/actions-api.ts";
import { callObject } from "../platform/call.ts";
import type { Endpoint, EndpointRoute } from "../platform/courier-api.ts";
import { log } from "../platform/log.ts";
import { stubOf } from "../platform/placement.ts";
import { startTimer } from "../platform/timer.ts";
import type { LimitsOverride, Named, Revocation, TenantSubscription } from "../platform/rpc.ts";
import type { Failure, Author, Limits } from "../protocol/index.ts";
import { DurableSqlDriver } from "../storage/durable.ts";
import { migrations } from "../storage/tenant/migrations.ts";
import { TenantStorage } from "../storage/tenant/storage.ts";
import { AdminActions } from "../tenant/actions.ts";
import { administration, listings } from "../tenant/shared-rate.ts";
import { Notifier } from "../tenant/notifier.ts";
import { Tenant } from "../tenant/tenant.ts";
import type { Application } from "./application.ts";
import { named } from "./calls.ts";
import type { TenantEnv } from "./environments.ts";
import { nameOf } from "./object-name.ts";
import { type PartitionCalls, partitionCalls } from "./partition-calls.ts";
import type { TenantEndpoints } from "./tenant-endpoints.ts";
import type { NotifyResult, TenantRpc, TicketCall } from "./tenant-calls.ts";

/** The most partitions of one drain. */
const drainedMax = 100_000;
/** The pause before the partitions are notified again that could not be reached; it doubles each time. */
const notifyRetryMsMin = 1_000;
const notifyRetryMsMax = 30_000;
/** The pause where the tenant's own storage fails: somebody has to fix that. */
const reopenMs = 60_000;
/** The lifetime of a ticket. */
const ticketMs = 30_000;
const revocationsListed = 1_000;

interface Opened {
  readonly tenant: Tenant;
  /** Undefined: the Worker has no webhooks. */
  readonly endpoints: TenantEndpoints | undefined;
  readonly actions: AdminActions;
}

type Asked<Method extends keyof TenantRpc> = Parameters<TenantRpc[Method]>[0];

/** The Durable Object class of a tenant: its revocations, its limits, and the partitions to notify. The name of the object is that of the tenant. */
export function tenantObject(limits: Limits, { placementOf, parts }: Pick<Application, "placementOf" | "parts">) {
  return class TenantObject extends DurableObject<TenantEnv> implements TenantRpc {
    readonly #name: string;
    #opened: Opened | undefined;
    readonly #notifier: Notifier;
    readonly #listings = listings();
    readonly #administration = administration();
    /** How often in a row only partitions were left that could not be reached. */
    #retries = 0;

    constructor(ctx: DurableObjectState, env: TenantEnv) {
      super(ctx, env);
      this.#name = nameOf(ctx.id);
      this.#notifier = this.#notifierOf(
        (limit) => this.#tenant.behind(limit, Date.now()).map(({ partition }) => partition),
        (partition) => this.#notify(partition),
      );
    }

    /**
     * Opened by the first call, not by the constructor: a call that fails is answered by its caller as one that may be
     * tried again, and the object stays reachable. The next call tries again.
     *
     * @throws MigrationError where the storage is of another version; or an error of the storage.
     */
    get #open(): Opened {
      if (this.#opened) return this.#opened;
      try {
        const storage = new TenantStorage(new DurableSqlDriver(this.ctx.storage), migrations);
        const tenant = new Tenant(storage, limits, Date.now());
        const endpoints =
          parts.TenantEndpoints &&
          new parts.TenantEndpoints(storage, {
            tenant: this.#name,
            couriers: this.env.COURIERS,
            placement: placementOf(this.#name),
            waitUntil: (work) => this.ctx.waitUntil(work),
          });
        return (this.#opened = { tenant, endpoints, actions: new AdminActions(storage) });
      } catch (error) {
        log("tenant_storage_not_opened", { tenant: this.#name, error: String(error) });
        throw error;
      }
    }

    get #tenant(): Tenant {
      return this.#open.tenant;
    }

    /** @throws Error where this Worker does not have the part: then only one of another version calls. */
    get #endpoints(): TenantEndpoints {
      const { endpoints } = this.#open;
      if (!endpoints) throw new Error('this Worker has no part "webhooks"');
      return endpoints;
    }

    async attendWith(asked: Asked<"attendWith">): Promise<TenantSubscription> {
      const now = Date.now();
      const answer = this.#tenant.subscribe(asked, now);
      // It may never receive this answer. Those that were behind before have an alarm already.
      if (this.#tenant.changesFor(asked.partition, now) && (await this.ctx.storage.getAlarm()) === null) {
        await this.ctx.storage.setAlarm(now + notifyRetryMsMin);
      }
      return answer;
    }

    async claimWith({ partition, principal }: Asked<"claimWith">): Promise<Failure | undefined> {
      return this.#tenant.claim(partition, principal, Date.now());
    }

    async grantWith({ count }: Asked<"grantWith">): Promise<{ granted: number; retryAfterMs: number }> {
      return this.#tenant.grant(count, Date.now());
    }

    /** Returns why this author's token is refused, or undefined. */
    async refusalWith({ author, administers }: Asked<"refusalWith">): Promise<Failure | undefined> {
      const now = Date.now();
      if (this.#tenant.isRevoked(author, now)) return revokedToken;
      return administers ? this.#administration.take(author.principal, 1, now) : undefined;
    }

    /** Revokes, and notifies the partitions that have connections. Returns the result, or why it is refused. */
    async revoke(revocation: Revocation): Promise<NotifyResult | Failure> {
      const failure = this.#tenant.revoke(revocation, Date.now());
      if (failure) return failure;
      log("revoked", { tenant: this.#name, kind: revocation.kind, id: revocation.id });
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
      log("limits_set", { tenant: this.#name, override: JSON.stringify(override) });
      return await this.#notifyAll();
    }

    async setReadOnlyWith({ partitions }: Asked<"setReadOnlyWith">): Promise<NotifyResult> {
      this.#tenant.setReadOnly(partitions, Date.now());
      return await this.#notifyAll();
    }

    /** Drains every partition that has connections. */
    async drainWith({ seconds }: Asked<"drainWith">): Promise<NotifyResult> {
      const names = this.#tenant.subscribed(drainedMax, Date.now());
      log("tenant_draining", { tenant: this.#name, count: names.length });
      const told = await this.#notifierOf(
        () => names,
        (name) => callObject(this.#partition(name), (calls) => calls.drain({ seconds })),
      ).notifyAll();
      return { told, pending: names.length - told };
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

    async noteWith({ id, action }: Asked<"noteWith">): Promise<void> {
      // A line of the log stays where the list has forgotten it.
      if (!this.#open.actions.note(id, action, Date.now())) return;
      const { details, ...about } = action;
      log("admin_action", { tenant: this.#name, ...about, details: JSON.stringify(details ?? {}) });
    }

    async actionsWith({ before, limit }: Asked<"actionsWith">): Promise<NotedAction[]> {
      return this.#open.actions.before(before, limit);
    }

    async takeListedWith({ principal, count }: Asked<"takeListedWith">): Promise<Failure | undefined> {
      return this.#listings.take(principal, count, Date.now());
    }

    async endpoints(): Promise<Endpoint[]> {
      return this.#endpoints.all();
    }

    async endpointRoutes(): Promise<EndpointRoute[]> {
      return this.#endpoints.routes();
    }

    async endpointWith({ id }: Asked<"endpointWith">): Promise<Endpoint | undefined> {
      const endpoint = this.#endpoints.find(id);
      return endpoint && this.#tenant.limits.effects === "paused" ? { ...endpoint, tenantPaused: true } : endpoint;
    }

    async putEndpointWith(asked: Asked<"putEndpointWith">): ReturnType<TenantRpc["putEndpointWith"]> {
      return this.#endpoints.put(asked);
    }

    async removeEndpointWith({ id }: Asked<"removeEndpointWith">): Promise<boolean> {
      return this.#endpoints.remove(id);
    }

    async activateEndpointWith({ id, url }: Asked<"activateEndpointWith">): Promise<Endpoint | undefined> {
      return this.#endpoints.activate(id, url);
    }

    async disableEndpointWith({ id, url, reason }: Asked<"disableEndpointWith">): Promise<Endpoint | undefined> {
      return this.#endpoints.disable(id, url, reason);
    }

    async rotateEndpointWith(asked: Asked<"rotateEndpointWith">): Promise<Endpoint | undefined> {
      return this.#endpoints.rotate(asked);
    }

    // What a Worker or a partition of the version before calls.

    attend(partition: string, leaseMs: number, knownSeq: number): Promise<TenantSubscription> {
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
      try {
        await this.#notifyAll();
      } catch {
        // The platform gives up after some attempts. Partitions that have not received a change must receive it one day.
        await this.ctx.storage.setAlarm(Date.now() + reopenMs);
      }
    }

    async #notifyAll(): Promise<NotifyResult> {
      if (this.#tenant.countBehind(Date.now()) === 0) return { told: 0, pending: 0 };
      // Before the first call, so that a crash between two of them loses none.
      await this.ctx.storage.setAlarm(Date.now() + notifyRetryMsMin);
      const told = await this.#notifier.notifyAll();
      const pending = this.#tenant.countBehind(Date.now());
      if (pending === 0) {
        this.#retries = 0;
        await this.ctx.storage.deleteAlarm();
      } else {
        const onlyFailing = pending <= this.#notifier.failing;
        const pauseMs = onlyFailing ? Math.min(notifyRetryMsMin * 2 ** this.#retries++, notifyRetryMsMax) : 0;
        await this.ctx.storage.setAlarm(Date.now() + pauseMs);
      }
      return { told, pending };
    }

    async #notify(partition: string): Promise<void> {
      const changes = this.#tenant.changesFor(partition, Date.now());
      if (!changes) return;
      const { until: _, ...told } = changes;
      const staysSubscribed = await callObject(this.#partition(partition), (calls) => calls.tenantChanged(told));
      if (staysSubscribed) this.#tenant.received(partition, changes.seq, Date.now());
      else this.#tenant.unsubscribe(partition, changes, Date.now());
    }

    /** Returns a function that makes a fresh stub. */
    #partition(name: string): () => PartitionCalls {
      return () => partitionCalls(stubOf(this.env.PARTITIONS, `${this.#name}/${name}`, placementOf(this.#name)));
    }

    /** A notifier of partitions. */
    #notifierOf(behind: (limit: number) => readonly string[], notify: (partition: string) => Promise<void>): Notifier {
      return new Notifier({
        behind,
        notify,
        failed: (partition, error) =>
          log("partition_not_notified", { tenant: this.#name, partition, error: String(error) }),
        timer: startTimer,
      });
    }
  };
}
