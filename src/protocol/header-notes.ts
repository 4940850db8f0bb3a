// What each header means, and where what it says goes on to: docs/guide/headers.md is made from this table.
import type { headers } from "./headers.ts";

export interface HeaderNotes {
  readonly means: string;
  /** Where it goes on to, inside: a header, an argument of a call, or a part of an attachment. */
  readonly inside?: string;
  /** The field of log lines that has it. */
  readonly log?: string;
  /** What of it is in webhooks. */
  readonly webhook?: string;
}

export const headerNotes: Readonly<Record<keyof typeof headers, HeaderNotes>> = {
  authorization: {
    inside: "`partita-author`, as the verified author; the token stays at the edge",
    log: "principal",
    means: "`Bearer` and the token",
  },
  contentType: { means: "`application/json`; it is not checked" },
  accept: { means: "with `text/html`, an address that leads nowhere is answered with a page" },
  idempotencyKey: {
    inside: "the key of the submission",
    log: "draftId",
    means: "the id of this operation: the same for every retry",
  },
  clientId: {
    inside: "`clientId` of the call, and of the event",
    means: "the device of the principal; absent: `http`",
  },
  reason: {
    inside: "`reason` of the entry in the list of administrative requests",
    log: "reason",
    means: "why an administrator asks for this, percent-encoded UTF-8",
  },
  ifNoneMatch: { inside: "`ifNoneMatch` of the call", means: "the `ETag` of the client's copy" },
  lastEventId: { inside: "`since` of the stream", means: "the last event of a stream that its reader has received" },
  traceparent: {
    inside:
      "`traceId` of the call; of a connection in its attachment, which survives hibernation; of effects with their rows",
    log: "traceId",
    webhook: "traceparent",
    means: "W3C trace context, version 00; absent or malformed: a new trace",
  },
  tracestate: { means: "allowed, and ignored" },
  subprotocol: {
    inside: "the dialect of the connection; a token in it stays at the edge",
    means: "`partita`, and `bearer.` and the token",
  },
  signedId: { means: "of a signed request: its `Idempotency-Key`" },
  signedAt: { means: "of a signed request: its time in seconds" },
  signedBy: { means: "of a signed request: its signatures" },
  traceId: {
    inside: "`traceId` of problems",
    log: "traceId",
    means: "the trace id of the request, which is in each answer",
  },
  etag: { means: "the version of the answer" },
  location: { means: "the address of the event" },
  retryAfter: { inside: "`retryAfter` of problems", means: "seconds to wait before the same request is sent again" },
  rateLimit: { means: "what is left of a rate, and until when" },
  rateLimitPolicy: { means: "the rate" },
  cacheControl: { means: "whether the answer may be kept" },
  vary: { means: "the headers of the request that the answer depends on" },
  author: { log: "principal", means: "the verified author of a connection, as JSON" },
  dialect: { means: "the dialect of a connection, where its address has chosen it" },
  stream: { log: "principal", means: "which stream, and its author, as JSON" },
  streamBefore: { means: "the same, of the version before" },
  webhookId: { inside: "the id of the effect", log: "effectId", means: "the same in each attempt" },
  webhookTimestamp: { means: "the time of the attempt, in seconds" },
  webhookSignature: { means: "a signature for each valid secret" },
  webhookTrace: {
    inside: "`traceId` of the effect",
    log: "traceId",
    means: "the trace of the request that caused the effect; a new span in each attempt",
  },
};
