import { DurableObject } from "cloudflare:workers";
import { courierBounds } from "../courier/bounds.ts";
import { Courier } from "../courier/courier.ts";
import { Dispatcher } from "../courier/dispatcher.ts";
import { messageOf } from "../courier/message.ts";
import { openSecrets, webhookKeysOf } from "../courier/secrets.ts";
import { type Answered, sendMessage, type SenderPorts } from "../courier/sender.ts";
import { callObject } from "../platform/call.ts";
import type { Endpoint } from "../platform/courier-api.ts";
import { log } from "../platform/log.ts";
import { courierName, type Gauge } from "../platform/metrics-api.ts";
import { type PlacementOf, stubOf } from "../platform/placement.ts";
import type { Failure } from "../protocol/index.ts";
import { migrations } from "../storage/courier/migrations.ts";
import { CourierStorage } from "../storage/courier/storage.ts";
import type { DeliverySummary } from "../storage/courier/deliveries.ts";
import { Measures } from "../shell/measures.ts";
import { DurableSqlDriver } from "../storage/durable.ts";
import type { CourierRpc, CourierStatusAnswer, DeadLetter, EndpointAnswer } from "./courier-calls.ts";
import type { CourierEnv } from "./environments.ts";
import { reporterOf } from "./metrics-calls.ts";
import { nameOf } from "./object-name.ts";
import { type TenantCalls, tenantCalls } from "./tenant-calls.ts";

type Asked<Method extends keyof CourierRpc> = Parameters<CourierRpc[Method]>[0];

const removed: Failure = { code: "not_found", detail: "There is no such endpoint." };

