import { sameBytes } from "./bytes.ts";
import type { SqlDriver, SqlRow, SqlValue } from "./driver.ts";
import { isMigrated, migrate, type Migration } from "./migrations.ts";
import type {
  BatchRow,
  BucketRow,
  DueKind,
  EventRow,
  LogIdentity,
  RejectionRow,
  SnapshotEncoding,
  SnapshotRow,
  Storage,
  StorageWrites,
} from "./port.ts";

/** What the storage computes with, given by the platform it is on. */
export interface BytesPort {
  sha256(bytes: Uint8Array): Uint8Array;
  /** Throws on bytes that are no gzip. */
  gunzip(bytes: Uint8Array): Uint8Array;
}

const insert = `INSERT INTO events
  (event_id, principal, draft_id, client_id, type, version, expected_event_id, timestamp, payload, batch_end)
  VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, CAST(?9 AS BLOB), ?10) ON CONFLICT (principal, draft_id) DO NOTHING`;
/** Buckets that are full again are thrown away at most so often. */
const bucketSweepMs = 60 * 1_000;
const encoder = new TextEncoder();
const decoder = new TextDecoder("utf-8", { fatal: true, ignoreBOM: true });

/** All SQL of a partition, over either driver. */
export class SqlStorage implements Storage, StorageWrites {
  readonly #driver: SqlDriver;
  readonly #migrations: readonly Migration[];
  readonly #bytes: BytesPort;
  #migrated: boolean;
  /** When the running transaction began. */
  #now = 0;
  /** When full buckets were last thrown away. */
  #bucketsSweptAt = 0;
  /** 0: no key is in a record of its own; undefined: not known. Never 0 while there is one. */
  #records: number | undefined;

  constructor(driver: SqlDriver, migrations: readonly Migration[], bytes: BytesPort) {
    this.#driver = driver;
    this.#migrations = migrations;
    this.#bytes = bytes;
    this.#migrated = isMigrated(driver);
  }

