import * as z from "zod/mini";
import { sagaBounds } from "../../model/sagas/index.ts";
import { callObject } from "../../platform/call.ts";
import { responseOf } from "../../wire/partita/answers.ts";
import { query, wholeNumber } from "../query.ts";
import { sagaStatus } from "../document/saga-schemas.ts";
import type { Edge, EdgeContext } from "../env.ts";
import type { Guards } from "../guards.ts";
import { authorOf } from "../identity.ts";
import { orRefuse } from "../refused.ts";

export const path = "/v1/partitions/:partition/sagas";

const contextOf = (c: EdgeContext) => ({
  traceId: c.get("traceId"),
  reader: orRefuse(authorOf(c.get("partitionAccess").identity, c.req.raw)).author,
});

export const listSagasQuery = {
  status: z.optional(sagaStatus),
  after: z.optional(
    z.string().check(
      z.meta({
        description: "The id after which the page begins, that of a forgotten saga, too; absent: the first page.",
      }),
    ),
  ),
  limit: z.optional(wholeNumber(`At most this many, up to ${sagaBounds.pageMax}.`, 20)),
};

/** The sagas of a partition: work in several partitions that ends completely, or of which nothing is left. */
export function sagaRoutes(app: Edge, { requireRead }: Guards): void {
  app.get(path, requireRead, query(listSagasQuery), async (c) => {
    const { status, after, limit = sagaBounds.pageMax } = c.req.valid("query");
    const count = Math.min(Math.max(limit, 1), sagaBounds.pageMax);
    const asked = { status, after, limit: count, context: contextOf(c) };
    return responseOf(await callObject(c.get("partitionAccess").stub, (object) => object.listSagas(asked)));
  });

  app.get(`${path}/:saga`, requireRead, async (c) => {
    const asked = { id: c.req.param("saga"), context: contextOf(c) };
    return responseOf(await callObject(c.get("partitionAccess").stub, (object) => object.readSaga(asked)));
  });
}
