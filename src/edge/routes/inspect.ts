import { describeRoute } from "hono-openapi";
import * as z from "zod/mini";
import { callObject } from "../../platform/call.ts";
import { bounds, isId } from "../../protocol/index.ts";
import type { Inspected } from "../../shell/inspected.ts";
import { responseOf } from "../../wire/partita/answers.ts";
import {
  foldedState,
  inspectedConnections,
  inspectedEvent,
  inspectedPartition,
  inspectedRejections,
  inspectedTimers,
} from "../document/inspect-schemas.ts";
import { json, partitionParameters, partitionRefusals } from "../document/parts.ts";
import { query, wholeNumber } from "../document/query.ts";
import { stateRead } from "../document/schemas.ts";
import type { Edge, EdgeContext } from "../env.ts";
import type { Guards } from "../guards.ts";
import { authorOf } from "../identity.ts";
import { orRefuse, Refused } from "../refused.ts";
import { stateResponse } from "./state.ts";

const path = "/v1/partitions/:partition/inspect";
const needs = "Needs `admin:inspect`.";
const common = { tags: ["Inspection"], security: [{ token: [] }, {}] };
const timestamp = 1_800_000_000_000;
const limitOf = (limit: number = bounds.inspectedMax) => Math.min(Math.max(limit, 1), bounds.inspectedMax);
const limit = z.optional(wholeNumber(`At most this many, up to ${bounds.inspectedMax}.`, 20));
const after = z.optional(wholeNumber("`next` of the page before; absent: the first page.", 100));
const idOf = (description: string) =>
  z.optional(z.string().check(z.refine(isId, { error: "Not an id." }), z.meta({ description })));

const answer = async (c: EdgeContext, asked: Inspected): Promise<Response> => {
  const call = { asked, context: { traceId: c.get("traceId") } };
  return responseOf(await callObject(c.get("partitionAccess").stub, (object) => object.inspect(call)));
};

