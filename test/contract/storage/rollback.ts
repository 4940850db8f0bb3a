import { describe, expect, it } from "vitest";
import type { SqlDriver } from "../../../src/storage/driver.ts";
import { migrate, type Migration, MigrationError } from "../../../src/storage/migrations.ts";
import { PartitionStorage } from "../../../src/storage/partition/storage.ts";
import { TenantStorage } from "../../../src/storage/tenant/storage.ts";
import { anyBytes, batch, event, now, rejection, snapshot, type StorageFixture, tables } from "./fixture.ts";

/** A database that a newer version has opened, and the version before opens after a rollback. */
export function rollbackSuite(fixture: StorageFixture): void {
  const additive = "-- Additive: more of everything.\n";
  const next = (known: readonly Migration[], sql: string): Migration => ({
    number: known.at(-1)!.number + 1,
    sql,
    sha256: fixture.bytes.sha256(new TextEncoder().encode(sql)),
  });
  /** A column more in each table, and a table more. */
  const oneAhead = (driver: SqlDriver, known: readonly Migration[]): Migration[] => {
    const columns = tables(driver)
      .filter((name) => name !== "schema_migrations")
      .map((name) => `ALTER TABLE ${String(name)} ADD COLUMN later INTEGER NOT NULL DEFAULT 7;`);
    return [...known, next(known, `${additive}CREATE TABLE later (x INTEGER) STRICT;\n${columns.join("\n")}`)];
  };
  const open = (driver: SqlDriver, migrations = fixture.migrations) => {
    const storage = new PartitionStorage(driver, migrations, fixture.bytes);
    storage.open(now);
    return storage;
  };
  const begin = (driver: SqlDriver) => {
    const storage = open(driver);
    storage.transaction(now, (writes) => {
      writes.log.create({ logId: "log", tenant: "default", partition: "room" }, now);
      writes.events.append(event(1));
    });
    return storage;
  };

  describe("after a rollback", () => {
    it("[LC-3] [LC-5] a partition that is one additive migration ahead opens, and everything can be read and written", () =>
      fixture.withDriver((driver) => {
        begin(driver);
        const ahead = oneAhead(driver, fixture.migrations);
        open(driver, ahead);
        const storage = open(driver);
        storage.transaction(now, (writes) => {
          expect(writes.events.append(event(2))).toBe(true);
          expect(writes.events.append(event(3, { draftId: "d-1" }))).toBe(false);
          writes.rejections.record(rejection("bad"));
          writes.batches.record(batch("b"));
          writes.snapshots.putChunk(2, 0, new Uint8Array([123, 125]));
          writes.snapshots.complete(snapshot(2, 2), "identity", fixture.bytes.sha256(new Uint8Array([123, 125])));
          writes.jobs.put({ kind: "snapshot", key: "", dueAt: now, attempts: 0 });
          writes.tenantLimits.put("{}");
          writes.rateBuckets.save({ principal: "dev:a", scope: "", level: 1, at: now, fullAt: now + 1 }, now);
        });
        expect(storage.events.after(0, 9, anyBytes)).toEqual([event(1), event(2)]);
        expect(storage.rejections.find("dev:a", "bad")).toMatchObject({ problem: rejection("bad").problem });
        expect(storage.batches.find("dev:a", "b")).toMatchObject(batch("b"));
        expect(storage.snapshots.state(2)).toBe("{}");
        expect(storage.jobs.all()).toHaveLength(1);
        expect(storage.tenantLimits.get()).toBe("{}");
        // Forward again: nothing is applied twice, and what the version before has written is there.
        expect(open(driver, ahead).events.head().eventId).toBe(2);
        expect(driver.query("SELECT later FROM events ORDER BY event_id")).toEqual([{ later: 7 }, { later: 7 }]);
        expect(driver.query("SELECT number FROM schema_migrations")).toHaveLength(ahead.length);
      }));

    it("[LC-3] [LC-5] a tenant that is one additive migration ahead opens, and can be written", () =>
      fixture.withDriver((driver) => {
        const known = fixture.tenantMigrations;
        const write = (storage: TenantStorage, seq: number) => {
          storage.open(now);
          storage.transaction(now, (writes) => {
            writes.settings.put(seq, {});
            writes.revocations.put(seq, { kind: "sub", id: `s${seq}`, at: 1, expiresAt: now + 1 });
            writes.partitions.add(`p${seq}`, now);
            writes.subscriptions.put({ partition: `p${seq}`, until: now + 1, receivedSeq: seq });
            writes.rateBuckets.save("drafts", seq, now);
            writes.tickets.add({ sha256: new Uint8Array([seq]), principal: "a", subject: "{}", expiresAt: now });
          });
        };
        write(new TenantStorage(driver, known), 1);
        new TenantStorage(driver, oneAhead(driver, known)).open(now);
        const storage = new TenantStorage(driver, known);
        write(storage, 2);
        expect([storage.settings.seq(), storage.revocations.count()]).toEqual([2, 2]);
        expect([storage.partitions.has("p1"), storage.partitions.has("p2")]).toEqual([true, true]);
      }));

    it("[LC-3] [LC-5] a partition that is ahead by a migration that is not additive is refused, and nothing is changed", () =>
      fixture.withDriver((driver) => {
        begin(driver);
        const ahead = oneAhead(driver, fixture.migrations);
        const further = [...ahead, next(ahead, "-- Not additive: events have another name.\nDROP TABLE later;")];
        open(driver, further);
        const before = driver.query("SELECT * FROM events");
        expect(() => open(driver)).toThrow(MigrationError);
        // The version in between knows the first one, and not the second.
        expect(() => open(driver, ahead)).toThrow(/not known here/);
        expect(driver.query("SELECT * FROM events")).toEqual(before);
        expect(open(driver, further).events.head().eventId).toBe(1);
      }));

    it("[LC-3] an additive migration that differs from the one that this version has is refused", () =>
      fixture.withDriver((driver) => {
        begin(driver);
        open(driver, oneAhead(driver, fixture.migrations));
        const other = [...fixture.migrations, next(fixture.migrations, `${additive}CREATE TABLE other (x INTEGER);`)];
        expect(() => migrate(driver, other, now)).toThrow(/edited/);
      }));
  });
}
