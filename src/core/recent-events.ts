import { bounds } from "../protocol/index.ts";
import type { EventRow, StorageReads } from "../storage/port.ts";
import { logRange } from "./fold.ts";

/** An event that a draft may conflict with. */
export class RecentEvent {
  readonly eventId: number;
  readonly principal: string;
  readonly clientId: string;
  readonly payloadBytes: number;
  /** Until its entity is known: then its payload is not needed any more. */
  #row: EventRow | undefined;
  #entity: string | undefined;

  constructor(row: EventRow) {
    this.eventId = row.eventId;
    this.principal = row.principal;
    this.clientId = row.clientId;
    this.payloadBytes = row.payloadBytes;
    this.#row = row;
  }

  /** The entity that it has changed, by `entityOf`; undefined: everything. Computed once. */
  entity(entityOf: (row: EventRow) => string | undefined): string | undefined {
    if (this.#row) {
      this.#entity = entityOf(this.#row);
      this.#row = undefined;
    }
    return this.#entity;
  }
}

/**
 * The newest events of the log, for the checks of conflicts: the longest run that is within
 * `bounds.conflictEventsMax` and `bounds.conflictBytesMax`. So what a check may consider depends on the log alone, and
 * not on what is in memory.
 *
 * They are read at the first check, then follow the log, and are forgotten when as many events have come without a
 * check. At most `conflictBytesMax` of payloads are held, and about 200 bytes for each event.
 */
export class RecentEvents {
  /** The oldest first; undefined: not in use. */
  #events: RecentEvent[] | undefined;
  #bytes = 0;
  #appendedSinceUse = 0;

  /** The events after `eventId` up to `head`; undefined: there are more, or larger ones, than are kept. */
  after(reads: StorageReads, eventId: number, head: number): readonly RecentEvent[] | undefined {
    this.#appendedSinceUse = 0;
    const events = (this.#events ??= this.#read(reads, head));
    const first = events[0]?.eventId ?? head + 1;
    return eventId < first - 1 ? undefined : events.slice(eventId + 1 - first);
  }

  /** Follows the log: `row` was appended to it. */
  append(row: EventRow): void {
    const events = this.#events;
    if (!events) return;
    if (++this.#appendedSinceUse > bounds.conflictEventsMax) {
      this.#events = undefined;
      return;
    }
    events.push(new RecentEvent(row));
    this.#bytes += row.payloadBytes;
    while (events.length > bounds.conflictEventsMax || this.#bytes > bounds.conflictBytesMax) {
      this.#bytes -= events.shift()!.payloadBytes;
    }
  }

  #read(reads: StorageReads, head: number): RecentEvent[] {
    const before = reads.events.beforeNewest(bounds.conflictEventsMax, bounds.conflictBytesMax);
    const events = Array.from(logRange(reads, before, head), (row) => new RecentEvent(row));
    this.#bytes = events.reduce((sum, { payloadBytes }) => sum + payloadBytes, 0);
    return events;
  }
}