  open(now: number): void {
    if (this.#migrated) migrate(this.#driver, this.#migrations, now);
  }

  transaction<T>(now: number, body: (writes: StorageWrites) => T extends PromiseLike<unknown> ? never : T): T {
    try {
      return this.#driver.transaction(() => {
        this.#now = now;
        return body(this) as T;
      });
    } catch (error) {
      // The schema goes back with the rest of a first transaction.
      this.#migrated = isMigrated(this.#driver);
      throw error;
    }
  }

  log(): LogIdentity | undefined {
    const [row] = this.#read("SELECT log_id, tenant, partition FROM log");
    return (
      row && { logId: row["log_id"] as string, tenant: row["tenant"] as string, partition: row["partition"] as string }
    );
  }

  head(): { eventId: number; timestamp: number } {
    const [row] = this.#read("SELECT event_id, timestamp FROM events ORDER BY event_id DESC LIMIT 1");
    return row
      ? { eventId: row["event_id"] as number, timestamp: row["timestamp"] as number }
      : { eventId: 0, timestamp: 0 };
  }

  eventsAfter(eventId: number, limit: number): EventRow[] {
    return this.#read("SELECT * FROM events WHERE event_id > ? ORDER BY event_id LIMIT ?", eventId, limit).map(eventOf);
  }

  findEvent(principal: string, draftId: string): EventRow | undefined {
    const [row] = this.#read("SELECT * FROM events WHERE principal = ? AND draft_id = ?", principal, draftId);
    return row && eventOf(row);
  }

  findRejection(principal: string, draftId: string): RejectionRow | undefined {
    const [row] = this.#read(
      "SELECT * FROM idempotency_records WHERE principal = ? AND draft_id = ?",
      principal,
      draftId,
    );
    return (
      row && {
        recordId: row["record_id"] as number,
        principal: row["principal"] as string,
        draftId: row["draft_id"] as string,
        fingerprint: row["fingerprint"] as Uint8Array,
        problem: decoder.decode(row["problem"] as Uint8Array),
        createdAt: row["created_at"] as number,
      }
    );
  }

  findBatch(principal: string, batchId: string): BatchRow | undefined {
    const [row] = this.#read("SELECT * FROM batches WHERE principal = ? AND batch_id = ?", principal, batchId);
    return (
      row && {
        principal: row["principal"] as string,
        batchId: row["batch_id"] as string,
        fingerprint: row["fingerprint"] as Uint8Array,
        firstEventId: row["first_event_id"] as number,
        eventCount: row["event_count"] as number,
      }
    );
  }

  logBytesAfter(eventId: number): number {
    const [row] = this.#read(
      "SELECT coalesce(sum(length(payload)), 0) AS bytes FROM events WHERE event_id > ?",
      eventId,
    );
    return (row?.["bytes"] as number | undefined) ?? 0;
  }

  latestSnapshot(modelVersion: number, atMost = Number.MAX_SAFE_INTEGER): SnapshotRow | undefined {
    const [row] = this.#read(
      "SELECT * FROM snapshots WHERE model_version = ? AND event_id <= ? ORDER BY event_id DESC LIMIT 1",
      modelVersion,
      atMost,
    );
    return (
      row && {
        eventId: row["event_id"] as number,
        modelVersion: row["model_version"] as number,
        stateBytes: row["state_bytes"] as number,
        logBytes: row["log_bytes"] as number,
        createdAt: row["created_at"] as number,
      }
    );
  }

  snapshotState(eventId: number): string | undefined {
    const [row] = this.#read("SELECT state_bytes, sha256, encoding FROM snapshots WHERE event_id = ?", eventId);
    if (!row) return undefined;
    const chunks = this.#read("SELECT bytes FROM snapshot_chunks WHERE event_id = ? ORDER BY chunk", eventId).map(
      ({ bytes }) => bytes as Uint8Array,
    );
    const stored = new Uint8Array(chunks.reduce((sum, { length }) => sum + length, 0));
    let filled = 0;
    for (const chunk of chunks) {
      stored.set(chunk, filled);
      filled += chunk.length;
    }
    if (!sameBytes(this.#bytes.sha256(stored), row["sha256"] as Uint8Array)) return undefined;
    return decoder.decode(row["encoding"] === "gzip" ? this.#bytes.gunzip(stored) : stored);
  }

  dueBy(now: number): { kind: DueKind; dueAt: number }[] {
    return this.#read("SELECT kind, due_at FROM due_work WHERE due_at <= ? ORDER BY due_at", now).map((row) => ({
      kind: row["kind"] as DueKind,
      dueAt: row["due_at"] as number,
    }));
  }

  rejectionsOf(principal: string, atMost: number): number {
    const [row] = this.#read(
      "SELECT count(*) AS found FROM (SELECT 1 FROM idempotency_records WHERE principal = ? LIMIT ?)",
      principal,
      atMost,
    );
    return (row?.["found"] as number | undefined) ?? 0;
  }

  bucket(principal: string, scope: string): { level: number; at: number } | undefined {
    const [row] = this.#read("SELECT level, at FROM rate_buckets WHERE principal = ? AND scope = ?", principal, scope);
    return row && { level: row["level"] as number, at: row["at"] as number };
  }

  tenantLimits(): string | undefined {
    const [row] = this.#read("SELECT limits FROM tenant_limits");
    return row && decoder.decode(row["limits"] as Uint8Array);
  }

  oldestRejection(): number | undefined {
    const [row] = this.#read("SELECT created_at FROM idempotency_records ORDER BY record_id LIMIT 1");
    return row?.["created_at"] as number | undefined;
  }

  createLog(log: LogIdentity, now: number): void {
    this.#write("INSERT INTO log VALUES (1, ?, ?, ?, ?)", log.logId, log.tenant, log.partition, now);
  }

  appendEvent(event: EventRow): boolean {
    if (this.#hasRecords() && this.#isRecorded(event.principal, event.draftId)) return false;
    this.#prepare();
    return this.#driver.wrote(
      insert,
      event.eventId,
      event.principal,
      event.draftId,
      event.clientId,
      event.type,
      event.version ?? null,
      event.expectedEventId ?? null,
      event.timestamp,
      // JSON text has no NUL and no lone surrogate, and SQLite makes the same bytes of it.
      event.payload,
      event.batchEnd ?? null,
    );
  }

  #isRecorded(principal: string, key: string): boolean {
    const rows = this.#read(
      `SELECT 1 FROM idempotency_records WHERE principal = ?1 AND draft_id = ?2
       UNION ALL SELECT 1 FROM batches WHERE principal = ?1 AND batch_id = ?2`,
      principal,
      key,
    );
    return rows.length > 0;
  }

  /** Whether any key is in a record of its own; while none is, appending need not look there. */
  #hasRecords(): boolean {
    this.#records ??= this.#read(
      "SELECT EXISTS (SELECT 1 FROM idempotency_records) OR EXISTS (SELECT 1 FROM batches) AS found",
    )[0]?.["found"] as number | undefined;
    return this.#records !== 0;
  }

  recordBatch(batch: BatchRow): void {
    this.#records = 1;
    this.#write(
      "INSERT INTO batches VALUES (?, ?, ?, ?, ?)",
      batch.principal,
      batch.batchId,
      batch.fingerprint,
      batch.firstEventId,
      batch.eventCount,
    );
  }

  recordRejection(rejection: Omit<RejectionRow, "recordId">): number {
    this.#records = 1;
    const [row] = this.#write(
      `INSERT INTO idempotency_records (principal, draft_id, fingerprint, problem, created_at)
       VALUES (?, ?, ?, ?, ?) RETURNING record_id`,
      rejection.principal,
      rejection.draftId,
      rejection.fingerprint,
      encoder.encode(rejection.problem),
      rejection.createdAt,
    );
    return row!["record_id"] as number;
  }

  forgetRejection(recordId: number): void {
    this.#write("DELETE FROM idempotency_records WHERE record_id = ?", recordId);
  }

  sweepRejections(before: number, limit: number): number {
    return this.#write(
      `DELETE FROM idempotency_records WHERE record_id IN
         (SELECT record_id FROM (SELECT record_id, created_at FROM idempotency_records ORDER BY record_id LIMIT ?) WHERE created_at < ?)
       RETURNING record_id`,
      limit,
      before,
    ).length;
  }

  saveBucket({ principal, scope, level, at, fullAt }: BucketRow, now: number): void {
    // It looks at each of them: an index would be a billed row with each bucket.
    if (now - this.#bucketsSweptAt >= bucketSweepMs) {
      this.#write("DELETE FROM rate_buckets WHERE full_at <= ?", now);
      this.#bucketsSweptAt = now;
    }
    this.#write("INSERT OR REPLACE INTO rate_buckets VALUES (?, ?, ?, ?, ?)", principal, scope, level, at, fullAt);
  }

  keepTenantLimits(text: string): void {
    this.#write("INSERT OR REPLACE INTO tenant_limits VALUES (1, ?)", encoder.encode(text));
  }

  putSnapshotChunk(eventId: number, chunk: number, bytes: Uint8Array): void {
    this.#write("INSERT OR REPLACE INTO snapshot_chunks VALUES (?, ?, ?)", eventId, chunk, bytes);
  }

  completeSnapshot(snapshot: SnapshotRow, encoding: SnapshotEncoding, sha256: Uint8Array): void {
    this.#write("DELETE FROM snapshot_chunks WHERE event_id <> ?", snapshot.eventId);
    this.#write("DELETE FROM snapshots");
    this.#write(
      `INSERT INTO snapshots (event_id, model_version, state_bytes, log_bytes, sha256, created_at, encoding)
       VALUES (?, ?, ?, ?, ?, ?, ?)`,
      snapshot.eventId,
      snapshot.modelVersion,
      snapshot.stateBytes,
      snapshot.logBytes,
      sha256,
      snapshot.createdAt,
      encoding,
    );
  }

  schedule(kind: DueKind, at: number): void {
    this.#write(
      "INSERT INTO due_work VALUES (?, ?) ON CONFLICT (kind) DO UPDATE SET due_at = excluded.due_at",
      kind,
      at,
    );
  }

  unschedule(kind: DueKind): void {
    this.#write("DELETE FROM due_work WHERE kind = ?", kind);
  }

  /** The first write of all makes the schema: a transaction that comes to write nothing leaves nothing. */
  #prepare(): void {
    if (this.#migrated) return;
    migrate(this.#driver, this.#migrations, this.#now);
    this.#migrated = true;
  }

  #write(sql: string, ...values: SqlValue[]): SqlRow[] {
    this.#prepare();
    return this.#driver.write(sql, ...values);
  }

  /** A read of our tables: empty while they do not exist. */
  #read(sql: string, ...values: (string | number)[]): SqlRow[] {
    return this.#migrated ? this.#driver.query(sql, ...values) : [];
  }
}

function eventOf(row: SqlRow): EventRow {
  const payload = row["payload"] as Uint8Array;
  return {
    eventId: row["event_id"] as number,
    principal: row["principal"] as string,
    draftId: row["draft_id"] as string,
    clientId: row["client_id"] as string,
    type: row["type"] as string,
    version: (row["version"] as number | null) ?? undefined,
    expectedEventId: (row["expected_event_id"] as number | null) ?? undefined,
    timestamp: row["timestamp"] as number,
    payload: decoder.decode(payload),
    payloadBytes: payload.length,
    batchEnd: (row["batch_end"] as number | null) ?? undefined,
  };
}
