import * as z from "zod/mini";
import { modelFor } from "../../model/index.ts";
import type { Application } from "../../objects/application.ts";
import { partitionCalls } from "../../objects/partition-calls.ts";
import { callObject } from "../../platform/call.ts";
import { stubOf } from "../../platform/placement.ts";
import { bounds } from "../../protocol/index.ts";
import { directoryOf } from "../directory.ts";
import { tenantDeadLetters } from "../document/effect-schemas.ts";
import { query, wholeNumber } from "../query.ts";
import type { Edge } from "../env.ts";
import type { Guards } from "../guards.ts";
import { pay, unitsOf } from "../listing.ts";

/** Partitions that are asked for one page. */
const partitionsMax = 20;

export const listTenantDeadLettersQuery = {
  after: z.optional(z.string().check(z.maxLength(512), z.meta({ description: "The `next` of the page before." }))),
  limit: z.optional(
    wholeNumber(`At most this many dead letters of a partition, up to ${bounds.deadLettersPageMax}.`, 20),
  ),
};

/** The effects that partitions of a tenant have given up. */
export function tenantDeadLetterRoutes(app: Edge, { requireAdminOfSome }: Guards, application: Application): void {
  const { models, placementOf } = application;
  app.get("/v1/dead-letters", requireAdminOfSome("admin:effects"), query(listTenantDeadLettersQuery), async (c) => {
    const { after, limit = bounds.deadLettersPageMax } = c.req.valid("query");
    const count = Math.min(Math.max(limit, 1), bounds.deadLettersPageMax);
    const directory = directoryOf(c, application);
    // Each of them may be woken up.
    await pay(c, unitsOf({ only: "deadLetters", order: undefined }) + partitionsMax);
    const { entries, last } = await directory.page({
      ranges: directory.ranges(),
      after: after === undefined ? "" : await directory.nameAfter(after),
      only: "deadLetters",
      limit: partitionsMax,
    });
    const { name: tenant } = c.get("tenantAccess");
    const asked = { limit: count, context: { traceId: c.get("traceId") } };
    const partitions = await Promise.all(
      entries
        .filter(({ name }) => modelFor(models, name))
        .map(async ({ name }) => {
          const stub = () => partitionCalls(stubOf(c.env.PARTITIONS, `${tenant}/${name}`, placementOf(tenant)));
          const { status, body } = await callObject(stub, (object) => object.listDeadLetters(asked));
          const read = JSON.parse(body) as z.infer<typeof tenantDeadLetters>["partitions"][number];
          // What the partition has refused, as while it is quarantined, is said in its place.
          if (status !== 200) return { partition: name, deadLetters: [], code: read.code };
          const { deadLetters, next } = read;
          return { partition: name, deadLetters, next };
        }),
    );
    return c.json({ partitions, ...(last === undefined ? {} : { next: await directory.cursorAfter(last) }) });
  });
}
