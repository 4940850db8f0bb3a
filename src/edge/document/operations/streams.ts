import { resolver } from "hono-openapi";
import { postedShape } from "../../../protocol/index.ts";
import { headers, partitionParameters, partitionRefusals } from "../parts.ts";
import { followEventsQuery, lastSeenShape } from "../../routes/streams.ts";
import type { Operations } from "../operation.ts";

const text = { type: "string" } as const;

const stream = (description: string) => ({
  description,
  headers: headers("CacheControl"),
  content: { "text/event-stream": { schema: text } },
});

export const streamsOperations: Operations = {
  "GET /v1/partitions/:partition/events/stream": {
    query: followEventsQuery,
    operationId: "followEvents",
    summary: "Follow the log, as server-sent events",
    description:
      "First an event `connected`, with `serverId` and `currentEventIndex`; then each event as it is committed, in order and without a gap, with its number as the `id`. An `EventSource` reconnects by itself and continues where it was. A browser that cannot send a header authenticates by a `ticket`.",
    tags: ["Events"],
    security: [{ token: [] }, { ticket: [] }, {}],
    parameters: [
      ...partitionParameters("traceparent", "clientId"),
      {
        name: "Last-Event-ID",
        in: "header",
        description: "The `id` of the last event that the reader has seen; it takes precedence over `since`.",
        schema: { ...text, pattern: lastSeenShape.source },
      },
    ],
    responses: {
      200: stream("The events."),
      ...partitionRefusals("cursor_ahead", "log_replaced", "too_many_connections", "rate_limited"),
    },
  },

  "POST /v1/partitions/:partition/connection": {
    operationId: "openConnection",
    summary: "Connect without a WebSocket",
    description:
      "Server-sent events: first `connection` with a `connectionId`, then the frames that a WebSocket would receive. docs/PROTOCOL.md describes them.",
    tags: ["Events"],
    security: [{ token: [] }, {}],
    parameters: partitionParameters("traceparent"),
    responses: { 200: stream("The frames."), ...partitionRefusals("too_many_connections") },
  },

  "POST /v1/partitions/:partition/connection/:id": {
    operationId: "postFrames",
    summary: "Send frames on a connection without a WebSocket",
    description: "Frames in their order. A retry is safe: frames that were received before are skipped.",
    tags: ["Events"],
    security: [{ token: [] }, {}],
    parameters: [
      ...partitionParameters("traceparent"),
      { name: "id", in: "path", required: true, description: "The `connectionId`.", schema: text },
    ],
    requestBody: { required: true, content: { "application/json": { schema: resolver(postedShape) } } },
    responses: {
      202: { description: "Accepted. Results arrive on the stream.", headers: headers() },
      ...partitionRefusals("payload_too_large"),
    },
  },
};
