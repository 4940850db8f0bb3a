import { describe, expect, it } from "vitest";
import type { SqlDriver } from "../../../src/storage/driver.ts";
import { migrate } from "../../../src/storage/migrations.ts";
import { PartitionStorage } from "../../../src/storage/partition/storage.ts";
import { TenantStorage } from "../../../src/storage/tenant/storage.ts";
import { anyBytes, event, now, type StorageFixture } from "./fixture.ts";

/** When the databases were written. */
const then = 1_699_999_000_000;
/** The incarnation that wrote the events of schema 5. */
const writer = "9f86d081884c7d65";
const payloads = [
  '{"target":"title","value":"Größe 😀 \\u0000"}',
  '{"target":"count","value":1}',
  '{"value":"reversed members","target":"note"}',
  '{"target":"m-1","value":4}',
  '{"target":"m-2","value":5}',
];
const keys = [
  ["dev:alice", "d-1"],
  ["dev:bob", "d-1"],
  ["dev:alice", "d-2"],
  ["dev:alice", "m-1"],
  ["dev:alice", "m-2"],
] as const;

/** Databases of earlier schemas, each opened with all migrations. */
export function schemasSuite(fixture: StorageFixture): void {
  const load = (driver: SqlDriver, text: string) => driver.transaction(() => driver.script(text));

  describe.each(numbered(fixture.schemas.partition))("a partition of schema $schema", ({ schema, text }) => {
    const withOld = (test: (storage: PartitionStorage, driver: SqlDriver) => void) =>
      fixture.withDriver((driver) => {
        load(driver, text);
        const storage = new PartitionStorage(driver, fixture.migrations, fixture.bytes);
        storage.open(now);
        test(storage, driver);
      });

    it("[LC-3] [MD-4] [TX-8] keeps its log in the same bytes, and accepts new events", () =>
      withOld((storage, driver) => {
        const count = schema === 1 ? 3 : 5;
        const rows = storage.events.after(0, 9, anyBytes);
        expect(rows.map(({ payload }) => payload)).toEqual(payloads.slice(0, count));
        expect(rows.map(({ principal, draftId }) => [principal, draftId])).toEqual(keys.slice(0, count));
        expect(rows.map(({ version, expectedEventId }) => [version, expectedEventId]).slice(0, 3)).toEqual([
          [undefined, undefined],
          [undefined, 1],
          [1, undefined],
        ]);
        expect(rows.map(({ batchEnd }) => batchEnd)).toEqual([undefined, undefined, undefined, 5, 5].slice(0, count));
        for (const { fingerprint, incarnation, correlationId } of rows) {
          expect([fingerprint, incarnation, correlationId]).toEqual([
            undefined,
            schema < 5 ? undefined : writer,
            undefined,
          ]);
        }
        expect(storage.log.identity()).toMatchObject({ tenant: "default", partition: "room" });
        expect(storage.log.authorSecret()).toBeUndefined();
        const next = event(count + 1, { fingerprint: new Uint8Array(32), correlationId: "c" });
        storage.transaction(now, (writes) => expect(writes.events.append(next)).toBe(true));
        expect(storage.events.after(count, 9, anyBytes)).toEqual([next]);
        expect(driver.query("SELECT number FROM schema_migrations")).toHaveLength(fixture.migrations.length);
      }));

    it("[LC-3] [ID-8] [ID-9] has every key that was used", () =>
      withOld((storage) => {
        storage.transaction(now, (writes) => {
          const used = [...storage.events.after(0, 9, anyBytes), { principal: "dev:bob", draftId: "r-1" }];
          if (schema > 1)
            used.push({ principal: "dev:alice", draftId: "b-1" }, { principal: "dev:bob", draftId: "b-2" });
          for (const { principal, draftId } of used) {
            expect(writes.events.append(event(99, { principal, draftId }))).toBe(false);
          }
        });
        expect(storage.rejections.find("dev:bob", "r-1")).toMatchObject({
          recordId: 1,
          problem: expect.stringContaining('"detail":"An earlier wording – kept as it was."'),
          createdAt: then + 10,
        });
        if (schema > 1) {
          expect(storage.batches.find("dev:alice", "b-1")).toMatchObject({ firstEventId: 4, eventCount: 2 });
          expect(storage.rejections.find("dev:bob", "b-2")?.problem).toContain('"kind":"not_processed"');
        }
      }));

    it("[LC-3] [TX-8] has its snapshot, which has no tag and is identified by the version", () =>
      withOld((storage) => {
        expect(storage.snapshots.latest(1, "insieme.1")).toEqual({
          eventId: 2,
          modelVersion: 1,
          modelTag: schema < 5 ? undefined : "insieme.1",
          stateBytes: 57,
          logBytes: 76,
          createdAt: then + 5,
        });
        expect(storage.snapshots.latest(2, "insieme.2")).toBeUndefined();
        expect(storage.snapshots.state(2)).toBe('{"title":"Größe 😀 \\u0000","count":1,"snapshot":true}');
      }));

    it("[LC-3] has its jobs", () =>
      withOld((storage, driver) => {
        expect(storage.jobs.all()).toEqual([
          { kind: "sweep_sockets", key: "", dueAt: then + 600_000, attempts: 0 },
          { kind: "sweep_records", key: "", dueAt: then + 10 + 30 * 86_400_000, attempts: 0 },
        ]);
        expect(driver.query("SELECT 1 FROM sqlite_master WHERE name = 'due_work'")).toEqual([]);
      }));

    it("[LC-3] [AU-5] has the rates and the tenant's limits that were stored", () =>
      withOld((storage) => {
        const stored = schema >= 4;
        expect(storage.rateBuckets.find("dev:alice", "")).toEqual(stored ? { level: 7, at: then + 5 } : undefined);
        expect(storage.rateBuckets.find("dev:alice", "set")).toEqual(stored ? { level: -2, at: then + 5 } : undefined);
        expect(storage.tenantLimits.get()).toBe(stored ? '{"principal":{"perSecond":1,"burst":9}}' : undefined);
      }));
  });

  describe("the schema of every version after all migrations", () => {
    const migrated = (driver: SqlDriver, text?: string) => {
      if (text !== undefined) load(driver, text);
      migrate(driver, fixture.migrations, now);
    };
    const old = <T>(test: (driver: SqlDriver) => T) =>
      Promise.all(
        fixture.schemas.partition.map((text) =>
          fixture.withDriver((driver) => {
            migrated(driver, text);
            return test(driver);
          }),
        ),
      );
    const fresh = <T>(test: (driver: SqlDriver) => T) =>
      fixture.withDriver((driver) => {
        migrated(driver);
        return test(driver);
      });

    it("[LC-3] is the same, except for the table of events that was there", async () => {
      const schemaOf = (driver: SqlDriver) =>
        driver.query(
          `SELECT name, sql FROM sqlite_master WHERE name NOT LIKE '\\_%' ESCAPE '\\' AND NOT (tbl_name = 'events' AND type IN ('table', 'index'))
           ORDER BY name`,
        );
      const expected = await fresh(schemaOf);
      expect(expected.map(({ name }) => name)).toContain("events_are_not_changed");
      for (const schema of await old(schemaOf)) expect(schema).toEqual(expected);
    });

    it("[LC-3] [ID-8] has the same columns of events and the same unique keys", async () => {
      const tableOf = (driver: SqlDriver) => ({
        columns: driver.query(
          `SELECT name, type, "notnull", dflt_value, pk FROM pragma_table_info('events') ORDER BY cid`,
        ),
        keys: driver
          .query(`SELECT name FROM pragma_index_list('events') WHERE "unique" = 1 AND partial = 0`)
          .map(({ name }) => indexColumns(driver, name as string).toSorted()),
      });
      const expected = await fresh(tableOf);
      expect(expected.keys).toEqual([["draft_id", "principal"]]);
      for (const table of await old(tableOf)) expect(table).toEqual(expected);
    });

    it("[LC-3] has an index that begins with the draft where there were no events, and else the one of before", async () => {
      const first = (driver: SqlDriver) => {
        const [index] = driver.query("SELECT name FROM pragma_index_list('events')");
        return indexColumns(driver, index!["name"] as string);
      };
      expect(await fresh(first)).toEqual(["draft_id", "principal"]);
      for (const columns of await old(first)) expect(columns).toEqual(["principal", "draft_id"]);
    });

    it("[ID-8] finds a key by the index, in either order", async () => {
      const plan = (driver: SqlDriver) =>
        driver.transaction(() =>
          driver
            .write("EXPLAIN QUERY PLAN SELECT * FROM events WHERE principal = ? AND draft_id = ?", "p", "d")
            .map(({ detail }) => detail),
        );
      const searches = expect.stringMatching(/^SEARCH events USING INDEX \w+ \(\w+=\? AND \w+=\?\)$/);
      expect(await fresh(plan)).toEqual([searches]);
      for (const steps of await old(plan)) expect(steps).toEqual([searches]);
    });
  });

  describe.each(numbered(fixture.schemas.tenant))("a tenant of schema $schema", ({ text }) => {
    it("[LC-3] [AU-4] [AU-5] has everything that was stored", () =>
      fixture.withDriver((driver) => {
        load(driver, text);
        const storage = new TenantStorage(driver, fixture.tenantMigrations);
        storage.open(now);
        expect(storage.settings.seq()).toBe(3);
        expect(storage.settings.limits()).toEqual({ principal: { perSecond: 1, burst: 9 } });
        const expiresAt = then + 999_999_999;
        expect(storage.revocations.after(0, now)).toEqual([
          { kind: "jti", id: "token-1", at: 1, expiresAt },
          { kind: "sub", id: "mallory", at: 1_699_999_000, expiresAt },
        ]);
        expect(storage.partitions.has("room")).toBe(true);
        expect(storage.subscriptions.find("room")).toEqual({ partition: "room", until: expiresAt, receivedSeq: 2 });
        expect(storage.rateBuckets.find("drafts")).toEqual({ level: 12, at: then });
        const sha256 = fixture.bytes.sha256(new TextEncoder().encode("ticket"));
        storage.transaction(now, (writes) => {
          expect(writes.tickets.take(sha256)).toEqual({ subject: '{"sub":"alice"}', expiresAt });
        });
      }));
  });
}

function indexColumns(driver: SqlDriver, index: string): unknown[] {
  return driver.query("SELECT name FROM pragma_index_info(?) ORDER BY seqno", index).map(({ name }) => name);
}

function numbered(schemas: readonly string[]): { schema: number; text: string }[] {
  return schemas.map((text, at) => ({ schema: at + 1, text }));
}
