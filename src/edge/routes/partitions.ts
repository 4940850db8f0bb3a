import * as z from "zod/mini";
import { modelFor } from "../../model/index.ts";
import type { Application } from "../../objects/application.ts";
import { partitionCalls } from "../../objects/partition-calls.ts";
import { callObject } from "../../platform/call.ts";
import type { DirectoryEntry, DirectoryRow } from "../../platform/directory-api.ts";
import { stubOf } from "../../platform/placement.ts";
import { allows } from "../../protocol/index.ts";
import { readForbidden, readPermission } from "../../shell/admission.ts";
import { directoryOf } from "../directory.ts";
import { query, wholeNumber } from "../query.ts";
import type { Edge, EdgeContext } from "../env.ts";
import type { Guards } from "../guards.ts";
import { authorOf } from "../identity.ts";
import { pay, unitsOf } from "../listing.ts";
import { orRefuse, Refused } from "../refused.ts";

const limitMax = 100;
/** Partitions that are asked for one page whether their state allows the caller to read. */
const askedMax = 50;
export const inspectPermission = "admin:inspect";

export const listPartitionsQuery = {
  prefix: z.optional(
    z
      .string()
      .check(
        z.regex(/^[A-Za-z0-9._~:-]{0,128}$/, { error: "Not the beginning of a name." }),
        z.meta({ description: "Only names that begin with it.", example: "room" }),
      ),
  ),
  after: z.optional(z.string().check(z.maxLength(512), z.meta({ description: "The `next` of the page before." }))),
  limit: z.optional(wholeNumber(`At most this many, up to ${limitMax}.`, 20)),
  only: z.optional(
    z.enum(["quarantined", "deadLetters", "damaged"], { error: "None of quarantined, deadLetters and damaged." }),
  ),
  order: z.optional(
    z
      .enum(["largest", "fullest", "hottest"], { error: "None of largest, fullest and hottest." })
      .check(z.meta({ description: "Those with the most, in one page without `next`; absent: by name." })),
  ),
};

/** The directory of a tenant's partitions. */
export function partitionRoutes(app: Edge, { requireTenant }: Guards, application: Application): void {
  app.get("/v1/partitions", requireTenant, query(listPartitionsQuery), async (c) => {
    const { prefix = "", after, limit = limitMax, only, order } = c.req.valid("query");
    const access = c.get("tenantAccess");
    const { identity } = access;
    const permissions = identity.mode === "verified" ? identity.author.permissions : "all";
    const inspects = allows(permissions, inspectPermission);
    if (!inspects && !allows(permissions, readPermission)) throw new Refused(readForbidden);
    if (!inspects && (only ?? order) !== undefined) {
      throw new Refused({
        code: "forbidden",
        layer: "permission",
        detail: `"only" and "order" need the permission "${inspectPermission}".`,
      });
    }
    const directory = directoryOf(c, application);
    // What the caller may not read must not decide where a page ends: so these pages are by place, and of all names
    // that the token is for, whatever is asked for.
    if (!inspects && Object.values(application.models).some(({ authorize }) => authorize)) {
      const { rows, last } = await directory.placed({
        ranges: directory.ranges(),
        after: after === undefined ? -1 : await directory.placeAfter(after),
        limit: Math.min(Math.max(limit, 1), askedMax),
      });
      const served = rows.filter(({ name }) => modelFor(application.models, name));
      await pay(c, 1 + served.length);
      const readable = (await readableOf(c, application, served))
        .filter(({ name }) => name.startsWith(prefix))
        .toSorted((a, b) => (a.name < b.name ? -1 : 1));
      const next = last === undefined ? {} : { next: await directory.cursorAtPlace(last) };
      return c.json({ partitions: readable.map(listed), ...next });
    }
    await pay(c, unitsOf({ only, order }));
    const asked = {
      ranges: directory.ranges(prefix),
      after: after === undefined ? "" : await directory.nameAfter(after),
      only,
      order,
      limit: Math.min(Math.max(limit, 1), inspects ? limitMax : askedMax),
    };
    const { entries, last } = await directory.page(asked);
    const served = entries.filter(({ name }) => modelFor(application.models, name));
    const next = last === undefined ? {} : { next: await directory.cursorAfter(last) };
    if (inspects) {
      const incomplete = order === undefined && last === undefined && (await directory.isFull());
      return c.json({ partitions: served.map(inspected), ...next, ...(incomplete ? { incomplete } : {}) });
    }
    return c.json({ partitions: served.map(listed), ...next });
  });
}

/** Those whose state allows the caller to read. A partition that does not answer is left out. */
async function readableOf(
  c: EdgeContext,
  { models, placementOf }: Application,
  entries: readonly DirectoryRow[],
): Promise<readonly DirectoryRow[]> {
  const { identity, name: tenant } = c.get("tenantAccess");
  const { author } = orRefuse(authorOf(identity, c.req.raw));
  const may = await Promise.all(
    entries.map(({ name }) => {
      if (!modelFor(models, name)?.authorize) return true;
      const stub = () => partitionCalls(stubOf(c.env.PARTITIONS, `${tenant}/${name}`, placementOf(tenant)));
      return callObject(stub, (object) => object.mayRead({ author })).catch(() => false);
    }),
  );
  return entries.filter((_, at) => may[at]);
}

const listed = ({ name, createdAt, activeAt, head }: DirectoryRow) => ({
  partition: name,
  createdAt,
  activeAt,
  head,
});

function inspected(entry: DirectoryEntry) {
  const { logBytes, stateBytes, fullest, fullness, quarantined, deadLetters, connections, eventsPerSecond } = entry;
  const { verifiedAt, findings } = entry;
  return {
    ...listed(entry),
    logBytes,
    stateBytes,
    ...(fullest === undefined ? {} : { fullest: { bound: fullest, share: fullness } }),
    quarantined,
    deadLetters,
    ...(verifiedAt > 0 && { verifiedAt }),
    ...(findings > 0 && { findings }),
    connections,
    eventsPerSecond,
  };
}
