// Every header that this program reads or sets: its name, and where what it says goes on to. The code takes the names from
// here, and docs/guide/headers.md is made from it.

interface Header {
  /** As it is written on the wire. */
  readonly name: string;
  /** Of requests to this program, of its answers, from its edge to its objects, or of its webhooks. */
  readonly on: "request" | "response" | "internal" | "webhook";
  /** Where it goes on to, inside: a header, an argument of a call, or a part of an attachment. */
  readonly inside?: string;
  /** The field of log lines that has it. */
  readonly log?: string;
  /** What of it is in webhooks. */
  readonly webhook?: string;
  /** Whether pages of allowed origins may send it (of a request), or read it (of an answer). */
  readonly pages?: true;
  readonly means: string;
}

export const headers = {
  // Of requests
  authorization: {
    name: "Authorization",
    on: "request",
    inside: "`partita-author`, as the verified author; the token stays at the edge",
    log: "principal",
    pages: true,
    means: "`Bearer` and the token",
  },
  contentType: { name: "Content-Type", on: "request", pages: true, means: "`application/json`; it is not checked" },
  accept: {
    name: "Accept",
    on: "request",
    means: "with `text/html`, an address that leads nowhere is answered with a page",
  },
  idempotencyKey: {
    name: "Idempotency-Key",
    on: "request",
    inside: "the key of the submission",
    log: "draftId",
    pages: true,
    means: "the id of this operation: the same for every retry",
  },
  clientId: {
    name: "Partita-Client-Id",
    on: "request",
    inside: "`clientId` of the call, and of the event",
    pages: true,
    means: "the device of the principal; absent: `http`",
  },
  reason: {
    name: "Partita-Reason",
    on: "request",
    inside: "`reason` of the entry in the list of administrative requests",
    log: "reason",
    pages: true,
    means: "why an administrator asks for this, percent-encoded UTF-8",
  },
  ifNoneMatch: {
    name: "If-None-Match",
    on: "request",
    inside: "`ifNoneMatch` of the call",
    pages: true,
    means: "the `ETag` of the client's copy",
  },
  lastEventId: {
    name: "Last-Event-ID",
    on: "request",
    inside: "`since` of the stream",
    pages: true,
    means: "the last event of a stream that its reader has received",
  },
  traceparent: {
    name: "traceparent",
    on: "request",
    inside:
      "`traceId` of the call; of a connection in its attachment, which survives hibernation; of effects with their rows",
    log: "traceId",
    webhook: "traceparent",
    pages: true,
    means: "W3C trace context, version 00; absent or malformed: a new trace",
  },
  tracestate: { name: "tracestate", on: "request", pages: true, means: "allowed, and ignored" },
  subprotocol: {
    name: "Sec-WebSocket-Protocol",
    on: "request",
    inside: "the dialect of the connection; a token in it stays at the edge",
    means: "`partita`, and `bearer.` and the token",
  },
  signedId: {
    name: "webhook-id",
    on: "request",
    means: "of a signed request: its `Idempotency-Key`",
  },
  signedAt: { name: "webhook-timestamp", on: "request", means: "of a signed request: its time in seconds" },
  signedBy: { name: "webhook-signature", on: "request", means: "of a signed request: its signatures" },
  // Of answers
  traceId: {
    name: "Partita-Trace-Id",
    on: "response",
    inside: "`traceId` of problems",
    log: "traceId",
    pages: true,
    means: "the trace id of the request, which is in each answer",
  },
  etag: { name: "ETag", on: "response", pages: true, means: "the version of the answer" },
  location: { name: "Location", on: "response", pages: true, means: "the address of the event" },
  retryAfter: {
    name: "Retry-After",
    on: "response",
    inside: "`retryAfter` of problems",
    pages: true,
    means: "seconds to wait before the same request is sent again",
  },
  rateLimit: { name: "RateLimit", on: "response", pages: true, means: "what is left of a rate, and until when" },
  rateLimitPolicy: { name: "RateLimit-Policy", on: "response", pages: true, means: "the rate" },
  cacheControl: { name: "Cache-Control", on: "response", means: "whether the answer may be kept" },
  vary: { name: "Vary", on: "response", means: "the headers of the request that the answer depends on" },
  // From the edge to an object. The edge removes them from requests of clients.
  author: {
    name: "partita-author",
    on: "internal",
    log: "principal",
    means: "the verified author of a connection, as JSON",
  },
  dialect: {
    name: "partita-dialect",
    on: "internal",
    means: "the dialect of a connection, where its address has chosen it",
  },
  // Platform fact: the values of headers are logged, except where the name contains auth, cookie, jwt, key, secret or token.
  stream: {
    name: "partita-stream-author",
    on: "internal",
    log: "principal",
    means: "which stream, and its author, as JSON",
  },
  streamBefore: { name: "partita-stream", on: "internal", means: "the same, of the version before" },
  // Of webhooks (Standard Webhooks)
  webhookId: {
    name: "webhook-id",
    on: "webhook",
    inside: "the id of the effect",
    log: "effectId",
    means: "the same in each attempt",
  },
  webhookTimestamp: { name: "webhook-timestamp", on: "webhook", means: "the time of the attempt, in seconds" },
  webhookSignature: { name: "webhook-signature", on: "webhook", means: "a signature for each valid secret" },
  webhookTrace: {
    name: "traceparent",
    on: "webhook",
    inside: "`traceId` of the effect",
    log: "traceId",
    means: "the trace of the request that caused the effect; a new span in each attempt",
  },
} as const satisfies Readonly<Record<string, Header>>;

const all: readonly Header[] = Object.values(headers);

/** The names of headers that pages of allowed origins may send, or read. */
export const headersOfPages = (on: "request" | "response"): string[] =>
  all.filter((header) => header.on === on && header.pages).map(({ name }) => name);

/** The names of the headers that only the edge may set. */
export const internalHeaders: readonly string[] = all.filter(({ on }) => on === "internal").map(({ name }) => name);
