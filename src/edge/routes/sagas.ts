import { describeRoute } from "hono-openapi";
import * as z from "zod/mini";
import { sagaBounds } from "../../model/sagas/index.ts";
import { callObject } from "../../platform/call.ts";
import { responseOf } from "../../wire/partita/answers.ts";
import { json, partitionParameters, partitionRefusals } from "../document/parts.ts";
import { query, wholeNumber } from "../document/query.ts";
import { sagaList, sagaRead, sagaStatus } from "../document/saga-schemas.ts";
import type { Edge, EdgeContext } from "../env.ts";
import type { Guards } from "../guards.ts";
import { authorOf } from "../identity.ts";
import { orRefuse } from "../refused.ts";

const path = "/v1/partitions/:partition/sagas";
const saga = {
  id: "t-1",
  state: "in_progress",
  saga: "transfer",
  status: "RUNNING",
  step: 1,
  steps: 2,
  fence: 2,
  attempt: 0,
  asks: 1,
  until: 1_800_000_030_000,
  startedAt: 1_800_000_000_000,
};
const security = [{ token: [] }, {}];
const tags = ["Sagas"];
const refusals = partitionRefusals("quarantined", "rebuilding", "rate_limited");

const contextOf = (c: EdgeContext) => ({
  traceId: c.get("traceId"),
  reader: orRefuse(authorOf(c.get("partitionAccess").identity, c.req.raw)).author,
});

/** The sagas of a partition: work in several partitions that ends completely, or of which nothing is left. */
export function sagaRoutes(app: Edge, { requireRead }: Guards): void {
  app.get(
    path,
    describeRoute({
      operationId: "listSagas",
      summary: "List the sagas of a partition",
      description: `In the order of their ids, without their inputs: those that go on or have failed, and the newest ${sagaBounds.endedMax} that have ended. With \`status\`, up to ${sagaBounds.pageScannedMax} of them are looked at for a page.`,
      tags,
      security,
      parameters: partitionParameters("traceparent", "clientId"),
      responses: { 200: json("A page of sagas.", sagaList, { sagas: [saga], next: "t-1" }), ...refusals },
    }),
    requireRead,
    query({
      status: z.optional(sagaStatus),
      after: z.optional(
        z.string().check(
          z.meta({
            description: "The id after which the page begins, that of a forgotten saga, too; absent: the first page.",
          }),
        ),
      ),
      limit: z.optional(wholeNumber(`At most this many, up to ${sagaBounds.pageMax}.`, 20)),
    }),
    async (c) => {
      const { status, after, limit = sagaBounds.pageMax } = c.req.valid("query");
      const count = Math.min(Math.max(limit, 1), sagaBounds.pageMax);
      const asked = { status, after, limit: count, context: contextOf(c) };
      return responseOf(await callObject(c.get("partitionAccess").stub, (object) => object.listSagas(asked)));
    },
  );

  app.get(
    `${path}/:saga`,
    describeRoute({
      operationId: "readSaga",
      summary: "Read what became of a saga",
      description: "While its `state` is `in_progress`, `Retry-After` says when to ask again.",
      tags,
      security,
      parameters: [
        ...partitionParameters("traceparent", "clientId"),
        {
          name: "saga",
          in: "path",
          required: true,
          description: "The id that was given to it at its start.",
          schema: { type: "string" },
          example: "t-1",
        },
      ],
      responses: {
        200: json("The saga.", sagaRead, { ...saga, input: { from: "ann", to: "bob" } }, "RetryAfter"),
        ...refusals,
      },
    }),
    requireRead,
    async (c) => {
      const asked = { id: c.req.param("saga"), context: contextOf(c) };
      return responseOf(await callObject(c.get("partitionAccess").stub, (object) => object.readSaga(asked)));
    },
  );
}
