import type { DurableObject } from "cloudflare:workers";
import type { WebhookSettings } from "../courier/secrets.ts";
import type { AuditSettings } from "../identity/audit-keys.ts";
import type { IdentitySettings } from "../identity/settings.ts";
import type { CourierRpc } from "./courier-calls.ts";
import type { MetricsRpc } from "./metrics-calls.ts";
import type { PartitionRpc } from "./partition-calls.ts";
import type { TenantRpc } from "./tenant-calls.ts";

/** A Durable Object class and its RPC, without its private members: these would be in the published types. */
export type ObjectClass<Env, Rpc> = new (ctx: DurableObjectState, env: Env) => DurableObject<Env> & Rpc;

/** What an object of a partition needs of its environment. */
export interface PartitionEnv extends IdentitySettings, AuditSettings {
  /** Absent in a deployment without metrics. */
  METRICS?: DurableObjectNamespace<DurableObject & MetricsRpc>;
  PARTITIONS: DurableObjectNamespace<DurableObject & PartitionRpc>;
  TENANTS: DurableObjectNamespace<DurableObject & TenantRpc>;
}

/** What an object of a tenant needs of its environment. */
export interface TenantEnv {
  PARTITIONS: DurableObjectNamespace<DurableObject & PartitionRpc>;
  /** Absent in a deployment that has no endpoints. */
  COURIERS?: DurableObjectNamespace<DurableObject & CourierRpc>;
}

/** What a courier needs of its environment. */
export interface CourierEnv extends WebhookSettings {
  /** Absent in a deployment without metrics. */
  METRICS?: DurableObjectNamespace<DurableObject & MetricsRpc>;
  TENANTS: DurableObjectNamespace<DurableObject & TenantRpc>;
  PARTITA_IDENTITY?: string;
  /** Set to anything: endpoints on this machine are allowed, in open development mode only. */
  PARTITA_WEBHOOK_LOOPBACK?: string;
}

/** The bindings that effects need. Those of queues have the names that the effects say. */
export interface EffectEnv {
  PARTITIONS: DurableObjectNamespace<DurableObject & PartitionRpc>;
  TENANTS: DurableObjectNamespace<DurableObject & TenantRpc>;
  /** Absent where a deployment has no couriers yet: webhooks wait. */
  COURIERS?: DurableObjectNamespace<DurableObject & CourierRpc>;
}
