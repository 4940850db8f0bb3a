import type { Database } from "../database.ts";
import { isExactText } from "../driver.ts";

/** What of an event is gathered. */
interface Gathered {
  readonly eventId: number;
  readonly principal: string;
  readonly draftId: string;
  readonly clientId: string;
  readonly type: string;
  readonly timestamp: number;
  readonly payload: string;
  readonly incarnation: string | undefined;
}

/** Of one statement: with what JSON text adds to ids and payloads, this is what fits into the longest text that the platform binds. */
const rowsMax = 256;
/** In UTF-16 units. A larger payload has a statement of its own: its bytes cost more than that. */
const payloadUnitsMax = 2 * 1024;

/** It finds a draft of another principal with the same id, too: that only has a statement of its own. */
const selectUsed =
  "SELECT value FROM json_each(?) WHERE EXISTS (SELECT 1 FROM events WHERE events.draft_id = json_each.value)";
/** The index of migration 0012. That of older tables begins with the principal: `selectUsed` would read all of it for each draft. */
const selectIndex = "SELECT 1 FROM sqlite_master WHERE name = 'events_keys'";

const insertGathered = `INSERT INTO events
(event_id, principal, draft_id, client_id, type, timestamp, payload, incarnation)
SELECT ?2 + key, value ->> 0, value ->> 1, value ->> 2, value ->> 3, ?3, CAST(value ->> 4 AS BLOB), ?4 FROM json_each(?1)`;

/**
 * Events of a window that are written by one statement: at the end of the transaction that they were appended in, or before
 * the log is read. That takes two thirds of a statement for each, and needs to know that their keys are free: one look-up finds
 * that out for all drafts of the window (measured: docs/decisions/0040-cost-of-an-event.md).
 */
export class GatheredEvents {
  readonly #database: Database;
  /** Whether drafts are found by their ids alone; undefined: not looked at yet. */
  #isIndexed: boolean | undefined;
  /** Ids of drafts that no event has, and none that is gathered: all events of this database are appended through here. */
  #unused = new Set<string>();
  #first: Gathered | undefined;
  /** Principal, id of the draft, id of the client, type and payload of each, beginning with `#first`, without a gap. */
  #rows: string[][] = [];

  constructor(database: Database) {
    this.#database = database;
  }

  /** These drafts are about to be decided, in one transaction. In a partition with an older table they are written one by one. */
  announce(draftIds: readonly string[]): void {
    const database = this.#database;
    database.settle(true);
    // Without a table it is not known which one there will be, and nothing is used.
    if (database.exists) this.#isIndexed ??= database.read(selectIndex).length > 0;
    this.#unused = new Set(this.#isIndexed === false ? [] : draftIds);
    if (!this.#isIndexed) return;
    for (const { value } of database.read(selectUsed, JSON.stringify(draftIds))) this.#unused.delete(value as string);
  }

  /**
   * Takes an event that is appended, if its key is known to be free and it `isPlain`: has only columns that almost every event
   * has. False: it must be written by a statement of its own, after those that are gathered.
   */
  take(event: Gathered, isPlain: boolean): boolean {
    const { eventId, principal, draftId, clientId, type, payload, timestamp, incarnation } = event;
    const isUnused = this.#unused.delete(draftId);
    if (!isUnused || !isPlain || payload.length > payloadUnitsMax) return false;
    const texts = [principal, draftId, clientId, type, payload];
    // Inside of JSON text, nobody else looks.
    if (!texts.every(isExactText)) return false;
    const first = this.#first;
    const continues = first?.timestamp === timestamp && first.incarnation === incarnation;
    if (!continues || eventId !== first.eventId + this.#rows.length) this.#database.settle(true);
    if (!this.#first) {
      this.#database.heldBack = (commits) => this.#write(commits);
      this.#first = event;
    }
    if (this.#rows.push(texts) === rowsMax) this.#database.settle(true);
    return true;
  }

  /** Writes them, or drops them: their transaction is rolled back. */
  #write(commits: boolean): void {
    const { eventId, timestamp, incarnation } = this.#first!;
    const rows = this.#rows;
    this.#first = undefined;
    this.#rows = [];
    if (commits) this.#database.wrote(insertGathered, JSON.stringify(rows), eventId, timestamp, incarnation ?? null);
  }
}
