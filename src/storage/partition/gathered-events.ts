import type { Database } from "../database.ts";
import { isExactText } from "../driver.ts";
import type { EventRow } from "./events.ts";

/** Where fewer drafts are announced, one statement each is as cheap. */
const announcedMin = 8;
/** The text of one statement, in UTF-16 units of the payloads. A larger payload has a statement of its own: its bytes cost more than that. */
const textUnitsMax = 128 * 1024;
const payloadUnitsMax = 4 * 1024;

/** Of two principals that use the same id both are found: the second one only has a statement of its own. */
const selectUsed = `SELECT j.value AS draft_id FROM json_each(?1) j
  WHERE EXISTS (SELECT 1 FROM events WHERE events.draft_id = j.value)`;

const insertGathered = `INSERT INTO events
  (event_id, principal, draft_id, client_id, type, timestamp, payload, incarnation)
  SELECT ?2 + key, value ->> 0, value ->> 1, value ->> 2, value ->> 3, ?3, CAST(value ->> 4 AS BLOB), ?4
  FROM json_each(?1)`;

/** What writes the rows. */
interface GatheredHost {
  readonly database: Database;
  /** Writes one row by a statement of its own. Returns false, and writes nothing, if its key was used before. */
  insert(row: EventRow): boolean;
}

/**
 * Events of a window that are written by one statement, in the transaction that they were appended in, before anything else
 * is read or written. That takes two thirds of a statement for each, and needs to know that their keys are free: one look-up finds
 * that out for all drafts of the window (measured: docs/decisions/0040-cost-of-an-event.md).
 */
export class GatheredEvents {
  readonly #host: GatheredHost;
  /** Ids of drafts that no event has, and none of `#rows`: all events of this database are appended through here. */
  #unused = new Set<string>();
  #rows: EventRow[] = [];
  #units = 0;

  constructor(host: GatheredHost) {
    this.#host = host;
  }

  /** These drafts are about to be decided, in one transaction. */
  announce(draftIds: readonly string[]): void {
    this.#unused.clear();
    if (draftIds.length < announcedMin) return;
    const used = this.#host.database.read(selectUsed, JSON.stringify(draftIds));
    this.#unused = new Set(draftIds);
    for (const { draft_id } of used) this.#unused.delete(draft_id as string);
  }

  /** Takes a row, if its key is known to be free. It must not have more than the columns that almost every event has. */
  take(row: EventRow): boolean {
    const { payload } = row;
    if (!this.#unused.has(row.draftId) || payload.length > payloadUnitsMax || !isExact(row)) return false;
    if (!this.#continues(row) || this.#units + payload.length > textUnitsMax) this.#host.database.writeHeldBack();
    if (this.#rows.length === 0) this.#host.database.holdBack((commits) => this.#write(commits));
    this.#rows.push(row);
    this.#units += payload.length;
    this.#unused.delete(row.draftId);
    return true;
  }

  /** An event with this id of a draft is appended: its key is used from here on. */
  use(draftId: string): void {
    this.#unused.delete(draftId);
  }

  /** Whether a row can be written by the same statement as those before it. */
  #continues({ eventId, timestamp, incarnation }: EventRow): boolean {
    const first = this.#rows[0];
    return (
      first === undefined ||
      (eventId === first.eventId + this.#rows.length &&
        timestamp === first.timestamp &&
        incarnation === first.incarnation)
    );
  }

  /** Writes the rows, or drops them: their transaction is rolled back. */
  #write(commits: boolean): void {
    const rows = this.#rows;
    this.#rows = [];
    this.#units = 0;
    if (!commits) return;
    const [first] = rows as [EventRow];
    if (rows.length === 1) {
      if (!this.#host.insert(first)) throw new Error("the log refused a key that it does not hold");
      return;
    }
    const texts = rows.map(({ principal, draftId, clientId, type, payload }) => [
      principal,
      draftId,
      clientId,
      type,
      payload,
    ]);
    const { database } = this.#host;
    database.wrote(insertGathered, JSON.stringify(texts), first.eventId, first.timestamp, first.incarnation ?? null);
  }
}

/** Whether its texts are what may be bound: inside JSON text nobody else looks. A payload is JSON text itself. */
function isExact({ principal, draftId, clientId, type }: EventRow): boolean {
  return isExactText(principal) && isExactText(draftId) && isExactText(clientId) && isExactText(type);
}
