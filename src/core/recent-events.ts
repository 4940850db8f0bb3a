import type { ModelEvent } from "../model/index.ts";
import { bounds, type JsonObject } from "../protocol/index.ts";
import { Damage, type EventRow, type StorageReads, submitterOf } from "../storage/port.ts";
import { logRange } from "./fold.ts";

/** An event of which the current form is kept when it is made: it takes up to ten times its text in memory. */
const keptBytesMax = 256;

/** An event that a draft may conflict with, or is mapped over. */
export class RecentEvent {
  declare readonly eventId: number;
  declare readonly submitter: string;
  declare readonly clientId: string;
  declare readonly type: string;
  declare readonly payloadBytes: number;
  /** Undefined: its entity is known, and its payload is not needed any more. */
  #row: EventRow | undefined;
  #current: ModelEvent<JsonObject> | undefined;
  #entity: string | undefined;
  #entityKnown = false;

  constructor(row: EventRow) {
    this.eventId = row.eventId;
    this.submitter = submitterOf(row);
    this.clientId = row.clientId;
    this.type = row.type;
    this.payloadBytes = row.payloadBytes;
    this.#row = row;
  }

  /** It in the version of the model today, by `currentOf`. */
  current(currentOf: (row: EventRow) => ModelEvent<JsonObject>): ModelEvent<JsonObject> {
    const current = this.#current ?? currentOf(this.#row!);
    if (this.payloadBytes <= keptBytesMax) this.#current = current;
    return current;
  }

  /** Whether its current form is kept: then `current` parses nothing. */
  get isKept(): boolean {
    return this.#current !== undefined;
  }

  /** The entity that it has changed, by `entityOf`; undefined: everything. Computed once. `keeps`: `current` is needed later. */
  entity(entityOf: (row: EventRow) => string | undefined, keeps: boolean): string | undefined {
    if (!this.#entityKnown) {
      this.#entity = entityOf(this.#row!);
      this.#entityKnown = true;
    }
    if (!keeps) this.#row = undefined;
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
  /** Why the run begins after a damaged event, and not after the event `after`. */
  #damaged: { damage: Damage; after: number } | undefined;

  /**
   * The events after `eventId` up to `head`; undefined: there are more, or larger ones, than are kept.
   *
   * @throws Damage where one of them is damaged.
   */
  after(reads: StorageReads, eventId: number, head: number): readonly RecentEvent[] | undefined {
    this.#appendedSinceUse = 0;
    const events = (this.#events ??= this.#read(reads, head));
    const first = events[0]?.eventId ?? head + 1;
    if (eventId >= first - 1) return events.slice(eventId + 1 - first);
    const damaged = this.#damaged;
    if (damaged && eventId >= damaged.after && damaged.damage.eventId === first - 1) throw damaged.damage;
    return undefined;
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
    const after = reads.events.beforeNewest(bounds.conflictEventsMax, bounds.conflictBytesMax);
    this.#damaged = undefined;
    let events: RecentEvent[] | undefined;
    for (let from = after; !events;) {
      try {
        events = Array.from(logRange(reads, from, head), (row) => new RecentEvent(row));
      } catch (error) {
        if (!(error instanceof Damage) || error.eventId === undefined) throw error;
        // Drafts that expect this event, or a later one, do not ask for it.
        this.#damaged = { damage: error, after };
        from = error.eventId;
      }
    }
    this.#bytes = events.reduce((sum, { payloadBytes }) => sum + payloadBytes, 0);
    return events;
  }
}
