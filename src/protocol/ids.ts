import { draftBounds } from "./draft-bounds.ts";

/** The names of partitions, see `isPartitionName`. */
export const partitionName = /^[A-Za-z0-9][A-Za-z0-9._~:-]{0,127}$/;
const visibleAscii = /^[\x21-\x7e]+$/;

/** Whether `name` is a valid name of a partition: 1–128 characters of `A–Z a–z 0–9 . _ ~ : -`, the first a letter or digit. */
export function isPartitionName(name: string): boolean {
  return partitionName.test(name);
}

/**
 * Whether `id` is a valid id that a client chooses (message, draft, client; an `Idempotency-Key`
 * is a draft id): 1–128 visible ASCII characters, so that it is the same in a header, a column and a log line.
 */
export function isId(id: unknown): id is string {
  return typeof id === "string" && id.length <= draftBounds.idLengthMax && visibleAscii.test(id);
}

/** The id of a committed event on the wire. */
export function eventName(eventId: number): string {
  return `evt-${eventId}`;
}
