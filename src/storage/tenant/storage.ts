import { Database, type Synchronous } from "../database.ts";
import type { SqlDriver } from "../driver.ts";
import type { Migration } from "../migrations.ts";
import { type ActionReads, ActionsTable, type ActionWrites } from "./admin-actions.ts";
import { type PartitionReads, PartitionsTable, type PartitionWrites } from "./partitions.ts";
import { type TenantBucketReads, TenantBucketsTable, type TenantBucketWrites } from "./rate-buckets.ts";
import { type RevocationReads, RevocationsTable, type RevocationWrites } from "./revocations.ts";
import { type SettingsReads, SettingsTable, type SettingsWrites } from "./settings.ts";
import { type SubscriptionReads, SubscriptionsTable, type SubscriptionWrites } from "./subscriptions.ts";
import { type TicketReads, TicketsTable, type TicketWrites } from "./tickets.ts";

/** The reads of a tenant's storage, by table. */
interface TenantReads {
  readonly settings: SettingsReads;
  readonly revocations: RevocationReads;
  readonly partitions: PartitionReads;
  readonly subscriptions: SubscriptionReads;
  readonly tickets: TicketReads;
  readonly rateBuckets: TenantBucketReads;
  readonly actions: ActionReads;
}

/** The writes, by table. Only `TenantStorage.transaction` gives them. */
interface TenantWrites {
  readonly settings: SettingsWrites;
  readonly revocations: RevocationWrites;
  readonly partitions: PartitionWrites;
  readonly subscriptions: SubscriptionWrites;
  readonly tickets: TicketWrites;
  readonly rateBuckets: TenantBucketWrites;
  readonly actions: ActionWrites;
}

/** The storage of a tenant: its tables in one database, over either driver. Synchronous. */
export class TenantStorage implements TenantReads {
  declare readonly settings: SettingsReads;
  declare readonly revocations: RevocationReads;
  declare readonly partitions: PartitionReads;
  declare readonly subscriptions: SubscriptionReads;
  declare readonly tickets: TicketReads;
  declare readonly rateBuckets: TenantBucketReads;
  declare readonly actions: ActionReads;
  readonly #database: Database;
  readonly #writes: TenantWrites;

  constructor(driver: SqlDriver, migrations: readonly Migration[]) {
    const database = new Database(driver, migrations);
    const tables: TenantReads & TenantWrites = {
      settings: new SettingsTable(database),
      revocations: new RevocationsTable(database),
      partitions: new PartitionsTable(database),
      subscriptions: new SubscriptionsTable(database),
      tickets: new TicketsTable(database),
      rateBuckets: new TenantBucketsTable(database),
      actions: new ActionsTable(database),
    };
    this.#database = database;
    this.#writes = tables;
    Object.assign(this, tables);
  }

  /** A table that only a part of the Worker needs; it is written in transactions of this storage. */
  table<T>(Table: new (database: Database) => T): T {
    return new Table(this.#database);
  }

  /** Whether anything was ever written. */
  get exists(): boolean {
    return this.#database.exists;
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
  transaction<T>(now: number, body: (writes: TenantWrites) => Synchronous<T>): T {
    return this.#database.transaction(now, () => body(this.#writes));
  }
}
