import type { Database } from "../database.ts";
import type { SqlRow } from "../driver.ts";
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
  /** The last event of the state that it was judged on; undefined on rejections before migration 0011. */
  judgedAt: number | undefined;
}

/** Which rejections are looked for; what is absent is any. */
export interface RejectionFilter {
  readonly principal?: string | undefined;
  readonly draftId?: string | undefined;
  readonly traceId?: string | undefined;
}

/** Rejections that were found, the newest first, and the record id down to which all were looked at. */
export interface FoundRejections {
  readonly rows: readonly RejectionRow[];
  /** 1: there are no older ones. */
  readonly scannedTo: number;
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
  /** At most `limit` of the newest rejections before the record id `before`; it looks at `scan` rows. */
  search(filter: RejectionFilter, before: number, scan: number, limit: number): FoundRejections;
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

/** The table `idempotency_records` of migration 0001; `judged_at` is of 0011. */
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
    return row && rejectionOf(row);
  }

  search(
    { principal, draftId, traceId }: RejectionFilter,
    before: number,
    scan: number,
    limit: number,
  ): FoundRejections {
    const [end] = this.#database.read(
      `SELECT min(record_id) AS first, count(*) AS count FROM
         (SELECT record_id FROM idempotency_records WHERE record_id < ? ORDER BY record_id DESC LIMIT ?)`,
      before,
      scan,
    );
    const first = (end?.["first"] as number | null | undefined) ?? 1;
    const rows = this.#database
      .read(
        `SELECT * FROM idempotency_records WHERE record_id >= ?1 AND record_id < ?2
           AND (?3 IS NULL OR principal = ?3) AND (?4 IS NULL OR draft_id = ?4)
           AND (?5 IS NULL OR instr(problem, CAST(?5 AS BLOB)) > 0)
         ORDER BY record_id DESC LIMIT ?6`,
        first,
        before,
        principal ?? null,
        draftId ?? null,
        traceId === undefined ? null : `"traceId":"${traceId}"`,
        limit,
      )
      .map(rejectionOf);
    if (rows.length === limit) return { rows, scannedTo: rows.at(-1)!.recordId };
    return { rows, scannedTo: end?.["count"] === scan ? first : 1 };
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
    this.#recordedKeys.added(rejection.principal, rejection.draftId);
    const [row] = this.#database.write(
      `INSERT INTO idempotency_records (principal, draft_id, fingerprint, problem, created_at, judged_at)
       VALUES (?, ?, ?, ?, ?, ?) RETURNING record_id`,
      rejection.principal,
      rejection.draftId,
      rejection.fingerprint,
      bytesOf(rejection.problem),
      rejection.createdAt,
      rejection.judgedAt ?? null,
    );
    return row!["record_id"] as number;
  }

  forget(recordId: number): void {
    this.#recordedKeys.know();
    this.#database.write("DELETE FROM idempotency_records WHERE record_id = ?", recordId);
  }

  forgetOldest(accounts: readonly string[], limit: number): void {
    this.#recordedKeys.know();
    const ranges = accounts.map(() => "(principal >= ? AND principal < ?)").join(" OR ");
    this.#database.write(
      `DELETE FROM idempotency_records WHERE record_id IN
         (SELECT record_id FROM idempotency_records WHERE ${ranges} ORDER BY record_id LIMIT ?)`,
      ...accounts.flatMap(rangeOf),
      limit,
    );
  }

  sweep(before: number, limit: number): number {
    this.#recordedKeys.know();
    return this.#database.write(
      `DELETE FROM idempotency_records WHERE record_id IN
         (SELECT record_id FROM (SELECT record_id, created_at FROM idempotency_records ORDER BY record_id LIMIT ?) WHERE created_at < ?)
       RETURNING record_id`,
      limit,
      before,
    ).length;
  }
}

function rejectionOf(row: SqlRow): RejectionRow {
  return {
    recordId: row["record_id"] as number,
    principal: row["principal"] as string,
    draftId: row["draft_id"] as string,
    fingerprint: row["fingerprint"] as Uint8Array,
    problem: jsonTextOf(row["problem"]),
    createdAt: row["created_at"] as number,
    judgedAt: (row["judged_at"] as number | null) ?? undefined,
  };
}

/**
 * The range of an account: of a principal, or of those that begin with it, where it ends with a colon. A semicolon is the
 * character after a colon, and no principal has a character before the space.
 */
function rangeOf(account: string): [string, string] {
  return [account, account.endsWith(":") ? `${account.slice(0, -1)};` : `${account} `];
}
