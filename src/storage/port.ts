/** An event as it is stored. */
export interface EventRow {
  eventId: number;
  principal: string;
  draftId: string;
  clientId: string;
  type: string;
  /** As submitted; absent means 1. */
  version: number | undefined;
  /** As submitted. */
  expectedEventId: number | undefined;
  /** Milliseconds since 1970. */
  timestamp: number;
  /** JSON text, as it goes out. */
  payload: string;
  /** UTF-8 bytes of `payload`: asked for by each connection that counts what it was sent. */
  payloadBytes: number;
  /** The last event of the atomic batch it belongs to; undefined outside one. */
  batchEnd: number | undefined;
}

/** An accepted atomic batch. */
export interface BatchRow {
  principal: string;
  batchId: string;
  /** SHA-256 of the canonical content of the whole. */
  fingerprint: Uint8Array;
  firstEventId: number;
  eventCount: number;
}

/** A stored rejection. */
export interface RejectionRow {
  recordId: number;
  principal: string;
  draftId: string;
  /** SHA-256 of the canonical content. */
  fingerprint: Uint8Array;
  /** JSON text of the problem, as it went out; of a batch, of its results. */
  problem: string;
  createdAt: number;
}

export interface SnapshotRow {
  /** The state is the one after this event. */
  eventId: number;
  modelVersion: number;
  /** UTF-8 bytes of the state as JSON text. */
  stateBytes: number;
  /** Payload bytes of all events up to `eventId`. */
  logBytes: number;
  createdAt: number;
}

/** How much of a rate a principal has left. */
export interface BucketRow {
  principal: string;
  /** "" for all drafts, or an event type. */
  scope: string;
  /** Whole tokens. */
  level: number;
  /** When that was, in milliseconds since 1970. */
  at: number;
  /** From then on the row says nothing. */
  fullAt: number;
}

/** How the bytes of a snapshot are stored. */
export type SnapshotEncoding = "identity" | "gzip";

/** The kinds of work that the alarm does, each at most once in the table. */
export type DueKind = "sweep_records" | "sweep_sockets" | "snapshot";

export interface LogIdentity {
  logId: string;
  tenant: string;
  partition: string;
}

/** The reads of the storage. Each is one point in time; nothing can come between two of one turn. */
export interface StorageReads {
  /** The log's identity; undefined while nothing was ever written. */
  log(): LogIdentity | undefined;
  /** The last event's id and time; zeros while there is none. */
  head(): { eventId: number; timestamp: number };
  /** Events after `eventId` in order, at most `limit`. */
  eventsAfter(eventId: number, limit: number): EventRow[];
  findEvent(principal: string, draftId: string): EventRow | undefined;
  findBatch(principal: string, batchId: string): BatchRow | undefined;
  findRejection(principal: string, draftId: string): RejectionRow | undefined;
  /** Payload bytes of all events after `eventId`. */
  logBytesAfter(eventId: number): number;
  /** The newest snapshot at or before `atMost`, without its state. */
  latestSnapshot(modelVersion: number, atMost?: number): SnapshotRow | undefined;
  /** The state of the snapshot at `eventId`; undefined if a byte of it is missing or wrong. */
  snapshotState(eventId: number): string | undefined;
  /** What is to be done by `now`, earliest first. */
  dueBy(now: number): { kind: DueKind; dueAt: number }[];
  /** How many rejections of this principal are stored; counted up to `atMost`. */
  rejectionsOf(principal: string, atMost: number): number;
  bucket(principal: string, scope: string): { level: number; at: number } | undefined;
  /** What the tenant has set, as JSON text; undefined: nothing was kept. */
  tenantLimits(): string | undefined;
  /** When the oldest stored rejection was made. */
  oldestRejection(): number | undefined;
}

/** The writes: to be had only inside `Storage.transaction`. */
export interface StorageWrites {
  createLog(log: LogIdentity, now: number): void;
  /** Appends, unless the key was used before: then nothing is written and the answer is false. */
  appendEvent(event: EventRow): boolean;
  /** Stores what an atomic batch became. */
  recordBatch(batch: BatchRow): void;
  /** Stores a rejection and returns its record id. */
  recordRejection(rejection: Omit<RejectionRow, "recordId">): number;
  forgetRejection(recordId: number): void;
  /** Deletes up to `limit` of the oldest rejections made before `before`; returns how many. */
  sweepRejections(before: number, limit: number): number;
  /** Stores what is left of a rate, and once in a while drops the rows that say nothing any more by `now`. */
  saveBucket(bucket: BucketRow, now: number): void;
  keepTenantLimits(text: string): void;
  /** Stores a piece of a snapshot that is being made: nobody sees it before `completeSnapshot`. */
  putSnapshotChunk(eventId: number, chunk: number, bytes: Uint8Array): void;
  /** Makes a snapshot of its chunks, whose SHA-256 all together is `sha256`, and drops every other one. */
  completeSnapshot(snapshot: SnapshotRow, encoding: SnapshotEncoding, sha256: Uint8Array): void;
  /** Makes `kind` due at `at`, whatever it was. */
  schedule(kind: DueKind, at: number): void;
  unschedule(kind: DueKind): void;
}

/**
 * The storage of one partition: the only I/O of the core. Synchronous; its errors are the
 * platform's own, and mean: outcome unknown.
 */
export interface Storage extends StorageReads {
  /**
   * Brings the schema up to date. Does nothing while nothing was ever written.
   *
   * @throws MigrationError where the schema is not one of ours.
   */
  open(now: number): void;
  /**
   * Runs `body` in one transaction. A throw takes all of it back. A promise is refused: what it
   * did before its first await would stay. The first write of all creates the schema.
   */
  transaction<T>(now: number, body: (writes: StorageWrites) => T extends PromiseLike<unknown> ? never : T): T;
}
