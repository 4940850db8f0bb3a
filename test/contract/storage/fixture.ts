import type { BytesPort } from "../../../src/storage/bytes.ts";
import type { SqlDriver } from "../../../src/storage/driver.ts";
import type { Migration } from "../../../src/storage/migrations.ts";
import { PartitionStorage } from "../../../src/storage/partition/storage.ts";
import type { EventRow } from "../../../src/storage/port.ts";

/** What the contract suite needs of an adapter: a driver on an empty database for each test. */
export interface StorageFixture {
  withDriver<T>(test: (driver: SqlDriver) => T): Promise<T>;
  migrations: readonly Migration[];
  tenantMigrations: readonly Migration[];
  courierMigrations: readonly Migration[];
  bytes: BytesPort;
  /** The databases of test/fixtures/schemas/, as SQL text: at index 0 of schema 1. */
  schemas: { partition: readonly string[]; tenant: readonly string[]; courier: readonly string[] };
  gzip(bytes: Uint8Array): Uint8Array;
}

export const now = 1_700_000_000_000;

/** For `events.after`: as many bytes as there are. */
export const anyBytes = Number.MAX_SAFE_INTEGER;

export const event = (
  eventId: number,
  { payload = `{"n":${eventId}}`, ...more }: Partial<EventRow> = {},
): EventRow => ({
  eventId,
  principal: "dev:a",
  draftId: `d-${eventId}`,
  clientId: "a",
  type: "set",
  version: undefined,
  expectedEventId: undefined,
  timestamp: now + eventId,
  payload,
  payloadBytes: new TextEncoder().encode(payload).length,
  batchEnd: undefined,
  fingerprint: undefined,
  incarnation: "00000000000000aa",
  correlationId: undefined,
  hops: undefined,
  annotations: undefined,
  submitter: undefined,
  ...more,
});

export const rejection = (draftId: string, createdAt = now) => ({
  principal: "dev:a",
  draftId,
  fingerprint: new Uint8Array(32).fill(7),
  problem: '{"code":"validation_failed"}',
  createdAt,
  judgedAt: 7,
});

export const batch = (batchId: string) => ({
  principal: "dev:a",
  batchId,
  fingerprint: new Uint8Array(32).fill(9),
  firstEventId: 1,
  eventCount: 2,
});

export const snapshot = (eventId: number, stateBytes: number) => ({
  eventId,
  modelVersion: 1,
  modelTag: "m.1",
  stateBytes,
  logBytes: 5,
  createdAt: now,
});

/** Runs `test` with the storage of a partition on an empty database. */
export function withStorage<T>(
  fixture: StorageFixture,
  test: (storage: PartitionStorage, driver: SqlDriver) => T,
): Promise<T> {
  return fixture.withDriver((driver) => test(new PartitionStorage(driver, fixture.migrations, fixture.bytes), driver));
}

/** The names of the tables in a database, without those of SQLite and of the platform. */
export function tables(driver: SqlDriver): unknown[] {
  return driver
    .query(
      "SELECT name FROM sqlite_master WHERE type = 'table' AND name NOT LIKE 'sqlite_%' AND name NOT LIKE '\\_%' ESCAPE '\\'",
    )
    .map(({ name }) => name);
}
