import type { Application } from "../objects/application.ts";
import { modelFor, type ModelRegistry } from "../model/index.ts";
import { defaultTenant, mayAddressAll } from "../identity/verify.ts";
import { readForbidden, readPermission } from "../shell/admission.ts";
import { courierCalls } from "../objects/courier-calls.ts";
import { partitionCalls } from "../objects/partition-calls.ts";
import { type TenantCalls, tenantCalls } from "../objects/tenant-calls.ts";
import { stubOf } from "../platform/placement.ts";
import { isPartitionName, allows, type Author, type Failure } from "../protocol/index.ts";
import { callObject, callObjectOnce } from "../platform/call.ts";
import type { EdgeContext, EdgeMiddleware, PartitionAccess, TenantAccess } from "./env.ts";
import { addressFailure, identify, type Identity } from "./identity.ts";
import { orRefuse, Refused } from "./refused.ts";

/** Middleware that runs before routes: it sets who the caller is, or refuses the request before it is read. */
export interface Guards {
  /** The caller may address the partition. */
  requirePartition: EdgeMiddleware;
  /** The caller may also read it. */
  requireRead: EdgeMiddleware;
  /** The same; the caller may authenticate by a ticket. */
  requireReadOrTicket: EdgeMiddleware;
  /** The same for a WebSocket, whose `connect` message may carry the token. */
  requireConnect: EdgeMiddleware;
  /**
   * The caller has the permission `action`, and may address the partition; where the route has none, all partitions of
   * the tenant, because what it does concerns each of them.
   */
  requireAdmin(action: string): EdgeMiddleware;
  /** The same for a route that does nothing to partitions that its caller's token is not for. */
  requireAdminOfSome(action: string): EdgeMiddleware;
  /** The caller has a token of the tenant. */
  requireTenant: EdgeMiddleware;
  /**
   * The tenant of a caller who was verified for a partition, and does there what is for administrators.
   *
   * @throws Refused as for the routes of administrators: the token was revoked, or administers more often than is allowed.
   */
  administers(c: EdgeContext): Promise<TenantAccess>;
  /**
   * What `requireRead` is, for one of several partitions of a request. `token`: undefined: the one of the request.
   *
   * @throws Refused
   */
  readAccess(c: EdgeContext, partition: string, token: string | undefined): Promise<PartitionAccess>;
}

