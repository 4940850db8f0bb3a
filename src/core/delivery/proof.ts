import { Damage, type EventOrigin, type StorageReads } from "../../storage/port.ts";
import { Refusal } from "../refusal.ts";

/**
 * The proof of an event: the incarnation that wrote it. An incarnation writes each id once, so two logs with the same
 * proof of an event have the same events up to it. Events before migration 0005 have no incarnation: their time stands
 * for it.
 */
export function proofOf({ incarnation, timestamp }: EventOrigin): string {
  return incarnation ?? timeProof(timestamp);
}

/** The proof that a reader can make by itself; it is valid for every event. */
function timeProof(timestamp: number): string {
  return `t${timestamp}`;
}

/** The proof of the event `eventId`; undefined where there is no such event. */
export function proofAt(reads: StorageReads, eventId: number): string | undefined {
  const origin = reads.events.origin(eventId);
  return origin && proofOf(origin);
}

/**
 * `proof`: what a reader has of the event `eventId`, which is not past the head; undefined: it proves nothing.
 *
 * @throws Refusal where the reader has read another log; Damage where the event is missing.
 */
export function assertSameLog(reads: StorageReads, eventId: number | undefined, proof: string | undefined): void {
  // Of a log without events, every log is the continuation.
  if (!eventId || proof === undefined) return;
  const origin = reads.events.origin(eventId);
  // It is not past the head: that is damage, and no reason to drop what the reader has.
  if (!origin) throw new Damage("its row is missing", eventId);
  if (proof === proofOf(origin) || proof === timeProof(origin.timestamp)) return;
  throw new Refusal({
    code: "log_replaced",
    detail: `Event ${eventId} of this log is another one than yours. Drop what was confirmed, and sync without sinceEventId.`,
  });
}
