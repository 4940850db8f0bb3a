import type { GenerateSpecOptions } from "hono-openapi";
import { bounds, protocolVersion } from "../../protocol/index.ts";
import { headers } from "../../protocol/headers.ts";

type Documentation = NonNullable<GenerateSpecOptions["documentation"]>;

const text = { type: "string" } as const;

/** The OpenAPI document without the operations, which the routes describe. */
export const documentation: Documentation = {
  openapi: "3.1.0",
  info: {
    title: "Partita",
    version: protocolVersion,
    summary: "An authoritative event backend: one partition, one log, one order.",
    description: [
      "A client proposes events; the partition accepts each with the next number of its log, or rejects it. Both are final: the same `Idempotency-Key` with the same content gets the same answer again.",
      "Events are delivered over WebSockets, whose messages “The wire” in the documentation describes. This is the same over plain HTTP, for clients that need no socket.",
      "Every error is a problem document (RFC 9457) with a `code` to branch on; `/problems` lists the codes.",
    ].join("\n\n"),
    license: { name: "MIT", identifier: "MIT" },
  },
  servers: [{ url: "/" }],
  tags: [
    { name: "Events", description: "The log of a partition." },
    { name: "State", description: "The state that the partition's model computes from its log." },
    { name: "Inspection", description: "What is inside a partition, for who operates it." },
    { name: "Tenant", description: "Operations on the whole tenant of the token: revocation, limits, drain." },
    { name: "Effects", description: "What events of a partition cause outside, and could not be delivered." },
    { name: "Webhooks", description: "The endpoints outside that the tenant's effects are sent to." },
    {
      name: "Server",
      description: "The server itself, and its documentation. Only the check and the metrics need a token.",
    },
  ],
  components: {
    securitySchemes: {
      token: {
        type: "http",
        scheme: "bearer",
        bearerFormat: "JWT",
        description:
          "A token of the configured issuer, for the partition that is addressed. For a WebSocket from a browser: the subprotocols `partita` and `bearer.<token>`. Open development mode needs none.",
      },
      ticket: {
        type: "apiKey",
        in: "query",
        name: "ticket",
        description: "From `POST /v1/tickets`. It replaces the token for one connection.",
      },
    },
    parameters: {
      idempotencyKey: {
        name: headers.idempotencyKey.name,
        in: "header",
        required: true,
        description:
          "The id of this operation: the same for every retry, a new one for each operation. It belongs to the principal.",
        schema: { ...text, minLength: 1, maxLength: bounds.idLengthMax, pattern: "^[\\x21-\\x7E]+$" },
        example: "01965c2e-7c1a-7b3e-9f00-1d2c3b4a5e6f",
      },
      clientId: {
        name: headers.clientId.name,
        in: "header",
        description: "The device of the principal: a label in its events. Absent means `http`.",
        schema: { ...text, minLength: 1, maxLength: bounds.idLengthMax, pattern: "^[\\x21-\\x7E]+$" },
        example: "phone",
      },
      ifNoneMatch: {
        name: headers.ifNoneMatch.name,
        in: "header",
        description: "The `ETag` of the client's copy. If it is still current, the answer is 304 without a body.",
        schema: text,
      },
      traceparent: {
        name: headers.traceparent.name,
        in: "header",
        description: "W3C trace context, version 00. An invalid value is ignored, and a new trace begins.",
        schema: text,
        example: "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01",
      },
    },
    headers: {
      CacheControl: {
        description: "Only this client may cache the response, and must revalidate it before each use.",
        schema: { ...text, enum: ["private, no-cache"] },
      },
      ETag: { description: "The version of the response, for `If-None-Match`.", schema: text, required: true },
      Location: { description: "The URL of the event.", schema: text, required: true },
      RetryAfter: {
        description: "Seconds to wait before the same request is sent again.",
        schema: { type: "integer", minimum: 0 },
      },
      TraceId: {
        description: "The trace id of this request, from its `traceparent` or a new one.",
        schema: { ...text, pattern: "^[0-9a-f]{32}$" },
        required: true,
      },
      Vary: { description: "The request headers that the response depends on.", schema: text },
    },
  },
};