export function guardsOf({ models, roles, placementOf }: Application): Guards {
  const tenantAt = (c: EdgeContext, tenant: string) => (): TenantCalls =>
    tenantCalls(stubOf(c.env.TENANTS, tenant, placementOf(tenant)));

  const courierAt = (c: EdgeContext, tenant: string, endpoint: string) => {
    const { COURIERS: couriers } = c.env;
    return couriers && (() => courierCalls(stubOf(couriers, `${tenant}/${endpoint}`, placementOf(tenant))));
  };

  const accessOf = (c: EdgeContext, identity: Identity, named?: string): PartitionAccess => {
    const partition = named ?? c.req.param("partition") ?? "";
    const failure = addressFailure(identity, partition);
    if (failure) throw new Refused(failure);
    const tenant = tenantOf(identity);
    const name = partitionOf(models, partition);
    const stub = () => partitionCalls(stubOf(c.env.PARTITIONS, `${tenant}/${name}`, placementOf(tenant)));
    return { identity, partition: name, stub };
  };
  const identityOf = async (c: EdgeContext, by: Parameters<typeof identify>[1] = {}): Promise<Identity> => {
    const takeTicket = (tenant: string, ticket: string) =>
      callObjectOnce(tenantAt(c, tenant), (stub) => stub.takeTicket({ ticket }));
    return orRefuse(await identify(c.req.raw, by, { settings: c.env, roles, takeTicket }));
  };
  const readAccess = async (
    c: EdgeContext,
    by?: Parameters<typeof identify>[1],
    partition?: string,
  ): Promise<PartitionAccess> => {
    const identity = await identityOf(c, by);
    const access = accessOf(c, identity, partition);
    if (identity.mode === "verified" && !allows(identity.author.permissions, readPermission)) {
      throw new Refused(readForbidden);
    }
    return access;
  };
  const accessOfTenant = (c: EdgeContext, identity: Identity): TenantAccess => {
    const name = tenantOf(identity);
    return { identity, name, stub: tenantAt(c, name), courier: (endpoint) => courierAt(c, name, endpoint) };
  };
  const tenantAccess = async (c: EdgeContext, needs: Needs | undefined): Promise<TenantAccess> => {
    const identity = await identityOf(c);
    const isOfPartition = c.req.param("partition") !== undefined;
    if (isOfPartition) c.set("partitionAccess", accessOf(c, identity));
    if (needs && identity.mode === "verified") {
      const { author, subject } = identity;
      if (!allows(author.permissions, needs.action)) {
        throw new Refused({
          code: "forbidden",
          layer: "permission",
          detail: `This needs the permission "${needs.action}".`,
        });
      }
      if (needs.all && !isOfPartition && !mayAddressAll(subject)) throw new Refused(notForTenant);
    }
    const access = accessOfTenant(c, identity);
    if (identity.mode === "verified") await assertAdmitted(access.stub, identity.author, needs !== undefined);
    return access;
  };
  const requireAccess = (needs: Needs | undefined): EdgeMiddleware => {
    return async (c, next) => {
      c.set("tenantAccess", await tenantAccess(c, needs));
      await next();
    };
  };
  return {
    requirePartition: guard(async (c) => accessOf(c, await identityOf(c))),
    requireRead: guard((c) => readAccess(c)),
    requireReadOrTicket: guard((c) => readAccess(c, { ticket: true })),
    requireConnect: guard((c) => readAccess(c, { ticket: true, later: true })),
    requireAdmin: (action) => requireAccess({ action, all: true }),
    requireAdminOfSome: (action) => requireAccess({ action, all: false }),
    requireTenant: requireAccess(undefined),
    async administers(c) {
      const { identity } = c.get("partitionAccess");
      const access = accessOfTenant(c, identity);
      if (identity.mode === "verified") await assertAdmitted(access.stub, identity.author, true);
      return access;
    },
    readAccess: (c, partition, token) => readAccess(c, { token }, partition),
  };
}

/** What a caller must be allowed. `all`: a route without a partition concerns all of them. */
interface Needs {
  readonly action: string;
  readonly all: boolean;
}

const notForTenant: Failure = {
  code: "forbidden",
  layer: "permission",
  detail: 'This concerns the whole tenant: it needs a token whose partitions include "*".',
};

const guard = (accessOf: (c: EdgeContext) => Promise<PartitionAccess>): EdgeMiddleware => {
  return async (c, next) => {
    c.set("partitionAccess", await accessOf(c));
    await next();
  };
};

function tenantOf(identity: Identity): string {
  if (identity.mode === "open") return defaultTenant;
  return identity.mode === "later" ? identity.tenant : identity.subject.tenant;
}

/** @throws Refused where the token was revoked, or administers more often than is allowed. */
async function assertAdmitted(tenant: () => TenantCalls, author: Author, administers: boolean): Promise<void> {
  const failure = await callObject(tenant, (stub) => stub.refusal({ author, administers }));
  if (failure) throw new Refused(failure);
}

function partitionOf(models: ModelRegistry, name: string): string {
  if (!isPartitionName(name)) {
    throw new Refused({
      code: "bad_request",
      detail: "A partition's name has 1 to 128 of A–Z a–z 0–9 . _ ~ : - and begins with a letter or digit.",
    });
  }
  if (!modelFor(models, name))
    throw new Refused({ code: "not_found", detail: "No model serves partitions of this name." });
  return name;
}
