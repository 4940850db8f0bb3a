import type { Database } from "../database.ts";
import type { SqlRow } from "../driver.ts";

/** The kinds of internal due work. */
export type JobKind =
  | "sweep_records"
  | "sweep_sockets"
  | "snapshot"
  | "end_drain"
  | "rebuild"
  | "seal"
  | "deliver"
  | "redeliver"
  | "verify";

/** A job that is due at a time. */
export interface JobRow {
  kind: JobKind;
  /** Tells jobs of one kind apart; "" where there is only one. */
  key: string;
  /** Milliseconds since 1970. */
  dueAt: number;
  /** Failed attempts since the last that succeeded. */
  attempts: number;
}

export interface JobReads {
  /** All jobs, earliest first. */
  all(): JobRow[];
}

export interface JobWrites {
  /** Stores a job; one of the same kind and key is replaced. */
  put(job: JobRow): void;
  remove(kind: JobKind, key: string): void;
}

/** The table `jobs` of migration 0005. */
export class JobsTable implements JobReads, JobWrites {
  readonly #database: Database;

  constructor(database: Database) {
    this.#database = database;
  }

  all(): JobRow[] {
    return this.#database.read("SELECT * FROM jobs ORDER BY due_at, kind, key").map(jobOf);
  }

  put({ kind, key, dueAt, attempts }: JobRow): void {
    this.#database.write(
      "INSERT OR REPLACE INTO jobs (kind, key, due_at, attempts) VALUES (?, ?, ?, ?)",
      kind,
      key,
      dueAt,
      attempts,
    );
  }

  remove(kind: JobKind, key: string): void {
    this.#database.write("DELETE FROM jobs WHERE kind = ? AND key = ?", kind, key);
  }
}

function jobOf(row: SqlRow): JobRow {
  return {
    kind: row["kind"] as JobKind,
    key: row["key"] as string,
    dueAt: row["due_at"] as number,
    attempts: row["attempts"] as number,
  };
}
