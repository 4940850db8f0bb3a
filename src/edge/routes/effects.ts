import { describeRoute } from "hono-openapi";
import * as z from "zod/mini";
import { callObject } from "../../platform/call.ts";
import { bounds } from "../../protocol/index.ts";
import { responseOf } from "../../wire/partita/answers.ts";
import {
  deadLetterExample,
  partitionDeadLetter,
  partitionDeadLetters,
  partitionReplayed,
} from "../document/effect-schemas.ts";
import { headers, json, partitionParameters, partitionRefusals } from "../document/parts.ts";
import { query, wholeNumber } from "../document/query.ts";
import type { Edge, EdgeContext } from "../env.ts";
import type { Guards } from "../guards.ts";
import { note } from "../note.ts";

const path = "/v1/partitions/:partition/dead-letters";
const effectParameter = {
  name: "effect",
  in: "path",
  required: true,
  description: "The id of the effect.",
  schema: { type: "string" },
  example: "9f86d081884c7d65:17:0",
} as const;
const security = [{ token: [] }, {}];
const tags = ["Effects"];
const needs = "Needs `admin:effects`.";

const asking = (c: EdgeContext) => ({ traceId: c.get("traceId") });
const one = (c: EdgeContext) => ({ effectId: c.req.param("effect")!, context: asking(c) });

/** The effects of a partition that were given up. */
export function effectRoutes(app: Edge, { requireAdmin }: Guards): void {
  const guard = requireAdmin("admin:effects");

  app.get(
    path,
    describeRoute({
      operationId: "listPartitionDeadLetters",
      summary: "List the dead letters of a partition",
      description: `Effects that their destination rejected, or that were not delivered within a day, in the order of the log. ${needs}`,
      tags,
      security,
      parameters: partitionParameters("traceparent"),
      responses: {
        200: json("A page of dead letters.", partitionDeadLetters, {
          deadLetters: [deadLetterExample],
          next: deadLetterExample.effectId,
        }),
        ...partitionRefusals("rate_limited"),
      },
    }),
    guard,
    query({
      after: z.optional(
        z.string().check(z.meta({ description: "The effect after which the page begins; absent: the first page." })),
      ),
      limit: z.optional(wholeNumber(`At most this many, up to ${bounds.deadLettersPageMax}.`, 20)),
    }),
    async (c) => {
      const { after, limit = bounds.deadLettersPageMax } = c.req.valid("query");
      const count = Math.min(Math.max(limit, 1), bounds.deadLettersPageMax);
      const { stub } = c.get("partitionAccess");
      return responseOf(
        await callObject(stub, (object) => object.listDeadLetters({ after, limit: count, context: asking(c) })),
      );
    },
  );

  app.get(
    `${path}/:effect`,
    describeRoute({
      operationId: "readPartitionDeadLetter",
      summary: "Read a dead letter of a partition",
      description: `With its payload. ${needs}`,
      tags,
      security,
      parameters: [...partitionParameters("traceparent"), effectParameter],
      responses: {
        200: json("The dead letter.", partitionDeadLetter, {
          ...deadLetterExample,
          payload: { item: "a", count: 3 },
        }),
        ...partitionRefusals("rate_limited"),
      },
    }),
    guard,
    async (c) => responseOf(await callObject(c.get("partitionAccess").stub, (object) => object.readDeadLetter(one(c)))),
  );

  app.post(
    `${path}/:effect/replay`,
    describeRoute({
      operationId: "replayPartitionDeadLetter",
      summary: "Deliver a dead letter of a partition again",
      description: `Under the same id, and before what was caused later. Not one that was rejected, because that is final, nor to a partition after 30 days. ${needs}`,
      tags,
      security,
      parameters: [...partitionParameters("traceparent"), effectParameter],
      responses: {
        200: json("It is delivered again.", partitionReplayed, { replayed: 1 }),
        ...partitionRefusals("rate_limited", "not_replayable", "overloaded"),
      },
    }),
    guard,
    async (c) => {
      await note(c, "dead-letter.replay", { effect: c.req.param("effect")! });
      return responseOf(await callObject(c.get("partitionAccess").stub, (object) => object.replayDeadLetter(one(c))));
    },
  );

  app.delete(
    `${path}/:effect`,
    describeRoute({
      operationId: "discardPartitionDeadLetter",
      summary: "Discard a dead letter of a partition",
      description: `${needs} A retry is safe.`,
      tags,
      security,
      parameters: [...partitionParameters("traceparent"), effectParameter],
      responses: {
        204: { description: "There is no such dead letter now.", headers: headers() },
        ...partitionRefusals("rate_limited"),
      },
    }),
    guard,
    async (c) => {
      await note(c, "dead-letter.discard", { effect: c.req.param("effect")! });
      return responseOf(await callObject(c.get("partitionAccess").stub, (object) => object.discardDeadLetter(one(c))));
    },
  );
}
