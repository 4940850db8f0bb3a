import type { BytesPort } from "../bytes.ts";
import { Database, type Synchronous } from "../database.ts";
import type { SqlDriver } from "../driver.ts";
import type { Migration } from "../migrations.ts";
import type { Storage, StorageReads, StorageWrites } from "../port.ts";
import { AuditTable } from "./audit.ts";
import { BatchesTable } from "./batches.ts";
import { EventsTable } from "./events.ts";
import { DeadLettersTable } from "./dead-letters.ts";
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
  readonly log: StorageReads["log"];
  readonly events: StorageReads["events"];
  readonly rejections: StorageReads["rejections"];
  readonly batches: StorageReads["batches"];
  readonly snapshots: StorageReads["snapshots"];
  readonly jobs: StorageReads["jobs"];
  readonly timers: StorageReads["timers"];
  readonly outbox: StorageReads["outbox"];
  readonly deadLetters: StorageReads["deadLetters"];
  readonly rateBuckets: StorageReads["rateBuckets"];
  readonly tenantLimits: StorageReads["tenantLimits"];
  readonly audit: StorageReads["audit"];
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
      deadLetters: new DeadLettersTable(database),
      rateBuckets: new RateBucketsTable(database),
      tenantLimits: new TenantLimitsTable(database),
      audit: new AuditTable(database),
    };
    this.#database = database;
    this.#writes = tables;
    this.log = tables.log;
    this.events = tables.events;
    this.rejections = tables.rejections;
    this.batches = tables.batches;
    this.snapshots = tables.snapshots;
    this.jobs = tables.jobs;
    this.timers = tables.timers;
    this.outbox = tables.outbox;
    this.deadLetters = tables.deadLetters;
    this.rateBuckets = tables.rateBuckets;
    this.tenantLimits = tables.tenantLimits;
    this.audit = tables.audit;
  }

  open(now: number): void {
    this.#database.open(now);
  }

  transaction<T>(now: number, body: (writes: StorageWrites) => Synchronous<T>): T {
    return this.#database.transaction(now, () => body(this.#writes));
  }
}
