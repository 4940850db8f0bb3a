import type { Context, Hono, MiddlewareHandler } from "hono";
import type { IdentitySettings } from "../identity/settings.ts";
import type { partitionObject } from "../objects/partition.ts";
import type { tenantObject } from "../objects/tenant.ts";
import type { Identity } from "./identity.ts";

type PartitionObject = InstanceType<ReturnType<typeof partitionObject>>;
type TenantObject = InstanceType<ReturnType<typeof tenantObject>>;
export type TenantStub = DurableObjectStub<TenantObject>;

/** Who asks for what. */
export interface Visitor {
  identity: Identity;
  partition: string;
  /** A fresh stub of the partition's object. */
  stub: () => DurableObjectStub<PartitionObject>;
}

/** Somebody who has to do with a tenant as a whole. */
export interface Administrator {
  identity: Identity;
  /** A fresh stub of the tenant's object. */
  stub: () => TenantStub;
}

/** The bindings and settings of the Worker. */
interface Env extends IdentitySettings {
  /** Anything: nothing is taken (`draining.ts`). */
  PARTITA_DRAINING?: string;
  /** What submissions over HTTP have to be signed with (`signature.ts`). Absent: they need not be. */
  PARTITA_REQUEST_SIGNING_SECRET?: string;
  PARTITIONS: DurableObjectNamespace<PartitionObject>;
  TENANTS: DurableObjectNamespace<TenantObject>;
}

interface EdgeEnv {
  Bindings: Env;
  Variables: {
    /** Of this request: 32 lower-case hexadecimal digits. */
    traceId: string;
    /** Set by the doors (`visitor.ts`). */
    visitor: Visitor;
    administrator: Administrator;
  };
}

export type Edge = Hono<EdgeEnv>;
export type EdgeContext = Context<EdgeEnv>;
export type EdgeMiddleware = MiddlewareHandler<EdgeEnv>;
