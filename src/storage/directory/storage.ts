import { Database, type Synchronous } from "../database.ts";
import type { SqlDriver } from "../driver.ts";
import type { Migration } from "../migrations.ts";
import { type CostReads, CostTable, type CostWrites } from "./costs.ts";
import { type CursorKeyReads, CursorKeyTable, type CursorKeyWrites } from "./cursor-key.ts";
import { type DirectoryReads, DirectoryTable, type DirectoryWrites } from "./partitions.ts";

/** The reads of a directory's storage, by table. */
interface Reads {
  readonly partitions: DirectoryReads;
  readonly cursorKey: CursorKeyReads;
  readonly costs: CostReads;
}

/** The writes, by table. Only `DirectoryStorage.transaction` gives them. */
interface Writes {
  readonly partitions: DirectoryWrites;
  readonly cursorKey: CursorKeyWrites;
  readonly costs: CostWrites;
}

/** The storage of a part of a tenant's directory: its tables in one database, over either driver. Synchronous. */
export class DirectoryStorage implements Reads {
  declare readonly partitions: DirectoryReads;
  declare readonly cursorKey: CursorKeyReads;
  declare readonly costs: CostReads;
  readonly #database: Database;
  readonly #writes: Writes;

  constructor(driver: SqlDriver, migrations: readonly Migration[]) {
    const database = new Database(driver, migrations);
    const tables: Reads & Writes = {
      partitions: new DirectoryTable(database),
      cursorKey: new CursorKeyTable(database),
      costs: new CostTable(database),
    };
    this.#database = database;
    this.#writes = tables;
    Object.assign(this, tables);
  }

  /**
   * Brings the schema up to date. Does nothing while nothing was ever written.
   *
   * @throws MigrationError where the schema is not one of ours.
   */
  open(now: number): void {
    this.#database.open(now);
  }

  /** Runs `body` in one transaction. If it throws, all of it is rolled back. The first write of all creates the schema. */
  transaction<T>(now: number, body: (writes: Writes) => Synchronous<T>): T {
    return this.#database.transaction(now, () => body(this.#writes));
  }
}
