import type { Application } from "../objects/application.ts";
import { modelFor, type ModelRegistry } from "../model/index.ts";
import { defaultTenant } from "../identity/verify.ts";
import { readForbidden, readPermission } from "../shell/admission.ts";
import { stubOf } from "../platform/placement.ts";
import { isPartitionName, allows, type Author } from "../protocol/index.ts";
import type { Administrator, EdgeContext, EdgeMiddleware, TenantStub, Visitor } from "./env.ts";
import { identify, type Identity, unaddressed } from "./identity.ts";
import { accepted, Refused } from "./refused.ts";

/** What stands before routes: each sets who asks, or refuses before anything else is looked at. */
export interface Doors {
  /** For whoever may address the partition. */
  visits: EdgeMiddleware;
  /** For whoever may read it, too. */
  reads: EdgeMiddleware;
  /** The same for a connection, which can also come with a ticket. */
  listens: EdgeMiddleware;
  /** The same for a WebSocket, which can also bring its token with `connect`. */
  connects: EdgeMiddleware;
  /** For whoever may do `action` to the tenant, and to the partition, where one is addressed. */
  administers(action: string): EdgeMiddleware;
  /** For whoever has a token of the tenant. */
  belongs: EdgeMiddleware;
}

export function doorsOf({ models, roles, placementOf }: Application): Doors {
  const tenantAt = (c: EdgeContext, tenant: string) => (): TenantStub =>
    stubOf(c.env.TENANTS, tenant, placementOf(tenant));

  /** Who asks, for which partition; refuses whoever may not address it. */
  const visitor = async (c: EdgeContext, identity: Identity): Promise<Visitor> => {
    const partition = c.req.param("partition") ?? "";
    const failure = unaddressed(identity, partition);
    if (failure) throw new Refused(failure);
    const tenant = tenantOf(identity);
    const name = partitionOf(models, partition);
    const stub = () => stubOf(c.env.PARTITIONS, `${tenant}/${name}`, placementOf(tenant));
    return { identity, partition: name, stub };
  };
  const identified = async (c: EdgeContext, by: Parameters<typeof identify>[1] = {}): Promise<Identity> =>
    accepted(await identify(c.req.raw, by, { settings: c.env, roles, tenantAt: (tenant) => tenantAt(c, tenant)() }));
  const reader = async (c: EdgeContext, by?: Parameters<typeof identify>[1]): Promise<Visitor> => {
    const identity = await identified(c, by);
    const found = await visitor(c, identity);
    if (identity.mode === "verified" && !allows(identity.author.permissions, readPermission)) {
      throw new Refused(readForbidden);
    }
    return found;
  };
  const administrator = async (c: EdgeContext, action: string | undefined): Promise<Administrator> => {
    const identity = await identified(c);
    if (c.req.param("partition") !== undefined) c.set("visitor", await visitor(c, identity));
    if (action !== undefined && identity.mode === "verified" && !allows(identity.author.permissions, action)) {
      throw new Refused({ code: "forbidden", layer: "permission", detail: `This needs the permission "${action}".` });
    }
    const stub = tenantAt(c, tenantOf(identity));
    if (identity.mode === "verified") await assertInForce(stub(), identity.author);
    return { identity, stub };
  };
  const administers = (action: string | undefined): EdgeMiddleware => {
    return async (c, next) => {
      c.set("administrator", await administrator(c, action));
      await next();
    };
  };
  return {
    visits: door(async (c) => visitor(c, await identified(c))),
    reads: door((c) => reader(c)),
    listens: door((c) => reader(c, { ticket: true })),
    connects: door((c) => reader(c, { ticket: true, later: true })),
    administers,
    belongs: administers(undefined),
  };
}

const door = (admit: (c: EdgeContext) => Promise<Visitor>): EdgeMiddleware => {
  return async (c, next) => {
    c.set("visitor", await admit(c));
    await next();
  };
};

function tenantOf(identity: Identity): string {
  if (identity.mode === "open") return defaultTenant;
  return identity.mode === "later" ? identity.tenant : identity.subject.tenant;
}

/** @throws Refused where the token was revoked. */
async function assertInForce(tenant: TenantStub, author: Author): Promise<void> {
  const failure = await tenant.refusal(author);
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
