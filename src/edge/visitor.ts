import { allows } from "../core/index.ts";
import { modelFor, type ModelRegistry } from "../model/index.ts";
import { isPartitionName } from "../protocol/index.ts";
import type { EdgeContext, EdgeMiddleware, Visitor } from "./env.ts";
import { identify, type Roles, unaddressed } from "./identity.ts";
import { accepted, Refused } from "./refused.ts";

/** Every partition belongs to a tenant; without verified tokens there is one. */
export const defaultTenant = "default";
/** What reading a partition needs: its log, its state, and to be connected to it. */
const readPermission = "read";

/** What stands before the routes of a partition: each sets `visitor`, or refuses before anything else is looked at. */
export interface Doors {
  /** For whoever may address the partition. */
  visits: EdgeMiddleware;
  /** For whoever may read it, too. */
  reads: EdgeMiddleware;
}

export function doorsOf(models: ModelRegistry, roles: Roles): Doors {
  /** Who asks, for which partition; refuses whoever may not address it. */
  const visitor = async (c: EdgeContext): Promise<Visitor> => {
    const identity = accepted(await identify(c.req.raw, c.env, roles, Date.now()));
    const partition = c.req.param("partition") ?? "";
    const failure = unaddressed(identity, partition);
    if (failure) throw new Refused(failure);
    const tenant = identity.mode === "verified" ? identity.subject.tenant : defaultTenant;
    const name = partitionOf(models, partition);
    return { identity, partition: name, stub: () => c.env.PARTITIONS.getByName(`${tenant}/${name}`) };
  };
  const reader = async (c: EdgeContext): Promise<Visitor> => {
    const found = await visitor(c);
    if (found.identity.mode === "verified" && !allows(found.identity.author.permissions, readPermission)) {
      throw new Refused({ code: "forbidden", layer: "permission", detail: `This needs the permission "read".` });
    }
    return found;
  };
  return { visits: door(visitor), reads: door(reader) };
}

const door = (admit: (c: EdgeContext) => Promise<Visitor>): EdgeMiddleware => {
  return async (c, next) => {
    c.set("visitor", await admit(c));
    await next();
  };
};

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
