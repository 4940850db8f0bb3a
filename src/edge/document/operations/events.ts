import { resolver } from "hono-openapi";
import * as z from "zod/mini";
import { bounds } from "../../../protocol/index.ts";
import { headers, json, partitionParameters, partitionRefusals } from "../parts.ts";
import { batchResult, batchSubmission, numberedEvent, page, submission } from "../schemas.ts";
import { path, readEventsQuery } from "../../routes/events.ts";
import type { Operations } from "../operation.ts";

const submitted = { type: "set", payload: { target: "title", value: "Chaconne" } };
const committed = {
  eventId: 7,
  event: { ...submitted, partition: "room", id: "evt-7", timestamp: 1_800_000_000_000, clientId: "phone" },
};

export const eventsOperations: Operations = {
  [`POST ${path}`]: {
    operationId: "submit",
    summary: "Submit an event, or a batch",
    description: [
      "An event is accepted with the next number of the log, or rejected by a problem. Both are final and stored under `Idempotency-Key`: the same content gets the same status, headers and body again, and counts once. After a retryable answer, or none, send the same request again.",
      `At most ${bounds.frameBytesMax} bytes of JSON in UTF-8, whatever \`Content-Type\` says. The server refuses valid JSON that is hostile: duplicate keys, \`__proto__\`, half a surrogate pair, integers beyond ±(2^53 − 1), more than ${bounds.jsonDepthMax} levels.`,
      "Each draft of a batch has its own key (`draftId`); `Idempotency-Key` is the key of the batch.",
      "What needs a permission of administrators, as to resume a saga, is noted in the list of their actions (`GET /v1/audit`).",
      "A server can require signed requests, with the headers of Standard Webhooks: `webhook-id` (the `Idempotency-Key`), `webhook-timestamp` and `webhook-signature`.",
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
        "not_configured",
        "overloaded",
        "rate_limited",
        "quota_exceeded",
      ),
    },
  },

  [`GET ${path}`]: {
    query: readEventsQuery,
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
  },
};