/** What is inside a partition, for who operates it. Nothing of it changes anything. */
export function inspectRoutes(app: Edge, { requireAdmin }: Guards): void {
  const guard = requireAdmin("admin:inspect");

  app.get(
    path,
    describeRoute({
      operationId: "inspectPartition",
      summary: "Inspect a partition",
      description: `Its model, its snapshots, what it has to do, and the effects that wait. ${needs}`,
      ...common,
      parameters: partitionParameters("traceparent"),
      responses: {
        200: json("What it is.", inspectedPartition, {
          head: 42,
          serverId: "01965c2e-7c1a-7b3e-9f00-000000000001",
          model: { name: "insieme", version: 1 },
          snapshots: [{ eventId: 32, modelVersion: 1, modelTag: "insieme.1", stateBytes: 2_048, createdAt: timestamp }],
          jobs: [{ kind: "sweep_records", key: "", dueAt: timestamp, attempts: 0 }],
          jobsTotal: 1,
          lanes: [],
          lanesTotal: 0,
          timers: { total: 0 },
        }),
        ...partitionRefusals("rate_limited", "quarantined"),
      },
    }),
    guard,
    (c) => answer(c, { what: "overview" }),
  );

  app.get(
    `${path}/events/:event`,
    describeRoute({
      operationId: "inspectEvent",
      summary: "Inspect an event",
      description: `Who has submitted it and under which key, and what led to it. ${needs}`,
      ...common,
      parameters: [
        ...partitionParameters("traceparent"),
        {
          name: "event",
          in: "path",
          required: true,
          description: "The id of the event.",
          schema: { type: "integer", minimum: 1 },
          example: 7,
        },
      ],
      responses: {
        200: json("Where it comes from.", inspectedEvent, {
          eventId: 7,
          principal: "alice",
          draftId: "01965c2e-7c1a-7b3e-9f00-000000000001",
          clientId: "phone",
          timestamp,
          transformed: false,
          incarnation: "9f86d081884c7d65",
          correlationId: "9f86d081884c7d65:7",
          payloadBytes: 41,
        }),
        ...partitionRefusals("rate_limited", "quarantined"),
      },
    }),
    guard,
    (c) => {
      const eventId = c.req.param("event") ?? "";
      if (!/^[1-9]\d{0,14}$/.test(eventId))
        throw new Refused({ code: "bad_request", detail: "Not the id of an event." });
      return answer(c, { what: "event", eventId: Number(eventId) });
    },
  );

  app.get(
    `${path}/rejections`,
    describeRoute({
      operationId: "inspectRejections",
      summary: "Find rejections, and why they were",
      description: `The stored rejections, the newest first: the problem as it went out, and the last event of the state that it was judged on. A request looks at ${bounds.rejectionsScannedMax} of them; a page can be empty and have a \`next\`. ${needs}`,
      ...common,
      parameters: partitionParameters("traceparent"),
      responses: {
        200: json("A page of rejections.", inspectedRejections, {
          rejections: [
            {
              recordId: 3,
              principal: "alice",
              draftId: "01965c2e-7c1a-7b3e-9f00-000000000001",
              timestamp,
              judgedAt: 41,
              problem: { code: "conflict", layer: "conflict", conflictingEventIds: [40] },
            },
          ],
        }),
        ...partitionRefusals("rate_limited", "quarantined"),
      },
    }),
    guard,
    query({
      principal: idOf("Of this principal."),
      draftId: idOf("With this key: of a draft, or of a batch."),
      traceId: z.optional(
        z.string().check(
          z.refine((id) => /^[0-9a-f]{32}$/.test(id), { error: "Not a trace id." }),
          z.meta({ description: "With this trace id." }),
        ),
      ),
      after,
      limit,
    }),
    (c) => {
      const { after: before, limit: most, ...filter } = c.req.valid("query");
      return answer(c, { what: "rejections", filter, before, limit: limitOf(most) });
    },
  );

  app.get(
    `${path}/state`,
    describeRoute({
      operationId: "inspectState",
      summary: "Read the state after any event, however far back",
      description: `As \`GET …/state?at=\`, and without its bound: a request folds at most ${bounds.travelEventsMax} events, and ${bounds.travelBytesMax} bytes of their payloads, from the nearest snapshot, or from what an earlier request has folded. 202: it is not there yet; ask again, and it goes on. Another operator waits meanwhile. ${needs}`,
      ...common,
      parameters: partitionParameters("traceparent"),
      responses: {
        200: json(
          "The state.",
          stateRead,
          { state: { title: "Chaconne" }, eventIndex: 7 },
          "ETag",
          "CacheControl",
          "Vary",
        ),
        202: json("How far it is.", foldedState, { folded: { eventIndex: 20_000, of: 70_000 } }),
        ...partitionRefusals("cursor_ahead", "too_expensive", "quarantined", "rebuilding", "overloaded"),
      },
    }),
    guard,
    query({ at: wholeNumber("The state after this event.", 7) }),
    async (c) => {
      const { at } = c.req.valid("query");
      const { stub, identity } = c.get("partitionAccess");
      const by = orRefuse(authorOf(identity, c.req.raw)).author.principal;
      const asked = { at, by, context: { traceId: c.get("traceId") } };
      return await stateResponse(c, await callObject(stub, (object) => object.travel(asked)));
    },
  );

  for (const { what, summary, schema, example } of lists) {
    app.get(
      `${path}/${what}`,
      describeRoute({
        operationId: what === "timers" ? "inspectTimers" : "inspectConnections",
        summary,
        description: `In pages. ${needs}`,
        ...common,
        parameters: partitionParameters("traceparent"),
        responses: {
          200: json("A page of them.", schema, example),
          ...partitionRefusals("rate_limited", "quarantined"),
        },
      }),
      guard,
      query({ after, limit }),
      (c) => {
        const { after: skip = 0, limit: most } = c.req.valid("query");
        return answer(c, { what, skip, limit: limitOf(most) });
      },
    );
  }
}

const lists = [
  {
    what: "connections",
    summary: "Inspect the connections of a partition",
    schema: inspectedConnections,
    example: {
      connections: [
        {
          principal: "alice",
          clientId: "phone",
          dialect: "partita.v1",
          seenAt: timestamp,
          cursor: 42,
          atHead: true,
          creditBytes: 65_536,
          spentBytes: 512,
          unprovenBytes: 0,
          waitingFrames: 0,
          presence: true,
        },
      ],
      total: 1,
    },
  },
  {
    what: "timers",
    summary: "Inspect the timers of a partition",
    schema: inspectedTimers,
    example: {
      timers: [
        {
          key: "release:7",
          dueAt: timestamp,
          type: "release",
          payload: { seat: 7 },
          correlationId: "9f86d081884c7d65:7",
          attempts: 0,
        },
      ],
    },
  },
] as const;
