import { Damage } from "../damage.ts";
import type { Database } from "../database.ts";

/** Of more records than this, each new key is looked up: two names of up to 128 characters are kept for each. */
const knownMax = 1_000;

/**
 * The keys that have a record outside of the log: rejections and atomic batches. An accepted draft's
 * key is in `events` itself, where the unique constraint finds it.
 */
export class RecordedKeys {
  readonly #database: Database;
  /** The keys that can have a record; null: they are too many to be kept. Undefined: they were not read yet. No record is without its key. */
  #known: Set<string> | null | undefined;

  constructor(database: Database) {
    this.#database = database;
  }

  /** Whether a rejection or a batch has this key. Mostly it costs no statement. */
  has(principal: string, key: string): boolean {
    this.know();
    // Mostly there is none at all: then not even a name is made.
    if (this.#known && (this.#known.size === 0 || !this.#known.has(nameOf(principal, key)))) return false;
    // A record that is known can have been swept, or rolled back.
    const rows = this.#database.read(
      `SELECT 1 FROM idempotency_records WHERE principal = ?1 AND draft_id = ?2
       UNION ALL SELECT 1 FROM batches WHERE principal = ?1 AND batch_id = ?2`,
      principal,
      key,
    );
    return rows.length > 0;
  }

  /** To be called before a record is written. A rollback may leave it without effect, which only costs look-ups. */
  added(principal: string, key: string): void {
    if (!this.#known) return;
    if (this.#known.size < knownMax) this.#known.add(nameOf(principal, key));
    else this.#known = null;
  }

  /**
   * Reads which keys have records, unless that is known. To be called before records are removed: a rollback brings them
   * back, and what was read meanwhile would not have their keys.
   */
  know(): void {
    if (this.#known === undefined) this.#known = this.#read();
  }

  #read(): Set<string> | null {
    try {
      const rows = this.#database.read(
        "SELECT principal, draft_id FROM idempotency_records UNION ALL SELECT principal, batch_id FROM batches LIMIT ?",
        knownMax + 1,
      );
      if (rows.length > knownMax) return null;
      return new Set(rows.map(({ principal, draft_id }) => nameOf(principal as string, draft_id as string)));
    } catch (error) {
      // It concerns the keys that are found there, and no others.
      if (error instanceof Damage) return null;
      throw error;
    }
  }
}

function nameOf(principal: string, key: string): string {
  return `${key} ${principal}`;
}
