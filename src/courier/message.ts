import { traceparentOf } from "../platform/trace.ts";
import { Webhook } from "standardwebhooks";
import type { DeliveryRow } from "../storage/courier/deliveries.ts";
import { headers } from "../protocol/headers.ts";

/** A message to an endpoint (Standard Webhooks). */
export interface Message {
  /** The same in each attempt: the receiver deduplicates by it. */
  id: string;
  /** JSON text, the same in each attempt. */
  body: string;
  /** 32 hexadecimal digits; absent: it has none. */
  traceId?: string | undefined;
}

/** The message of an effect. `payload` goes out as the bytes that were stored. */
export function messageOf({
  effectId,
  type,
  timestamp,
  partition,
  correlationId,
  traceId,
  payload,
}: Pick<
  DeliveryRow,
  "effectId" | "type" | "timestamp" | "partition" | "correlationId" | "traceId" | "payload"
>): Message {
  const correlation = correlationId === undefined ? "" : `,"correlationId":${JSON.stringify(correlationId)}`;
  return {
    id: effectId,
    body: `{"type":${JSON.stringify(type)},"timestamp":"${new Date(timestamp).toISOString()}","partition":${JSON.stringify(partition)}${correlation},"data":${payload}}`,
    traceId,
  };
}

/** The headers of an attempt at `now`, with a signature of each secret. */
export function headersOf(
  { id, body, traceId }: Message,
  secrets: readonly string[],
  now: number,
): Record<string, string> {
  const at = new Date(now);
  return {
    "content-type": "application/json",
    "user-agent": "Partita-Webhooks/1",
    [headers.webhookId.name]: id,
    [headers.webhookTimestamp.name]: String(Math.floor(now / 1_000)),
    ...(traceId === undefined ? {} : { [headers.webhookTrace.name]: traceparentOf(traceId) }),
    [headers.webhookSignature.name]: secrets.map((secret) => new Webhook(secret).sign(id, at, body)).join(" "),
  };
}
