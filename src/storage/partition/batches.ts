import type { Database } from "../database.ts";
import type { RecordedKeys } from "./recorded-keys.ts";

/** An accepted atomic batch. */
export interface BatchRow {
  principal: string;
  batchId: string;
  /** SHA-256 of the canonical content of the whole batch. */
  fingerprint: Uint8Array;
  firstEventId: number;
  eventCount: number;
}

export interface BatchReads {
  find(principal: string, batchId: string): BatchRow | undefined;
}

export interface BatchWrites {
  /** Stores which events an accepted atomic batch became. */
  record(batch: BatchRow): void;
}

/** The table `batches` of migration 0002. */
export class BatchesTable implements BatchReads, BatchWrites {
  readonly #database: Database;
  readonly #recordedKeys: RecordedKeys;

  constructor(database: Database, recordedKeys: RecordedKeys) {
    this.#database = database;
    this.#recordedKeys = recordedKeys;
  }

  find(principal: string, batchId: string): BatchRow | undefined {
    const [row] = this.#database.read("SELECT * FROM batches WHERE principal = ? AND batch_id = ?", principal, batchId);
    return (
      row && {
        principal: row["principal"] as string,
        batchId: row["batch_id"] as string,
        fingerprint: row["fingerprint"] as Uint8Array,
        firstEventId: row["first_event_id"] as number,
        eventCount: row["event_count"] as number,
      }
    );
  }

  record(batch: BatchRow): void {
    this.#recordedKeys.added();
    this.#database.write(
      "INSERT INTO batches VALUES (?, ?, ?, ?, ?)",
      batch.principal,
      batch.batchId,
      batch.fingerprint,
      batch.firstEventId,
      batch.eventCount,
    );
  }
}
