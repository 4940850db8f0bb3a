import type { Database } from "../database.ts";

export interface LogIdentity {
  logId: string;
  tenant: string;
  partition: string;
}

export interface LogReads {
  /** The log's identity; undefined while nothing was ever written. */
  identity(): LogIdentity | undefined;
}

export interface LogWrites {
  create(log: LogIdentity, now: number): void;
}

/** The table `log` of migration 0001: one row. */
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

  create({ logId, tenant, partition }: LogIdentity, now: number): void {
    this.#database.write(
      "INSERT INTO log (singleton, log_id, tenant, partition, created_at) VALUES (1, ?, ?, ?, ?)",
      logId,
      tenant,
      partition,
      now,
    );
  }
}
