import { Database, type Synchronous } from "../database.ts";
import type { SqlDriver } from "../driver.ts";
import type { Migration } from "../migrations.ts";
import { type BreakerReads, BreakerTable, type BreakerWrites } from "./breaker.ts";
import { DeliveriesTable, type DeliveryReads, type DeliveryWrites } from "./deliveries.ts";
import { type HandedReads, HandedTable, type HandedWrites } from "./handed.ts";

/** The reads of a courier's storage, by table. */
interface CourierReads {
  readonly deliveries: DeliveryReads;
  readonly handed: HandedReads;
  readonly breaker: BreakerReads;
}

/** The writes, by table. Only `CourierStorage.transaction` gives them. */
export interface CourierWrites {
  readonly deliveries: DeliveryWrites;
  readonly handed: HandedWrites;
  readonly breaker: BreakerWrites;
}

/** The storage of a courier: its tables in one database, over either driver. Synchronous. */
export class CourierStorage implements CourierReads {
  declare readonly deliveries: DeliveryReads;
  declare readonly handed: HandedReads;
  declare readonly breaker: BreakerReads;
  readonly #database: Database;
  readonly #writes: CourierWrites;

  constructor(driver: SqlDriver, migrations: readonly Migration[]) {
    const database = new Database(driver, migrations);
    const tables: CourierReads & CourierWrites = {
      deliveries: new DeliveriesTable(database),
      handed: new HandedTable(database),
      breaker: new BreakerTable(database),
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
  transaction<T>(now: number, body: (writes: CourierWrites) => Synchronous<T>): T {
    return this.#database.transaction(now, () => body(this.#writes));
  }
}
