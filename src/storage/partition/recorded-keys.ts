import type { Database } from "../database.ts";

/**
 * The keys that have a record outside of the log: rejections and atomic batches. An accepted draft's
 * key is in `events` itself, where the unique constraint finds it.
 */
export class RecordedKeys {
  readonly #database: Database;
  /** False: there is no such record. Undefined: not known. Never false while there is one. */
  #any: boolean | undefined;

  constructor(database: Database) {
    this.#database = database;
  }

  /** Whether a rejection or a batch has this key. Costs no statement while there are no records at all. */
  has(principal: string, key: string): boolean {
    this.#any ??= this.#isAnyStored();
    if (this.#any === false) return false;
    const rows = this.#database.read(
      `SELECT 1 FROM idempotency_records WHERE principal = ?1 AND draft_id = ?2
       UNION ALL SELECT 1 FROM batches WHERE principal = ?1 AND batch_id = ?2`,
      principal,
      key,
    );
    return rows.length > 0;
  }

  /** To be called before a record is written. A rollback may leave it without effect, which only costs look-ups. */
  added(): void {
    this.#any = true;
  }

  /** Undefined while there is no schema. */
  #isAnyStored(): boolean | undefined {
    const [row] = this.#database.read(
      "SELECT EXISTS (SELECT 1 FROM idempotency_records) OR EXISTS (SELECT 1 FROM batches) AS found",
    );
    return row && row["found"] !== 0;
  }
}