/** The Durable Object class of a courier: what is to be delivered to one endpoint. The name is `tenant/endpoint`. */
export function courierObject(placementOf: PlacementOf) {
  return class CourierObject extends DurableObject<CourierEnv> implements CourierRpc {
    readonly #name: string;
    readonly #tenant: string;
    readonly #id: string;
    readonly #measures: Measures;
    #driver: DurableSqlDriver | undefined;
    #opened: { courier: Courier; dispatcher: Dispatcher } | undefined;

    constructor(ctx: DurableObjectState, env: CourierEnv) {
      super(ctx, env);
      this.#name = nameOf(ctx.id);
      const at = this.#name.indexOf("/");
      this.#tenant = this.#name.slice(0, at);
      this.#id = this.#name.slice(at + 1);
      const place = { tenant: this.#tenant, partition: courierName(this.#id) };
      this.#measures = new Measures({
        partition: place.partition,
        newIncarnation: () => crypto.randomUUID().replaceAll("-", "").slice(-16),
        metrics: env.METRICS && {
          report: reporterOf(env.METRICS, place, placementOf(this.#tenant)),
          rowsWritten: () => this.#driver?.rowsWritten ?? 0,
        },
        now: () => Date.now(),
        afterIo: () => {},
        gauges: () => this.#gauges,
        // It has no log.
        condition: () => undefined,
        head: () => undefined,
        verified: () => undefined,
      });
    }

    /**
     * Opened by the first call, not by the constructor: a call that fails is tried again by its caller, and the object
     * stays reachable.
     *
     * @throws MigrationError where the storage is of another version; or an error of the storage.
     */
    get #open(): { courier: Courier; dispatcher: Dispatcher } {
      if (this.#opened) return this.#opened;
      this.#driver = new DurableSqlDriver(this.ctx.storage);
      const courier = new Courier(new CourierStorage(this.#driver, migrations), Date.now());
      const dispatcher = new Dispatcher({
        courier,
        now: () => Date.now(),
        fraction: () => Math.random(),
        armAlarm: (at) => this.ctx.storage.setAlarm(at),
        endpoint: () => this.#endpoint(),
        disable: (endpoint, reason) =>
          callObject(this.#freshTenant, (tenant) =>
            tenant.disableEndpoint({ id: this.#id, url: endpoint.url, reason }),
          ),
        send: async (row, endpoint) => (await sendMessage(endpoint, messageOf(row), this.#sender)).outcome,
        log: (event, fields) => log(event, { tenant: this.#tenant, endpoint: this.#id, ...fields }),
        measure: (result, count) => {
          this.#measures.count("deliveries", count, result);
          this.#measures.entered();
        },
      });
      return (this.#opened = { courier, dispatcher });
    }

    async acceptWith({ rows }: Asked<"acceptWith">): Promise<void> {
      await this.#open.dispatcher.accept(rows);
    }

    async changedWith(): Promise<void> {
      await this.#open.dispatcher.changed();
    }

    async statusWith(): Promise<CourierStatusAnswer> {
      return this.#open.courier.status(Date.now());
    }

    async challengeWith(): Promise<EndpointAnswer | Failure> {
      const endpoint = await this.#endpoint();
      if (!endpoint) return removed;
      const challenge = crypto.randomUUID();
      const { outcome, body } = await this.#sendOnce(endpoint, "partita.challenge", { challenge }, true);
      if (outcome.kind === "failed") return answerOf({ outcome });
      if (challengeIn(body ?? "") !== challenge) {
        return {
          status: outcome.status,
          reason: 'The answer was not JSON with the member "challenge" of the message.',
        };
      }
      const activated = await callObject(this.#freshTenant, (tenant) =>
        tenant.activateEndpoint({ id: this.#id, url: endpoint.url }),
      );
      if (!activated) return { status: outcome.status, reason: "The address was changed meanwhile." };
      await this.#open.dispatcher.changed();
      return answerOf({ outcome });
    }

    async testWith(): Promise<EndpointAnswer | Failure> {
      const endpoint = await this.#endpoint();
      return endpoint ? answerOf(await this.#sendOnce(endpoint, "partita.test", {}, false)) : removed;
    }

    async deadLettersWith({ after, limit }: Asked<"deadLettersWith">): Promise<DeadLetter[]> {
      return this.#open.courier.deadLetters(after, Math.min(limit, courierBounds.pageMax)).map((row) => letterOf(row));
    }

    async deadLetterWith({ effectId }: Asked<"deadLetterWith">): Promise<DeadLetter | undefined> {
      const row = this.#open.courier.deadLetter(effectId);
      return row && { ...letterOf(row), ...(row.payload === undefined ? {} : { payload: row.payload }) };
    }

    async replayWith({ effectId }: Asked<"replayWith">): Promise<number> {
      const { courier, dispatcher } = this.#open;
      const now = Date.now();
      const replayed = effectId === undefined ? courier.replayAll(now) : courier.replay(effectId, now) ? 1 : 0;
      if (replayed > 0) await dispatcher.run();
      return replayed;
    }

    async discardWith({ effectId }: Asked<"discardWith">): Promise<boolean> {
      const { courier, dispatcher } = this.#open;
      const discarded = courier.discard(effectId, Date.now());
      // A later row of its partition may not have to wait any more.
      if (discarded) await dispatcher.run();
      return discarded;
    }

    override async alarm(): Promise<void> {
      try {
        await this.#open.dispatcher.alarm();
      } catch (error) {
        // The platform gives up after some attempts. What waits must be sent one day.
        log("courier_failed", { tenant: this.#tenant, endpoint: this.#id, error: String(error) });
        await this.ctx.storage.setAlarm(Date.now() + courierBounds.reopenMs);
      }
    }

    get #gauges(): readonly Gauge[] {
      const { waiting, deadLetters, bytes, failingSince } = this.#open.courier.status(Date.now());
      return [
        { name: "endpointMessages", used: waiting, max: courierBounds.rowsMax },
        { name: "endpointBytes", used: bytes, max: courierBounds.rowBytesMax },
        { name: "endpointDeadLetters", used: deadLetters },
        { name: "endpointsFailing", used: failingSince === undefined ? 0 : 1 },
      ];
    }

    async #endpoint(): Promise<Endpoint | undefined> {
      return await callObject(this.#freshTenant, (tenant) => tenant.endpoint({ id: this.#id }));
    }

    get #freshTenant(): () => TenantCalls {
      return () => tenantCalls(stubOf(this.env.TENANTS, this.#tenant, placementOf(this.#tenant)));
    }

    get #sender(): SenderPorts {
      return {
        fetch: (url, init) => fetch(url, init),
        now: () => Date.now(),
        secretsOf: async ({ secrets }) => {
          const keys = webhookKeysOf(this.env);
          if (typeof keys === "string") throw new Error(keys);
          return await openSecrets(secrets, this.#name, keys, Date.now());
        },
        loopback: this.env.PARTITA_IDENTITY === "open" && this.env.PARTITA_WEBHOOK_LOOPBACK !== undefined,
      };
    }

    /** Sends a message of the server itself. */
    #sendOnce(endpoint: Endpoint, type: string, data: object, readsBody: boolean): Promise<Answered> {
      const now = Date.now();
      const id = `${type.slice(type.indexOf(".") + 1)}:${crypto.randomUUID()}`;
      const body = JSON.stringify({ type, timestamp: new Date(now).toISOString(), data });
      return sendMessage(endpoint, { id, body }, this.#sender, { readsBody });
    }
  };
}

function answerOf({ outcome }: Answered): EndpointAnswer {
  if (outcome.kind === "delivered") return { status: outcome.status };
  const { status, reason } = outcome;
  return { ...(status === undefined ? {} : { status }), reason };
}

/** The member `challenge` of a JSON text. */
function challengeIn(text: string): unknown {
  try {
    return (JSON.parse(text) as { challenge?: unknown } | null)?.challenge;
  } catch {
    return undefined;
  }
}

function letterOf(row: DeliverySummary): DeadLetter {
  const { effectId, seq, partition, type, timestamp, correlationId, ordered, attempts, lastStatus, lastReason } = row;
  return {
    effectId,
    seq,
    partition,
    type,
    timestamp,
    ...(correlationId === undefined ? {} : { correlationId }),
    ordered,
    diedAt: row.diedAt!,
    attempts,
    ...(lastStatus === undefined ? {} : { status: lastStatus }),
    ...(lastReason === undefined ? {} : { reason: lastReason }),
  };
}
