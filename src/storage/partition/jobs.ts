import type { Database } from "../database.ts";

/** The kinds of internal due work, each at most once in the table. */
export type JobKind = "sweep_records" | "sweep_sockets" | "snapshot";

export interface JobReads {
  /** The jobs that are due at `now`, earliest first. */
  dueBy(now: number): { kind: JobKind; dueAt: number }[];
}

export interface JobWrites {
  /** Makes `kind` due at `dueAt`, also if it has another time already. */
  put(kind: JobKind, dueAt: number): void;
  remove(kind: JobKind): void;
}

/** The table `due_work` of migration 0001. */
export class JobsTable implements JobReads, JobWrites {
  readonly #database: Database;

  constructor(database: Database) {
    this.#database = database;
  }

  dueBy(now: number): { kind: JobKind; dueAt: number }[] {
    return this.#database
      .read("SELECT kind, due_at FROM due_work WHERE due_at <= ? ORDER BY due_at", now)
      .map((row) => ({
        kind: row["kind"] as JobKind,
        dueAt: row["due_at"] as number,
      }));
  }

  put(kind: JobKind, dueAt: number): void {
    this.#database.write(
      "INSERT INTO due_work VALUES (?, ?) ON CONFLICT (kind) DO UPDATE SET due_at = excluded.due_at",
      kind,
      dueAt,
    );
  }

  remove(kind: JobKind): void {
    this.#database.write("DELETE FROM due_work WHERE kind = ?", kind);
  }
}
