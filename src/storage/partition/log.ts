import type { Database } from "../database.ts";

export interface LogIdentity {
  logId: string;
  tenant: string;
  partition: string;
}

export interface LogReads {
  /** The log's identity; undefined while nothing was ever written. */
  identity(): LogIdentity | undefined;
  /** What pseudonyms of authors derive from; undefined: there is none yet. */
  authorSecret(): string | undefined;
}

export interface LogWrites {
  /** `authorSecret`: undefined where no pseudonyms are made. */
  create(log: LogIdentity, now: number, authorSecret?: string): void;
  /** Gives the log its secret. It must have none. */
  keepAuthorSecret(secret: string): void;
}

/** The table `log` of migration 0001: one row; `author_secret` is of 0006. */
export class LogTable implements LogReads, LogWrites {
  readonly #database: Database;

  constructor(database: Database) {
    this.#database = database;
  }

  identity(): LogIdentity | undefined {
    const [row] = this.#database.read("SELECT log_id, tenant, partition FROM log");
    return (
      row && { logId: row["log_id"] as string, tenant: row["tenant"] as string, partition: row["partition"] as string }
    );
  }

  authorSecret(): string | undefined {
    const [row] = this.#database.read("SELECT author_secret FROM log");
    return (row?.["author_secret"] as string | null | undefined) ?? undefined;
  }

  create({ logId, tenant, partition }: LogIdentity, now: number, authorSecret?: string): void {
    this.#database.write(
      "INSERT INTO log (singleton, log_id, tenant, partition, created_at, author_secret) VALUES (1, ?, ?, ?, ?, ?)",
      logId,
      tenant,
      partition,
      now,
      authorSecret ?? null,
    );
  }

  keepAuthorSecret(secret: string): void {
    this.#database.write("UPDATE log SET author_secret = ? WHERE author_secret IS NULL", secret);
  }
}
