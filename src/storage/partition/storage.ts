import type { BytesPort } from "../bytes.ts";
import { Database, type Synchronous } from "../database.ts";
import type { SqlDriver } from "../driver.ts";
import type { Migration } from "../migrations.ts";
import type { Storage, StorageReads, StorageWrites } from "../port.ts";
import { BatchesTable } from "./batches.ts";
import { EventsTable } from "./events.ts";
import { JobsTable } from "./jobs.ts";
import { LogTable } from "./log.ts";
import { OutboxTable } from "./outbox.ts";
import { RateBucketsTable } from "./rate-buckets.ts";
import { RecordedKeys } from "./recorded-keys.ts";
import { RejectionsTable } from "./rejections.ts";
import { SnapshotsTable } from "./snapshots.ts";
import { TenantLimitsTable } from "./tenant-limits.ts";
import { TimersTable } from "./timers.ts";

/** The storage of a partition: its tables in one database, over either driver. */
export class PartitionStorage implements Storage {
  declare readonly log: StorageReads["log"];
  declare readonly events: StorageReads["events"];
  declare readonly rejections: StorageReads["rejections"];
  declare readonly batches: StorageReads["batches"];
  declare readonly snapshots: StorageReads["snapshots"];
  declare readonly jobs: StorageReads["jobs"];
  declare readonly timers: StorageReads["timers"];
  declare readonly outbox: StorageReads["outbox"];
  declare readonly rateBuckets: StorageReads["rateBuckets"];
  declare readonly tenantLimits: StorageReads["tenantLimits"];
  readonly #database: Database;
  readonly #writes: StorageWrites;

  constructor(driver: SqlDriver, migrations: readonly Migration[], bytes: BytesPort) {
    const database = new Database(driver, migrations);
    const recordedKeys = new RecordedKeys(database);
    const tables: StorageReads & StorageWrites = {
      log: new LogTable(database),
      events: new EventsTable(database, recordedKeys),
      rejections: new RejectionsTable(database, recordedKeys),
      batches: new BatchesTable(database, recordedKeys),
      snapshots: new SnapshotsTable(database, bytes),
      jobs: new JobsTable(database),
      timers: new TimersTable(database),
      outbox: new OutboxTable(database),
      rateBuckets: new RateBucketsTable(database),
      tenantLimits: new TenantLimitsTable(database),
    };
    this.#database = database;
    this.#writes = tables;
    Object.assign(this, tables);
  }

  table<T>(Table: new (database: Database) => T): T {
    return new Table(this.#database);
  }

  open(now: number): void {
    this.#database.open(now);
  }

  transaction<T>(now: number, body: (writes: StorageWrites) => Synchronous<T>): T {
    return this.#database.transaction(now, () => body(this.#writes));
  }
}
