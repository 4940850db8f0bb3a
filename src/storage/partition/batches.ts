import { Damage } from "../damage.ts";
import type { Database } from "../database.ts";
import type { SqlValue } from "../driver.ts";
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
  /** @throws Damage where the record is damaged. */
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
    if (!row) return undefined;
    const { fingerprint, first_event_id: firstEventId, event_count: eventCount } = row;
    if (!(fingerprint instanceof Uint8Array) || !isCount(firstEventId) || !isCount(eventCount)) {
      throw new Damage(`the record of the batch "${batchId}" is damaged`);
    }
    return { principal, batchId, fingerprint, firstEventId, eventCount };
  }

  record(batch: BatchRow): void {
    this.#recordedKeys.added(batch.principal, batch.batchId);
    this.#database.write(
      "INSERT INTO batches (principal, batch_id, fingerprint, first_event_id, event_count) VALUES (?, ?, ?, ?, ?)",
      batch.principal,
      batch.batchId,
      batch.fingerprint,
      batch.firstEventId,
      batch.eventCount,
    );
  }
}

function isCount(value: SqlValue | undefined): value is number {
  return typeof value === "number" && value > 0;
}
