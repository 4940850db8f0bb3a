import type { Database } from "../database.ts";
import { isExactText } from "../driver.ts";
import { nameOf } from "./recorded-keys.ts";

/** Whom the key of a draft belongs to, and the draft's id. */
export type DraftKey = readonly [principal: string, draftId: string];

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

/** Of one statement: with what JSON text adds to ids and payloads, the platform binds no longer text than of so many. */
const rowsMax = 256;
/** In UTF-16 units. A larger payload has a statement of its own: its bytes cost more than that. */
const payloadUnitsMax = 2 * 1024;

/** It finds a draft of another principal with the same id, too: that only has a statement of its own. */
const selectUsedDrafts =
  "SELECT key FROM json_each(?) WHERE EXISTS (SELECT 1 FROM events WHERE events.draft_id = json_each.value)";
/** Where the index begins with the principal (see `EventsTable`), the other would read all of it for each draft. This one takes longer. */
const selectUsedKeys = `SELECT key FROM json_each(?) WHERE EXISTS
(SELECT 1 FROM events WHERE principal = value ->> 0 AND draft_id = value ->> 1)`;
/** The index of migration 0012, which begins with the draft. */
const selectIndex = "SELECT 1 FROM sqlite_master WHERE type = 'index' AND name = 'events_keys'";

const insertGathered = `INSERT INTO events
(event_id, principal, draft_id, client_id, type, timestamp, payload, incarnation)
SELECT ?2 + key, value ->> 0, value ->> 1, value ->> 2, value ->> 3, ?3, CAST(value ->> 4 AS BLOB), ?4 FROM json_each(?1)`;

/**
 * Events of a window that are written by one statement: at the end of the transaction that they were appended in, or before
 * the next read. That takes two thirds of a statement for each, and needs to know that their keys are free: one look-up finds
 * that out for all drafts of the window (measured: docs/decisions/0040-cost-of-an-event.md).
 */
export class GatheredEvents {
  readonly #database: Database;
  /** Whether the index of the keys begins with the draft; undefined: not looked at yet. */
  #byDraft: boolean | undefined;
  /** Names of keys that no event has, and none that is gathered: all events of this database are appended through here. */
  #unused = new Set<string>();
  #first: Gathered | undefined;
  /** Principal, id of the draft, id of the client, type and payload of each, beginning with `#first`, without a gap. */
  #rows: string[][] = [];

  constructor(database: Database) {
    this.#database = database;
  }

  /** These drafts are about to be decided, in one transaction. */
  announce(keys: readonly DraftKey[]): void {
    const draftIds = keys.map(([, draftId]) => draftId);
    const used = this.#isByDraft()
      ? this.#database.read(selectUsedDrafts, JSON.stringify(draftIds))
      : this.#database.read(selectUsedKeys, JSON.stringify(keys));
    const names = keys.map(([principal, draftId]) => nameOf(principal, draftId));
    this.#unused = new Set(names);
    for (const { key } of used) this.#unused.delete(names[key as number]!);
  }

  #isByDraft(): boolean {
    if (this.#byDraft !== undefined) return this.#byDraft;
    const isByDraft = this.#database.read(selectIndex).length > 0;
    // Without a table it is not known which one there will be.
    if (this.#database.exists) this.#byDraft = isByDraft;
    return isByDraft;
  }

  /**
   * Takes an event that is appended, if its key is known to be free and it `isPlain`: has only columns that almost every event
   * has. False: it must be written by a statement of its own, after those that are gathered.
   */
  take(event: Gathered, isPlain: boolean): boolean {
    const { principal, draftId, clientId, type, payload, timestamp, incarnation } = event;
    const isUnused = this.#unused.size > 0 && this.#unused.delete(nameOf(principal, draftId));
    if (!isUnused || !isPlain || payload.length > payloadUnitsMax) return false;
    const texts = [principal, draftId, clientId, type, payload];
    // Inside of JSON text, nobody else looks.
    if (!texts.every(isExactText)) return false;
    if (this.#first?.timestamp !== timestamp || this.#first.incarnation !== incarnation) this.#database.settle(true);
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
