import { type Annotations, annotationsOf } from "./annotations.ts";
import type { JsonObject } from "./json.ts";

/** The events of one segment of the audit: a power of two, so that segments are whole subtrees of the Merkle tree. */
export const segmentEvents = 1_024;

/** What the audit covers of an event: what every reader of the log with authors gets of it. */
export interface AuditedEvent extends Annotations {
  readonly eventId: number;
  readonly partition: string;
  readonly type: string;
  /** Absent: 1. */
  readonly version?: number | undefined;
  /** Milliseconds since 1970. */
  readonly timestamp: number;
  readonly clientId: string;
  /** Absent: the model shows none. */
  readonly author?: string | undefined;
  /** As an object, or as the JSON text that the server stores: `JSON.stringify` gives one for the other. */
  readonly payload: JsonObject | string;
}

/** What a signed head says of a log (PROTOCOL 15.3). */
export interface AuditHead {
  readonly tenant: string;
  readonly partition: string;
  readonly logId: string;
  /** How many events it covers, from the first on: a multiple of 1,024. */
  readonly size: number;
  /** The root of their Merkle tree: SHA-256, 64 lower-case hexadecimal digits. */
  readonly root: string;
  /** Milliseconds since 1970: when it was made. */
  readonly timestamp: number;
}

/** The text that the leaf of an event is the hash of: its UTF-8 bytes after one byte 0. */
export function leafText({
  eventId,
  partition,
  type,
  version,
  timestamp,
  clientId,
  author,
  payload,
  ...rest
}: AuditedEvent): string {
  const before = JSON.stringify([eventId, partition, type, version ?? 1, timestamp, clientId, author ?? null]);
  const annotations = annotationsOf(rest);
  const after = annotations ? `,${JSON.stringify(annotations)}` : "";
  return `${before.slice(0, -1)},${typeof payload === "string" ? payload : JSON.stringify(payload)}${after}]`;
}
