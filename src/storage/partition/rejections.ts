import type { Database } from "../database.ts";
import { bytesOf, jsonTextOf } from "../text.ts";
import type { RecordedKeys } from "./recorded-keys.ts";

/** A stored rejection. */
export interface RejectionRow {
  recordId: number;
  principal: string;
  draftId: string;
  /** SHA-256 of the canonical content. */
  fingerprint: Uint8Array;
  /** JSON text of the problem, as it went out; of a batch, of its results. Undefined: it is damaged. */
  problem: string | undefined;
  createdAt: number;
}

/** Stored rejections: how many, and the bytes of their problems. */
export interface RejectionTotals {
  count: number;
  bytes: number;
}

export interface RejectionReads {
  find(principal: string, draftId: string): RejectionRow | undefined;
  /** The stored rejections of this principal, or of all. Reads the beginning of each row. */
  totals(principal?: string): RejectionTotals;
  /** The stored rejections of the principals that begin with `prefix`, which ends with a colon. Reads the beginning of each row. */
  totalsOf(prefix: string): RejectionTotals;
  /** When the oldest stored rejection was made. */
  oldest(): number | undefined;
}

export interface RejectionWrites {
  /** Stores a rejection and returns its record id. */
  record(rejection: Omit<RejectionRow, "recordId"> & { problem: string }): number;
  forget(recordId: number): void;
  /** Deletes up to `limit` of the oldest rejections of `accounts`: one that ends with a colon is of all principals that begin with it. */
  forgetOldest(accounts: readonly string[], limit: number): void;
  /** Deletes up to `limit` of the oldest rejections made before `before`; returns how many. */
  sweep(before: number, limit: number): number;
}

/** The table `idempotency_records` of migration 0001. */
export class RejectionsTable implements RejectionReads, RejectionWrites {
  readonly #database: Database;
  readonly #recordedKeys: RecordedKeys;

  constructor(database: Database, recordedKeys: RecordedKeys) {
    this.#database = database;
    this.#recordedKeys = recordedKeys;
  }

  find(principal: string, draftId: string): RejectionRow | undefined {
    const [row] = this.#database.read(
      "SELECT * FROM idempotency_records WHERE principal = ? AND draft_id = ?",
      principal,
      draftId,
    );
    return (
      row && {
        recordId: row["record_id"] as number,
        principal: row["principal"] as string,
        draftId: row["draft_id"] as string,
        fingerprint: row["fingerprint"] as Uint8Array,
        problem: jsonTextOf(row["problem"]),
        createdAt: row["created_at"] as number,
      }
    );
  }

  totals(principal?: string): RejectionTotals {
    return principal === undefined ? this.#sum("") : this.#sum("WHERE principal = ?", principal);
  }

  totalsOf(prefix: string): RejectionTotals {
    return this.#sum("WHERE principal >= ? AND principal < ?", ...rangeOf(prefix));
  }

  #sum(where: string, ...principals: string[]): RejectionTotals {
    const [row] = this.#database.read(
      `SELECT count(*) AS count, coalesce(sum(length(problem)), 0) AS bytes FROM idempotency_records ${where}`,
      ...principals,
    );
    return { count: (row?.["count"] as number | undefined) ?? 0, bytes: (row?.["bytes"] as number | undefined) ?? 0 };
  }

  oldest(): number | undefined {
    const [row] = this.#database.read("SELECT created_at FROM idempotency_records ORDER BY record_id LIMIT 1");
    return row?.["created_at"] as number | undefined;
  }

  record(rejection: Omit<RejectionRow, "recordId"> & { problem: string }): number {
    this.#recordedKeys.added();
    const [row] = this.#database.write(
      `INSERT INTO idempotency_records (principal, draft_id, fingerprint, problem, created_at)
       VALUES (?, ?, ?, ?, ?) RETURNING record_id`,
      rejection.principal,
      rejection.draftId,
      rejection.fingerprint,
      bytesOf(rejection.problem),
      rejection.createdAt,
    );
    return row!["record_id"] as number;
  }

  forget(recordId: number): void {
    this.#database.write("DELETE FROM idempotency_records WHERE record_id = ?", recordId);
  }

  forgetOldest(accounts: readonly string[], limit: number): void {
    const ranges = accounts.map(() => "(principal >= ? AND principal < ?)").join(" OR ");
    this.#database.write(
      `DELETE FROM idempotency_records WHERE record_id IN
         (SELECT record_id FROM idempotency_records WHERE ${ranges} ORDER BY record_id LIMIT ?)`,
      ...accounts.flatMap(rangeOf),
      limit,
    );
  }

  sweep(before: number, limit: number): number {
    return this.#database.write(
      `DELETE FROM idempotency_records WHERE record_id IN
         (SELECT record_id FROM (SELECT record_id, created_at FROM idempotency_records ORDER BY record_id LIMIT ?) WHERE created_at < ?)
       RETURNING record_id`,
      limit,
      before,
    ).length;
  }
}

/**
 * The range of an account: of a principal, or of those that begin with it, where it ends with a colon. A semicolon is the
 * character after a colon, and no principal has a character before the space.
 */
function rangeOf(account: string): [string, string] {
  return [account, account.endsWith(":") ? `${account.slice(0, -1)};` : `${account} `];
}
