import { describeRoute, resolver } from "hono-openapi";
import * as z from "zod/mini";
import type { Submission } from "../../core/index.ts";
import { type AnyModel, modelFor, permissionFor } from "../../model/index.ts";
import type { Application } from "../../objects/application.ts";
import { allows, type Author, bounds } from "../../protocol/index.ts";
import { callObject } from "../../platform/call.ts";
import { headers, json, partitionParameters, partitionRefusals } from "../document/parts.ts";
import {
  annotationsParameter,
  draftIdsParameter,
  authorsParameter,
  correlationsParameter,
  proofParameter,
  proofsParameter,
  query,
  wholeNumber,
} from "../document/query.ts";
import { batchResult, batchSubmission, numberedEvent, page, submission } from "../document/schemas.ts";
import { readSubmission } from "../draft.ts";
import type { Edge } from "../env.ts";
import { authorOf } from "../identity.ts";
import { orRefuse } from "../refused.ts";
import { responseOf } from "../../wire/partita/answers.ts";
import type { Guards } from "../guards.ts";
import { note } from "../note.ts";

const path = "/v1/partitions/:partition/events";

const submitted = { type: "set", payload: { target: "title", value: "Chaconne" } };
const committed = {
  eventId: 7,
  event: { ...submitted, partition: "room", id: "evt-7", timestamp: 1_800_000_000_000, clientId: "phone" },
};

export function eventRoutes(
  app: Edge,
  { requirePartition, requireRead, tenantOfCaller }: Guards,
  { models }: Application,
): void {
  app.post(
    path,
    describeRoute({
      operationId: "submit",
      summary: "Submit an event, or a batch",
      description: [
        "An event is accepted with the next number of the log, or rejected by a problem. Both are final and stored under `Idempotency-Key`: a retry with the same content gets the same status, headers and body, and counts once. After a retryable answer, or no answer at all, send the same request again.",
        `At most ${bounds.frameBytesMax} bytes of JSON in UTF-8, whatever \`Content-Type\` says. The server refuses valid JSON that is hostile: duplicate keys, \`__proto__\`, half a surrogate pair, integers beyond ±(2^53 − 1), more than ${bounds.jsonDepthMax} levels.`,
        "Each draft of a batch has its own key (`draftId`); `Idempotency-Key` is the key of the batch.",
        "What needs a permission of administrators, as to resume a saga, is noted in the list of their actions (`GET /v1/audit`).",
        "A server can require signed requests. Then the headers of Standard Webhooks are required: `webhook-id` (the `Idempotency-Key`), `webhook-timestamp` and `webhook-signature`.",
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
                summary: "One event, unless another client has changed the same entity since",
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
        200: json("A batch was decided: the result of each event.", batchResult, {
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
          "draft_too_expensive",
          "idempotency_key_reused",
          "draft_failed",
          "quarantined",
          "rebuilding",
          "state_too_large",
          "storage_full",
          "read_only",
          "too_many_timers",
          "overloaded",
          "rate_limited",
          "quota_exceeded",
        ),
      },
    }),
    requirePartition,
    async (c) => {
      const { identity, partition, stub } = c.get("partitionAccess");
      const { author, clientId } = orRefuse(authorOf(identity, c.req.raw));
      const { submission, bytes } = orRefuse(await readSubmission(c.req.raw, c.env.PARTITA_REQUEST_SIGNING_SECRET));
      const types = administrative(modelFor(models, partition), submission, author);
      if (types.length > 0) {
        c.set("tenantAccess", tenantOfCaller(c));
        await note(c, "event.submit", { types: types.join(" "), key: submission.key });
      }
      const asked = { author, clientId, submission, bytes, context: { traceId: c.get("traceId") } };
      const answer = await callObject(stub, (object) => object.submit(asked));
      return responseOf(answer);
    },
  );

  app.get(
    path,
    describeRoute({
      operationId: "readEvents",
      summary: "Read a page of the log",
      description: `A page has at most ${bounds.pageEventsMax} events and about ${bounds.pageBytesMax} bytes, at least one event if there is one, and never a part of an atomic batch. Continue with \`nextSinceEventId\` while \`hasMore\` is true.`,
      tags: ["Events"],
      security: [{ token: [] }, {}],
      parameters: partitionParameters("ifNoneMatch", "traceparent", "clientId"),
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
          description: "The client's copy is still current.",
          headers: headers("ETag", "CacheControl", "Vary"),
        },
        ...partitionRefusals("cursor_ahead", "log_replaced", "rate_limited"),
      },
    }),
    requireRead,
    query({
      since: z.optional(wholeNumber("The page begins after this event; absent means 0.", 6)),
      limit: z.optional(
        wholeNumber(
          `The most events of the page, clamped to 1 to ${bounds.pageEventsMax}; absent means ${bounds.pageEventsDefault}.`,
          100,
        ),
      ),
      maxBytes: z.optional(
        wholeNumber(
          `About the most bytes of the page, clamped to ${bounds.pageBytesMin} to ${bounds.pageBytesMax}; absent means the latter.`,
          65_536,
        ),
      ),
      proof: proofParameter,
      proofs: proofsParameter,
      authors: authorsParameter,
      correlations: correlationsParameter,
      annotations: annotationsParameter,
      draftIds: draftIdsParameter,
    }),
    async (c) => {
      const {
        since = 0,
        limit,
        proof,
        proofs,
        authors,
        correlations,
        annotations,
        draftIds,
        maxBytes,
      } = c.req.valid("query");
      const { identity, stub } = c.get("partitionAccess");
      const context = {
        traceId: c.get("traceId"),
        ifNoneMatch: c.req.header("if-none-match"),
        reader: orRefuse(authorOf(identity, c.req.raw)).author,
      };
      const options = {
        proof,
        proofs: proofs === "true",
        authors: authors === "true",
        correlations: correlations === "true",
        annotations: annotations === "true",
        draftIds: draftIds === "true",
        maxBytes,
      };
      const asked = { since, limit, context, proof: options };
      return responseOf(await callObject(stub, (object) => object.readEvents(asked)));
    },
  );
}

/**
 * The types of a submission that are for administrators, as to resume a saga: those that need a permission of theirs,
 * which this author has.
 */
function administrative(model: AnyModel | undefined, { drafts }: Submission, { permissions }: Author): string[] {
  if (!model) return [];
  const types = new Set(drafts.map(({ event }) => event.type));
  return [...types].filter((type) => {
    const needed = permissionFor(model, type);
    return needed.startsWith("admin:") && allows(permissions, needed);
  });
}
