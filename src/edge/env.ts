import type { Context, Hono, MiddlewareHandler } from "hono";
import type { AuditSettings } from "../identity/audit-keys.ts";
import type { IdentitySettings } from "../identity/settings.ts";
import type { DurableObject } from "cloudflare:workers";
import type { WebhookSettings } from "../courier/secrets.ts";
import type { CourierCalls, CourierRpc } from "../objects/courier-calls.ts";
import type { MetricsRpc } from "../objects/metrics-calls.ts";
import type { PartitionCalls, PartitionRpc } from "../objects/partition-calls.ts";
import type { TenantCalls, TenantRpc } from "../objects/tenant-calls.ts";
import type { Identity } from "./identity.ts";

/** The caller of a route of a partition, and the partition. */
export interface PartitionAccess {
  identity: Identity;
  partition: string;
  /** Makes a new stub of the partition's object. */
  stub: () => PartitionCalls;
}

/** The caller of a route of a tenant. */
export interface TenantAccess {
  identity: Identity;
  /** The name of the tenant. */
  name: string;
  /** Makes a new stub of the tenant's object. */
  stub: () => TenantCalls;
  /** Makes new stubs of the courier of an endpoint; undefined: the deployment has no couriers. */
  courier: (endpoint: string) => (() => CourierCalls) | undefined;
}

/** The bindings and settings of the Worker. */
export interface Env extends IdentitySettings, WebhookSettings, AuditSettings {
  /** Set to anything: every request is refused (`draining.ts`). */
  PARTITA_DRAINING?: string;
  /** The key that signs submissions over HTTP (`signature.ts`). Absent: no signature is required. */
  PARTITA_REQUEST_SIGNING_SECRET?: string;
  /** The demo and the API page; absent where the deployment has none. */
  ASSETS?: Fetcher;
  /** Set to anything: they are served (`pages.ts`). */
  PARTITA_PAGES?: string;
  PARTITIONS: DurableObjectNamespace<DurableObject & PartitionRpc>;
  TENANTS: DurableObjectNamespace<DurableObject & TenantRpc>;
  /** Absent in a deployment without webhooks. */
  COURIERS?: DurableObjectNamespace<DurableObject & CourierRpc>;
  /** Absent in a deployment without metrics. */
  METRICS?: DurableObjectNamespace<DurableObject & MetricsRpc>;
  /** Set to anything: endpoints on this machine are allowed, in open development mode only. */
  PARTITA_WEBHOOK_LOOPBACK?: string;
}

export interface EdgeEnv {
  Bindings: Env;
  Variables: {
    /** The trace id of this request: 32 lower-case hexadecimal digits. */
    traceId: string;
    /** What a style element of the page has, so that the browser applies it. Set by `securePages`. */
    nonce?: string;
    /** Set by the guards (`guards.ts`). */
    partitionAccess: PartitionAccess;
    tenantAccess: TenantAccess;
  };
}

export type Edge = Hono<EdgeEnv>;
export type EdgeContext = Context<EdgeEnv>;
export type EdgeMiddleware = MiddlewareHandler<EdgeEnv>;
