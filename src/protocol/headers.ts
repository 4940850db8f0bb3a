// Every header that this program reads or sets. The code takes the names from here; what each means stands in
// header-notes.ts, which is not part of the Worker.

interface Header {
  /** As it is written on the wire. */
  readonly name: string;
  /** Of requests to this program, of its answers, from its edge to its objects, or of its webhooks. */
  readonly on: "request" | "response" | "internal" | "webhook";
  /** Whether pages of allowed origins may send it (of a request), or read it (of an answer). */
  readonly pages?: true;
}

export const headers = {
  // Of requests
  authorization: { name: "Authorization", on: "request", pages: true },
  contentType: { name: "Content-Type", on: "request", pages: true },
  accept: { name: "Accept", on: "request" },
  idempotencyKey: { name: "Idempotency-Key", on: "request", pages: true },
  clientId: { name: "Partita-Client-Id", on: "request", pages: true },
  reason: { name: "Partita-Reason", on: "request", pages: true },
  ifNoneMatch: { name: "If-None-Match", on: "request", pages: true },
  lastEventId: { name: "Last-Event-ID", on: "request", pages: true },
  traceparent: { name: "traceparent", on: "request", pages: true },
  tracestate: { name: "tracestate", on: "request", pages: true },
  subprotocol: { name: "Sec-WebSocket-Protocol", on: "request" },
  signedId: { name: "webhook-id", on: "request" },
  signedAt: { name: "webhook-timestamp", on: "request" },
  signedBy: { name: "webhook-signature", on: "request" },
  // Of answers
  traceId: { name: "Partita-Trace-Id", on: "response", pages: true },
  etag: { name: "ETag", on: "response", pages: true },
  location: { name: "Location", on: "response", pages: true },
  retryAfter: { name: "Retry-After", on: "response", pages: true },
  rateLimit: { name: "RateLimit", on: "response", pages: true },
  rateLimitPolicy: { name: "RateLimit-Policy", on: "response", pages: true },
  cacheControl: { name: "Cache-Control", on: "response" },
  vary: { name: "Vary", on: "response" },
  // From the edge to an object. The edge removes them from requests of clients.
  author: { name: "partita-author", on: "internal" },
  dialect: { name: "partita-dialect", on: "internal" },
  // Platform fact: the values of headers are logged, except where the name contains auth, cookie, jwt, key, secret or token.
  stream: { name: "partita-stream-author", on: "internal" },
  streamBefore: { name: "partita-stream", on: "internal" },
  // Of webhooks (Standard Webhooks)
  webhookId: { name: "webhook-id", on: "webhook" },
  webhookTimestamp: { name: "webhook-timestamp", on: "webhook" },
  webhookSignature: { name: "webhook-signature", on: "webhook" },
  webhookTrace: { name: "traceparent", on: "webhook" },
} as const satisfies Readonly<Record<string, Header>>;

const all: readonly Header[] = Object.values(headers);

/** The names of headers that pages of allowed origins may send, or read. */
export const headersOfPages = (on: "request" | "response"): string[] =>
  all.filter((header) => header.on === on && header.pages).map(({ name }) => name);

/** The names of the headers that only the edge may set. */
export const internalHeaders: readonly string[] = all.filter(({ on }) => on === "internal").map(({ name }) => name);
