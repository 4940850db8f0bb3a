import type { Synchronous } from "./database.ts";
import type { Database } from "./database.ts";
import type { BatchReads, BatchWrites } from "./partition/batches.ts";
import type { EventReads, EventWrites } from "./partition/events.ts";
import type { JobReads, JobWrites } from "./partition/jobs.ts";
import type { LogReads, LogWrites } from "./partition/log.ts";
import type { OutboxReads, OutboxWrites } from "./partition/outbox.ts";
import type { BucketReads, BucketWrites } from "./partition/rate-buckets.ts";
import type { RejectionReads, RejectionWrites } from "./partition/rejections.ts";
import type { SnapshotReads, SnapshotWrites } from "./partition/snapshots.ts";
import type { TenantLimitsReads, TenantLimitsWrites } from "./partition/tenant-limits.ts";
import type { TimerReads, TimerWrites } from "./partition/timers.ts";

export { Damage } from "./damage.ts";
export type { Synchronous } from "./database.ts";
export type { BatchRow } from "./partition/batches.ts";
export { annotatedBytes } from "./partition/annotations.ts";
export { correlationIdOf, type EventOrigin, type EventRow, type FoldedRow, submitterOf } from "./partition/events.ts";
export type { DeadLetterRow } from "./partition/dead-letters.ts";
export type { JobKind, JobRow } from "./partition/jobs.ts";
export {
  effectIdOf,
  type OutboxKey,
  type OutboxKind,
  type OutboxRow,
  type StoredEffect,
  type WaitingEffect,
} from "./partition/outbox.ts";
export { AuditTable } from "./partition/audit.ts";
export { DeadLettersTable } from "./partition/dead-letters.ts";
export type { RejectionFilter, RejectionRow, RejectionTotals } from "./partition/rejections.ts";
export type { Recurrence, TimerRow } from "./partition/timers.ts";
export type { SnapshotEncoding, SnapshotRow } from "./partition/snapshots.ts";

/** The reads of the storage, by table. Nothing can be written between two reads of one turn. */
export interface StorageReads {
  readonly log: LogReads;
  readonly events: EventReads;
  readonly rejections: RejectionReads;
  readonly batches: BatchReads;
  readonly snapshots: SnapshotReads;
  readonly jobs: JobReads;
  readonly timers: TimerReads;
  readonly outbox: OutboxReads;
  readonly rateBuckets: BucketReads;
  readonly tenantLimits: TenantLimitsReads;
}

/** The writes, by table. Only `Storage.transaction` gives them. */
export interface StorageWrites {
  readonly log: LogWrites;
  readonly events: EventWrites;
  readonly rejections: RejectionWrites;
  readonly batches: BatchWrites;
  readonly snapshots: SnapshotWrites;
  readonly jobs: JobWrites;
  readonly timers: TimerWrites;
  readonly outbox: OutboxWrites;
  readonly rateBuckets: BucketWrites;
  readonly tenantLimits: TenantLimitsWrites;
}

/**
 * The storage of one partition: the only I/O of the core. Synchronous; its errors are the
 * platform's own, and mean: outcome unknown.
 */
export interface Storage extends StorageReads {
  /** A table that only a part of the Worker needs; it is written in transactions of this storage. */
  table<T>(Table: new (database: Database) => T): T;
  /**
   * Brings the schema up to date. Does nothing while nothing was ever written.
   *
   * @throws MigrationError where the schema is not one of ours.
   */
  open(now: number): void;
  /**
   * Runs `body` in one transaction. If it throws, all of it is rolled back. A promise is refused: what
   * it wrote before its first await would stay. The first write of all creates the schema.
   */
  transaction<T>(now: number, body: (writes: StorageWrites) => Synchronous<T>): T;
}
