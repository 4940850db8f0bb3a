import { expect, it } from "vitest";
import type { SqlDriver } from "../../../src/storage/driver.ts";
import { migrate } from "../../../src/storage/migrations.ts";
import { PartitionStorage } from "../../../src/storage/partition/storage.ts";
import type { StorageWrites } from "../../../src/storage/port.ts";
import { anyBytes, event, now, rejection, snapshot, type StorageFixture, tables, withStorage } from "./fixture.ts";

/** Fails at the nth writing statement, before or after it has run. */
function faulty(driver: SqlDriver, nth: number, when: "before" | "after"): SqlDriver {
  let count = 0;
  const guard = <T>(run: () => T): T => {
    const hit = ++count === nth;
    if (hit && when === "before") throw new Error("fault");
    const result = run();
    if (hit) throw new Error("fault");
    return result;
  };
  return {
    query: (sql, ...values) => driver.query(sql, ...values),
    write: (sql, ...values) => guard(() => driver.write(sql, ...values)),
    wrote: (sql, ...values) => guard(() => driver.wrote(sql, ...values)),
    script: (sql) => guard(() => driver.script(sql)),
    transaction: (body) => driver.transaction(body),
  };
}

/** The contract of transactions, and of the schema that the first one creates. */
export function transactionsSuite(fixture: StorageFixture): void {
  it("[LC-3] reading a partition that was never written creates nothing", () =>
    withStorage(fixture, (storage, driver) => {
      storage.open(now);
      expect(storage.events.head()).toEqual({ eventId: 0, timestamp: 0 });
      expect(storage.log.identity()).toBeUndefined();
      expect(storage.events.after(0, 10, anyBytes)).toEqual([]);
      expect(storage.events.find("dev:a", "d")).toBeUndefined();
      expect(storage.rejections.find("dev:a", "d")).toBeUndefined();
      expect(storage.snapshots.latest(1, "m.1")).toBeUndefined();
      expect(storage.snapshots.state(1)).toBeUndefined();
      expect(storage.jobs.all()).toEqual([]);
      expect(storage.events.bytesAfter(0)).toBe(0);
      expect(tables(driver)).toEqual([]);
    }));

  it("[TX-1] [ID-4] a fault at any statement rolls back the whole transaction", async () => {
    for (const prepared of [false, true]) {
      for (const when of ["before", "after"] as const) {
        for (let nth = 1; ; nth++) {
          const finished = await fixture.withDriver((driver) => {
            const good = new PartitionStorage(driver, fixture.migrations, fixture.bytes);
            if (prepared) good.transaction(now, (writes) => void writes.events.append(event(1)));
            const before = [tables(driver), good.events.after(0, 9, anyBytes)];
            const storage = new PartitionStorage(faulty(driver, nth, when), fixture.migrations, fixture.bytes);
            try {
              storage.transaction(now, (writes) => {
                if (!prepared) writes.log.create({ logId: "l", tenant: "t", partition: "p" }, now);
                writes.events.append(event(2));
                writes.rejections.record(rejection("r"));
                writes.jobs.put({ kind: "snapshot", key: "", dueAt: now, attempts: 0 });
                writes.snapshots.putChunk(2, 0, new Uint8Array(3));
                writes.snapshots.complete(snapshot(2, 3), "identity", new Uint8Array(32));
              });
              return true;
            } catch (error) {
              expect((error as Error).message).toBe("fault");
            }
            expect([tables(driver), storage.events.after(0, 9, anyBytes)]).toEqual(before);
            expect(storage.rejections.find("dev:a", "r")).toBeUndefined();
            expect(storage.jobs.all()).toEqual([]);
            expect(storage.snapshots.latest(1, "m.1")).toBeUndefined();
            expect(storage.log.identity()).toBeUndefined();
            return false;
          });
          if (finished) {
            // Every statement of the transaction has failed once.
            expect(nth).toBeGreaterThan(prepared ? 7 : 10);
            break;
          }
        }
      }
    }
  });

  it("[TX-3] a nested transaction can fail alone", () =>
    withStorage(fixture, (storage) => {
      storage.transaction(now, (writes) => {
        writes.events.append(event(1));
        expect(() =>
          storage.transaction(now, (inner) => {
            inner.events.append(event(2));
            throw new Error("inner");
          }),
        ).toThrow("inner");
        writes.events.append(event(2, { draftId: "other" }));
      });
      expect(storage.events.after(0, 9, anyBytes).map(({ draftId }) => draftId)).toEqual(["d-1", "other"]);
    }));

  it("[TX-4] refuses promises, writes outside a transaction, and queries that write", () =>
    withStorage(fixture, (storage, driver) => {
      const promise = (writes: StorageWrites) => {
        writes.events.append(event(1));
        return Promise.resolve();
      };
      expect(() => storage.transaction(now, promise as never)).toThrow(/synchronous/);
      expect(storage.events.head().eventId).toBe(0);
      const escaped = storage.transaction(now, (writes) => {
        writes.events.append(event(1));
        return writes;
      });
      expect(() => escaped.events.append(event(2))).toThrow(/outside a transaction/);
      expect(() => driver.script("DROP TABLE log")).toThrow(/outside a transaction/);
      expect(() => driver.query("DELETE FROM log")).toThrow(/SELECT/);
      expect(storage.events.head().eventId).toBe(1);
    }));

  it.each<[string, string | number]>([
    ["a lone surrogate", "\ud800"],
    ["a NUL in text", "a\0b"],
    ["an unsafe integer", 2 ** 53],
    ["a fraction", 0.5],
    ["NaN", Number.NaN],
  ])("[AU-10] refuses to bind %s, which SQLite would change", (_, value) =>
    withStorage(fixture, (_, driver) => {
      expect(() => driver.query("SELECT ?", value)).toThrow(/bound/);
    }),
  );

  it("[LC-3] records each migration, and refuses an edited or unknown one", () =>
    fixture.withDriver((driver) => {
      migrate(driver, fixture.migrations, now);
      expect(driver.query("SELECT number, sha256, applied_at FROM schema_migrations ORDER BY number")).toEqual(
        fixture.migrations.map(({ number, sha256 }) => ({ number, sha256, applied_at: now })),
      );
      migrate(driver, fixture.migrations, now + 1);
      const edited = fixture.migrations.map((one) => ({ ...one, sha256: fixture.bytes.sha256(new Uint8Array(1)) }));
      expect(() => migrate(driver, edited, now)).toThrow(/edited/);
      expect(() => migrate(driver, [], now)).toThrow(/not known/);
      const next = { number: 99, sql: "CREATE TABLE later (x INTEGER); SELECT nonsense", sha256: new Uint8Array(32) };
      expect(() => migrate(driver, [...fixture.migrations, next], now)).toThrow(/nonsense/);
      expect(tables(driver)).not.toContain("later");
      migrate(driver, [...fixture.migrations, { ...next, sql: "CREATE TABLE later (x INTEGER)" }], now);
      expect(tables(driver)).toContain("later");
    }));
}
