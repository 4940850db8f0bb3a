import type { Revocation } from "../../platform/rpc.ts";
import type { Database } from "../database.ts";
import type { SqlRow } from "../driver.ts";

export interface RevocationReads {
  /** How many are stored. */
  count(): number;
  find(kind: Revocation["kind"], id: string): Revocation | undefined;
  /** The revocations of a token and of a subject that are in force at `now`. */
  of(tokenId: string, subject: string, now: number): Revocation[];
  /** Those in force at `now`, the latest first. */
  latest(now: number, limit: number): Revocation[];
  /** Those of changes after `seq` that are in force at `now`, in order. */
  after(seq: number, now: number): Revocation[];
}

export interface RevocationWrites {
  /** Stores a revocation as change `seq`; an earlier one of the same kind and id is replaced. */
  put(seq: number, revocation: Revocation): void;
  /** Deletes what is not in force at `now` any more. */
  sweep(now: number): void;
}

/** The table `revocations` of the tenant's migration 0001. */
export class RevocationsTable implements RevocationReads, RevocationWrites {
  readonly #database: Database;

  constructor(database: Database) {
    this.#database = database;
  }

  count(): number {
    const [row] = this.#database.read("SELECT count(*) AS count FROM revocations");
    return (row?.["count"] as number | undefined) ?? 0;
  }

  find(kind: Revocation["kind"], id: string): Revocation | undefined {
    const [row] = this.#database.read("SELECT * FROM revocations WHERE kind = ? AND id = ?", kind, id);
    return row && revocationOf(row);
  }

  of(tokenId: string, subject: string, now: number): Revocation[] {
    return this.#database
      .read(
        "SELECT * FROM revocations WHERE expires_at > ?1 AND ((kind = 'jti' AND id = ?2) OR (kind = 'sub' AND id = ?3))",
        now,
        tokenId,
        subject,
      )
      .map(revocationOf);
  }

  latest(now: number, limit: number): Revocation[] {
    return this.#database
      .read("SELECT * FROM revocations WHERE expires_at > ? ORDER BY seq DESC LIMIT ?", now, limit)
      .map(revocationOf);
  }

  after(seq: number, now: number): Revocation[] {
    return this.#database
      .read("SELECT * FROM revocations WHERE seq > ? AND expires_at > ? ORDER BY seq", seq, now)
      .map(revocationOf);
  }

  put(seq: number, { kind, id, at, expiresAt }: Revocation): void {
    this.#database.write(
      "INSERT OR REPLACE INTO revocations (seq, kind, id, at, expires_at) VALUES (?, ?, ?, ?, ?)",
      seq,
      kind,
      id,
      at,
      expiresAt,
    );
  }

  sweep(now: number): void {
    this.#database.write("DELETE FROM revocations WHERE expires_at <= ?", now);
  }
}

function revocationOf(row: SqlRow): Revocation {
  return {
    kind: row["kind"] as Revocation["kind"],
    id: row["id"] as string,
    at: row["at"] as number,
    expiresAt: row["expires_at"] as number,
  };
}
