import type { Context, Hono, MiddlewareHandler } from "hono";
import type { IdentitySettings } from "../identity/settings.ts";
import type { partitionObject } from "../partition/object.ts";
import type { Identity } from "./identity.ts";

type PartitionObject = InstanceType<ReturnType<typeof partitionObject>>;

/** Who asks for what. */
export interface Visitor {
  identity: Identity;
  partition: string;
  /** A fresh stub of the partition's object. */
  stub: () => DurableObjectStub<PartitionObject>;
}

/** The bindings and settings of the Worker. */
interface Env extends IdentitySettings {
  PARTITIONS: DurableObjectNamespace<PartitionObject>;
}

interface EdgeEnv {
  Bindings: Env;
  Variables: {
    /** Of this request: 32 lower-case hexadecimal digits. */
    traceId: string;
    /** Set by the doors (`visitor.ts`). */
    visitor: Visitor;
  };
}

export type Edge = Hono<EdgeEnv>;
export type EdgeContext = Context<EdgeEnv>;
export type EdgeMiddleware = MiddlewareHandler<EdgeEnv>;
