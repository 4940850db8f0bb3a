import { streamHeader, type StreamRequest } from "../../platform/rpc.ts";
import { describeRoute, resolver } from "hono-openapi";
import * as z from "zod/mini";
import { asciiJson } from "../../platform/ascii.ts";
import { responseOf } from "../../wire/partita/answers.ts";
import { bounds, postedShape } from "../../protocol/index.ts";
import { readJson } from "../body.ts";
import { callObject } from "../call.ts";
import { headers, partitionParameters, partitionRefusals } from "../document/parts.ts";
import { query, wholeNumber } from "../document/query.ts";
import type { Edge, EdgeContext, Visitor } from "../env.ts";
import { authorOf, readerOf } from "../identity.ts";
import { accepted, Refused } from "../refused.ts";
import type { Doors } from "../visitor.ts";

const stream = (description: string) => ({
  description,
  headers: headers("CacheControl"),
  content: { "text/event-stream": { schema: { type: "string" } as const } },
});
const text = { type: "string" } as const;

export function streamRoutes(app: Edge, { reads, listens }: Doors): void {
  app.get(
    "/v1/partitions/:partition/events/stream",
    describeRoute({
      operationId: "followEvents",
      summary: "Follow the log, as server-sent events",
      description:
        "First an event `connected`, with `serverId` and `currentEventIndex`; then each event of the log as it is committed, in order and without a hole, its number as the `id`. An `EventSource` that is cut off comes back by itself to where it was. A browser that can send no header comes with a `ticket`.",
      tags: ["Events"],
      security: [{ token: [] }, { ticket: [] }, {}],
      parameters: [
        ...partitionParameters("traceparent", "clientId"),
        {
          name: "Last-Event-ID",
          in: "header",
          description: "The last event that the reader has seen; it counts more than `since`.",
          schema: { ...text, pattern: "^\\d{1,16}$" },
        },
      ],
      responses: {
        200: stream("The events."),
        ...partitionRefusals("cursor_ahead", "too_many_connections"),
      },
    }),
    listens,
    query({ since: z.optional(wholeNumber("Begin after this event; absent means at the head.", 6)) }),
    async (c) => {
      const from = accepted(authorOf(c.get("visitor").identity, c.req.raw));
      // What a reader that comes back has seen counts, and not what it once began with.
      const since = lastSeen(c.req.header("last-event-id")) ?? c.req.valid("query").since;
      return await openStream(c, { kind: "events", ...from, since });
    },
  );

  app.post(
    "/v1/partitions/:partition/connection",
    describeRoute({
      operationId: "openConnection",
      summary: "Connect without a WebSocket",
      description:
        "The response is a stream of server-sent events: first an event `connection` with a `connectionId`, then the frames that a WebSocket would bring. docs/PROTOCOL.md describes them.",
      tags: ["Events"],
      security: [{ token: [] }, {}],
      parameters: partitionParameters("traceparent"),
      responses: { 200: stream("The frames."), ...partitionRefusals("too_many_connections") },
    }),
    reads,
    async (c) => await openStream(c, { kind: "connection", author: readerOf(c.get("visitor").identity) }),
  );

  app.post(
    "/v1/partitions/:partition/connection/:id",
    describeRoute({
      operationId: "postFrames",
      summary: "Send frames on such a connection",
      description: "Frames in their order. Sent again they do no harm: those that have come already are passed over.",
      tags: ["Events"],
      security: [{ token: [] }, {}],
      parameters: [
        ...partitionParameters("traceparent"),
        { name: "id", in: "path", required: true, description: "The `connectionId`.", schema: text },
      ],
      requestBody: { required: true, content: { "application/json": { schema: resolver(postedShape) } } },
      responses: {
        202: { description: "They are taken; what comes of them comes on the stream.", headers: headers() },
        ...partitionRefusals("payload_too_large"),
      },
    }),
    reads,
    async (c) => {
      const { identity, stub } = c.get("visitor");
      const { before, frames } = accepted(await readJson(c.req.raw, postedShape, bounds.postedBytesMax)).value;
      const post = (object: ReturnType<Visitor["stub"]>) =>
        object.postFrames(c.req.param("id"), readerOf(identity), before, frames, c.get("traceId"));
      return responseOf(await callObject(stub, post));
    },
  );
}

async function openStream(c: EdgeContext, asked: StreamRequest): Promise<Response> {
  // What is inside the Worker is told by this header, and by nobody from outside.
  const traceparent = c.req.header("traceparent");
  const sent = { [streamHeader]: asciiJson(asked), ...(traceparent === undefined ? {} : { traceparent }) };
  const request = () => new Request("http://partition/stream", { headers: sent });
  const { status, body, headers: given } = await callObject(c.get("visitor").stub, (object) => object.fetch(request()));
  // Headers of a response that was fetched cannot be added to.
  return new Response(body, { status, headers: new Headers(given) });
}

/** @throws Refused where it is no event's number. */
function lastSeen(header: string | undefined): number | undefined {
  if (header === undefined) return undefined;
  const value = Number(header);
  if (/^\d{1,16}$/.test(header) && Number.isSafeInteger(value)) return value;
  throw new Refused({
    code: "bad_request",
    detail: '"Last-Event-ID" must be a whole number from 0 on.',
    errors: [{ field: "Last-Event-ID", code: "invalid_type", message: "Not a whole number from 0 on." }],
  });
}
