import { bounds } from "../../protocol/index.ts";
import { isFault } from "../faults.ts";
import { payloadOf } from "../fold.ts";
import { complete, type Steps } from "../steps.ts";
import { costOfBytes } from "../cost.ts";
import { Damage, type EventRow, type StorageReads, submitterOf } from "../../storage/port.ts";
import type { Page } from "../replies.ts";
import { proofOf } from "./proof.ts";

/** What an event weighs on the wire beyond its payload, type and client: field names, id, time, partition, proof. */
export const eventOverheadBytes = 360;

/** What an author weighs beyond twice the length of its principal: the name of the field, or a pseudonym. */
const authorOverheadBytes = 48;

/** How much of a page is read in one step, in bytes of payloads. */
const stepBytes = 128 * 1024;

/**
 * About how many bytes an event has on the wire, with its author or without, and with its draft id if it is of the
 * principal `draftIdsOf`; never less than it really has.
 */
export function weightOf(row: EventRow, authors = false, draftIdsOf?: string): number {
  let weight = row.payloadBytes + row.type.length + row.clientId.length + eventOverheadBytes;
  if (authors) weight += authorOverheadBytes + submitterOf(row).length * 2;
  return row.principal === draftIdsOf ? weight + draftIdWeight(row) : weight;
}

/** How many bytes an event's draft id adds to it. */
function draftIdWeight({ draftId }: EventRow): number {
  return `,"draftId":${JSON.stringify(draftId)}`.length;
}

/**
 * The page after `since`: at most `limit` events and `bytesMax` bytes, at least one
 * event if there is one. From one synchronous read, so head and events are of one moment. It ends before an event that
 * is damaged, and before the whole atomic batch of that.
 *
 * @throws Damage where already the first event, or one of its batch, is damaged.
 */
export function readPage(...parameters: Parameters<typeof pageSteps>): Page {
  return complete(pageSteps(...parameters));
}

/**
 * The same in steps. The log does not change, and `head` is of one moment: so it is the same page, however many turns
 * it takes.
 */
export function* pageSteps(
  reads: StorageReads,
  since: number,
  limit: number,
  head: number,
  draftIdsOf?: string | undefined,
  bytesMax: number = bounds.pageBytesMax,
  authors = false,
): Steps<Page> {
  const events: EventRow[] = [];
  let bytes = 0;
  let at = since;
  /** The last event of the atomic batch that is being read: a page never ends inside one. */
  let batchEnd = 0;
  try {
    reading: while ((events.length < limit || at < batchEnd) && at < head) {
      const inBatch = at < batchEnd;
      // Events may have followed since it was begun.
      const count = Math.min(Math.max(limit - events.length, batchEnd - at), head - at);
      const left = inBatch ? bytesMax : bytesMax - bytes;
      const rows = reads.events.after(at, count, Math.min(left, stepBytes));
      if (rows.length === 0) {
        // The page is full; or there is nothing where the head says that there is: then a reader would ask for ever.
        if (events.length > 0 && !inBatch) break;
        throw new Damage("its row is missing", at + 1);
      }
      const before = bytes;
      for (const row of rows) {
        if (row.eventId > batchEnd && events.length >= limit) break reading;
        bytes += weightOf(row, authors, draftIdsOf);
        if (bytes > bytesMax && events.length > 0 && row.eventId > batchEnd) break reading;
        // It goes out as it is stored: what is no JSON would make the message none.
        payloadOf(row);
        events.push(row);
        at = row.eventId;
        batchEnd = Math.max(batchEnd, row.batchEnd ?? 0);
      }
      yield costOfBytes(bytes - before);
    }
  } catch (error) {
    if (!isFault(error)) throw error;
    dropPartOfBatch(events);
    if (events.length === 0) throw error;
    at = events.at(-1)!.eventId;
  }
  const last = events.at(-1);
  return {
    snapshot: undefined,
    events,
    currentEventIndex: head,
    hasMore: at < head,
    nextSinceEventId: at,
    proof: last && proofOf(last),
    draftIdsOf,
  };
}

/** Drops the events at the end of which the atomic batch goes on: it is not delivered in part. */
export function dropPartOfBatch(events: EventRow[]): void {
  const last = events.at(-1);
  if (last?.batchEnd === undefined || last.eventId === last.batchEnd) return;
  while (events.at(-1)?.batchEnd === last.batchEnd) events.pop();
}

/** How many bytes a page may have: what was asked for, within the bounds and `most`, which is what its reader may have now. */
export function clampBytes(asked: number | undefined, most: number = bounds.pageBytesMax): number {
  return Math.min(Math.max(asked ?? most, bounds.pageBytesMin), most);
}

/** The `limit` of a page: what was asked for, within the bounds. */
export function clampLimit(limit: number | undefined): number {
  return Math.min(Math.max(limit ?? bounds.pageEventsDefault, 1), bounds.pageEventsMax);
}
