import type { Database } from "../database.ts";

export interface TenantBucketReads {
  find(name: string): { level: number; at: number } | undefined;
}

export interface TenantBucketWrites {
  /** Stores how many whole tokens are left at the time `at`. */
  save(name: string, level: number, at: number): void;
}

/** The table `rate_buckets` of the tenant's migration 0001. */
export class TenantBucketsTable implements TenantBucketReads, TenantBucketWrites {
  readonly #database: Database;

  constructor(database: Database) {
    this.#database = database;
  }

  find(name: string): { level: number; at: number } | undefined {
    const [row] = this.#database.read("SELECT level, at FROM rate_buckets WHERE name = ?", name);
    return row && { level: row["level"] as number, at: row["at"] as number };
  }

  save(name: string, level: number, at: number): void {
    this.#database.write("INSERT OR REPLACE INTO rate_buckets (name, level, at) VALUES (?, ?, ?)", name, level, at);
  }
}
