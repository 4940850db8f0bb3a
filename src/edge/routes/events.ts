import { describeRoute, resolver } from "hono-openapi";
import * as z from "zod/mini";
import { bounds } from "../../protocol/index.ts";
import { callObject } from "../call.ts";
import { headers, json, partitionParameters, partitionRefusals } from "../document/parts.ts";
import { query, wholeNumber } from "../document/query.ts";
import { batchResult, batchSubmission, numberedEvent, page, submission } from "../document/schemas.ts";
import { readSubmission } from "../draft.ts";
import type { Edge } from "../env.ts";
import { authorOf, readerOf } from "../identity.ts";
import { accepted } from "../refused.ts";
import { responseOf } from "../../wire/partita/answers.ts";
import type { Doors } from "../visitor.ts";

const path = "/v1/partitions/:partition/events";

const submitted = { type: "set", payload: { target: "title", value: "Chaconne" } };
const committed = {
  eventId: 7,
  event: { ...submitted, partition: "room", id: "evt-7", timestamp: 1_800_000_000_000, clientId: "phone" },
};

export function eventRoutes(app: Edge, { visits, reads }: Doors): void {
  app.post(
    path,
    describeRoute({
      operationId: "submit",
      summary: "Submit an event, or a batch",
      description: [
        "An event is accepted with the next number of the log, or rejected by a problem. Both are final and stored under `Idempotency-Key`: a retry with the same content gets the same status, headers and body, and counts once. So after an answer that is retryable, or none at all, send the same again.",
        `At most ${bounds.frameBytesMax} bytes of JSON in UTF-8, whatever \`Content-Type\` says. Refused is what JSON allows and nobody should have to handle: duplicate keys, \`__proto__\`, half a surrogate pair, integers beyond ±(2^53 − 1), more than ${bounds.jsonDepthMax} levels.`,
        "The members of a batch have keys of their own (`draftId`); `Idempotency-Key` is the batch's.",
        "A server can ask for signed requests: then it also takes the headers of Standard Webhooks, `webhook-id` (the `Idempotency-Key`), `webhook-timestamp` and `webhook-signature`.",
      ].join("\n\n"),
      tags: ["Events"],
      security: [{ token: [] }, {}],
      parameters: partitionParameters("idempotencyKey", "clientId", "traceparent"),
      requestBody: {
        required: true,
        content: {
          "application/json": {
            schema: resolver(z.union([submission, batchSubmission])),
            examples: {
              event: { summary: "One event", value: submitted },
              conditional: {
                summary: "One event, unless somebody else has touched the same since",
                value: { ...submitted, expectedEventId: 6 },
              },
              batch: {
                summary: "All or none",
                value: {
                  mode: "atomic",
                  events: [
                    { draftId: "01965c2e-7c1a-7b3e-9f00-000000000001", event: submitted },
                    {
                      draftId: "01965c2e-7c1a-7b3e-9f00-000000000002",
                      event: { type: "set", payload: { target: "pages", value: 4 } },
                    },
                  ],
                },
              },
            },
          },
        },
      },
      responses: {
        200: json("A batch was decided: what became of each event.", batchResult, {
          batchId: "01965c2e-7c1a-7b3e-9f00-000000000000",
          results: [{ draftId: "01965c2e-7c1a-7b3e-9f00-000000000001", status: "accepted", ...committed }],
        }),
        201: json("The event is committed.", numberedEvent, committed, "Location", "ETag"),
        ...partitionRefusals(
          "payload_too_large",
          "validation_failed",
          "unknown_event_type",
          "unknown_event_version",
          "partition_mismatch",
          "conflict",
          "too_stale",
          "precondition_required",
          "invariant_violated",
          "idempotency_key_reused",
          "draft_failed",
          "quarantined",
          "state_too_large",
          "overloaded",
          "rate_limited",
          "quota_exceeded",
        ),
      },
    }),
    visits,
    async (c) => {
      const { identity, stub } = c.get("visitor");
      const { author, clientId } = accepted(authorOf(identity, c.req.raw));
      const { submission, bytes } = accepted(await readSubmission(c.req.raw, c.env.PARTITA_REQUEST_SIGNING_SECRET));
      const asking = { traceId: c.get("traceId") };
      const answer = await callObject(stub, (object) => object.submit(author, clientId, submission, bytes, asking));
      return responseOf(answer);
    },
  );

  app.get(
    path,
    describeRoute({
      operationId: "readEvents",
      summary: "Read a page of the log",
      description: `A page has at most ${bounds.pageEventsMax} events and about ${bounds.pageBytesMax} bytes, at least one event if there is one, and never a part of an atomic batch. Go on with \`nextSinceEventId\` while \`hasMore\`.`,
      tags: ["Events"],
      security: [{ token: [] }, {}],
      parameters: partitionParameters("ifNoneMatch", "traceparent"),
      responses: {
        200: json(
          "The page.",
          page,
          { events: [committed], currentEventIndex: 7, hasMore: false, nextSinceEventId: 7 },
          "ETag",
          "CacheControl",
          "Vary",
        ),
        304: {
          description: "What the client has is still the same.",
          headers: headers("ETag", "CacheControl", "Vary"),
        },
        ...partitionRefusals("cursor_ahead"),
      },
    }),
    reads,
    query({
      since: z.optional(wholeNumber("The page begins after this event; absent means 0.", 6)),
      limit: z.optional(
        wholeNumber(
          `At most so many events; ${bounds.pageEventsDefault} unless said, clamped to 1 to ${bounds.pageEventsMax}.`,
          100,
        ),
      ),
    }),
    async (c) => {
      const { since = 0, limit } = c.req.valid("query");
      const asking = {
        traceId: c.get("traceId"),
        ifNoneMatch: c.req.header("if-none-match"),
        reader: readerOf(c.get("visitor").identity),
      };
      return responseOf(await callObject(c.get("visitor").stub, (object) => object.readEvents(since, limit, asking)));
    },
  );
}
