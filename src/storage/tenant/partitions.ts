import type { Database } from "../database.ts";

export interface PartitionReads {
  has(name: string): boolean;
}

export interface PartitionWrites {
  add(name: string, now: number): void;
}

/** The table `partitions` of the tenant's migration 0001: the partitions that were ever written. */
export class PartitionsTable implements PartitionReads, PartitionWrites {
  readonly #database: Database;

  constructor(database: Database) {
    this.#database = database;
  }

  has(name: string): boolean {
    return this.#database.read("SELECT 1 FROM partitions WHERE name = ?", name).length > 0;
  }

  add(name: string, now: number): void {
    this.#database.write("INSERT OR IGNORE INTO partitions (name, created_at) VALUES (?, ?)", name, now);
  }
}
