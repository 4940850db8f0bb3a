import { describe, expect, it } from "vitest";
import type { SqlDriver } from "../../src/storage/driver.ts";
import { migrate, type Migration } from "../../src/storage/migrations.ts";
import type { EventRow } from "../../src/storage/port.ts";
import { type BytesPort, SqlStorage } from "../../src/storage/sql-storage.ts";

/** What an adapter brings to its contract test: a driver on an empty database, lent for one test. */
export interface StorageFixture {
  withDriver<T>(test: (driver: SqlDriver) => T): Promise<T>;
  migrations: readonly Migration[];
  bytes: BytesPort;
  gzip(bytes: Uint8Array): Uint8Array;
}

const now = 1_700_000_000_000;
const event = (eventId: number, { payload = `{"n":${eventId}}`, ...more }: Partial<EventRow> = {}): EventRow => ({
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
  ...more,
});
const rejection = (draftId: string, createdAt = now) => ({
  principal: "dev:a",
  draftId,
  fingerprint: new Uint8Array(32).fill(7),
  problem: '{"code":"validation_failed"}',
  createdAt,
});

const snapshot = (eventId: number, stateBytes: number) => ({
  eventId,
  modelVersion: 1,
  stateBytes,
  logBytes: 5,
  createdAt: now,
});

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

/** The contract of the storage: one suite, held by every adapter. */
export function storageSuite(adapter: string, fixture: StorageFixture): void {
  const withStorage = <T>(test: (storage: SqlStorage, driver: SqlDriver) => T) =>
    fixture.withDriver((driver) => test(new SqlStorage(driver, fixture.migrations, fixture.bytes), driver));
  const tables = (driver: SqlDriver) =>
    driver
      .query(
        "SELECT name FROM sqlite_master WHERE type = 'table' AND name NOT LIKE 'sqlite_%' AND name NOT LIKE '\\_%' ESCAPE '\\'",
      )
      .map(({ name }) => name);

  describe(`storage on ${adapter}`, () => {
    it("[LC-3] reading what was never written creates nothing", () =>
      withStorage((storage, driver) => {
        storage.open(now);
        expect(storage.head()).toEqual({ eventId: 0, timestamp: 0 });
        expect(storage.log()).toBeUndefined();
        expect(storage.eventsAfter(0, 10)).toEqual([]);
        expect(storage.findEvent("dev:a", "d")).toBeUndefined();
        expect(storage.findRejection("dev:a", "d")).toBeUndefined();
        expect(storage.latestSnapshot(1)).toBeUndefined();
        expect(storage.snapshotState(1)).toBeUndefined();
        expect(storage.dueBy(now)).toEqual([]);
        expect(storage.logBytesAfter(0)).toBe(0);
        expect(tables(driver)).toEqual([]);
      }));

    it("[TX-8] keeps events as they were appended, in order", () =>
      withStorage((storage) => {
        const rows = [
          event(1, { payload: JSON.stringify({ text: "nul \0, emoji 😀, ü" }), version: 2, expectedEventId: 0 }),
          event(2),
          event(3, { principal: "dev:b", draftId: "d-1" }),
        ];
        storage.transaction(now, (writes) => {
          for (const row of rows) expect(writes.appendEvent(row)).toBe(true);
        });
        expect(storage.eventsAfter(0, 10)).toEqual(rows);
        expect(storage.eventsAfter(1, 1)).toEqual([rows[1]]);
        expect(storage.head()).toEqual({ eventId: 3, timestamp: now + 3 });
        expect(storage.findEvent("dev:b", "d-1")).toEqual(rows[2]);
        expect(storage.logBytesAfter(1)).toBe(rows[1]!.payload.length + rows[2]!.payload.length);
      }));

    it("[TX-8] [ID-9] a key of a principal goes into the log once", () =>
      withStorage((storage) => {
        storage.transaction(now, (writes) => {
          expect(writes.appendEvent(event(1))).toBe(true);
          expect(writes.appendEvent(event(2, { draftId: "d-1" }))).toBe(false);
          expect(writes.appendEvent(event(2, { draftId: "d-1", principal: "dev:b" }))).toBe(true);
        });
        expect(storage.eventsAfter(0, 10).map(({ eventId }) => eventId)).toEqual([1, 2]);
      }));

    it("[ID-8] a key that was rejected never goes into the log", () =>
      withStorage((storage) => {
        storage.transaction(now, (writes) => {
          expect(writes.recordRejection(rejection("d-1"))).toBe(1);
          expect(writes.appendEvent(event(1))).toBe(false);
        });
        expect(storage.head().eventId).toBe(0);
        expect(storage.findRejection("dev:a", "d-1")).toEqual({ ...rejection("d-1"), recordId: 1 });
      }));

    it("[TX-8] an event id is used once, and the log cannot be changed", () =>
      withStorage((storage, driver) => {
        storage.transaction(now, (writes) => void writes.appendEvent(event(1)));
        expect(() => storage.transaction(now, (writes) => void writes.appendEvent(event(1, { draftId: "x" })))).toThrow(
          /UNIQUE constraint failed: events.event_id/,
        );
        expect(() => driver.transaction(() => driver.write("UPDATE events SET type = 'other'"))).toThrow(/append-only/);
        expect(() => driver.transaction(() => driver.write("DELETE FROM events"))).toThrow(/append-only/);
        expect(storage.eventsAfter(0, 10)).toEqual([event(1)]);
      }));

    it("[TX-1] [ID-4] a fault at any statement leaves nothing of the transaction", async () => {
      for (const prepared of [false, true]) {
        for (const when of ["before", "after"] as const) {
          for (let nth = 1; ; nth++) {
            const finished = await fixture.withDriver((driver) => {
              const good = new SqlStorage(driver, fixture.migrations, fixture.bytes);
              if (prepared) good.transaction(now, (writes) => void writes.appendEvent(event(1)));
              const before = [tables(driver), good.eventsAfter(0, 9)];
              const storage = new SqlStorage(faulty(driver, nth, when), fixture.migrations, fixture.bytes);
              try {
                storage.transaction(now, (writes) => {
                  if (!prepared) writes.createLog({ logId: "l", tenant: "t", partition: "p" }, now);
                  writes.appendEvent(event(2));
                  writes.recordRejection(rejection("r"));
                  writes.schedule("snapshot", now);
                  writes.putSnapshotChunk(2, 0, new Uint8Array(3));
                  writes.completeSnapshot(snapshot(2, 3), "identity", new Uint8Array(32));
                });
                return true;
              } catch (error) {
                expect((error as Error).message).toBe("fault");
              }
              expect([tables(driver), storage.eventsAfter(0, 9)]).toEqual(before);
              expect(storage.findRejection("dev:a", "r")).toBeUndefined();
              expect(storage.dueBy(now)).toEqual([]);
              expect(storage.latestSnapshot(1)).toBeUndefined();
              expect(storage.log()).toBeUndefined();
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
      withStorage((storage) => {
        storage.transaction(now, (writes) => {
          writes.appendEvent(event(1));
          expect(() =>
            storage.transaction(now, (inner) => {
              inner.appendEvent(event(2));
              throw new Error("inner");
            }),
          ).toThrow("inner");
          writes.appendEvent(event(2, { draftId: "other" }));
        });
        expect(storage.eventsAfter(0, 9).map(({ draftId }) => draftId)).toEqual(["d-1", "other"]);
      }));

    it("[TX-4] refuses promises, writes outside a transaction, and reads that write", () =>
      withStorage((storage, driver) => {
        const promise = (writes: { appendEvent(row: EventRow): boolean }) => {
          writes.appendEvent(event(1));
          return Promise.resolve();
        };
        expect(() => storage.transaction(now, promise as never)).toThrow(/synchronous/);
        expect(storage.head().eventId).toBe(0);
        storage.transaction(now, (writes) => void writes.appendEvent(event(1)));
        expect(() => storage.appendEvent(event(2))).toThrow(/outside a transaction/);
        expect(() => driver.script("DROP TABLE log")).toThrow(/outside a transaction/);
        expect(() => driver.query("DELETE FROM log")).toThrow(/SELECT/);
        expect(storage.head().eventId).toBe(1);
      }));

    it.each<[string, string | number]>([
      ["a lone surrogate", "\ud800"],
      ["a NUL in text", "a\0b"],
      ["an unsafe integer", 2 ** 53],
      ["a fraction", 0.5],
      ["NaN", Number.NaN],
    ])("[AU-10] refuses to bind %s, which SQLite would change", (_, value) =>
      withStorage((_, driver) => {
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

    it("keeps one snapshot, in chunks, plain or compressed, and notices a wrong byte", () =>
      withStorage((storage, driver) => {
        const text = JSON.stringify({ text: "ü".repeat(1_000) });
        const put = (eventId: number, bytes: Uint8Array, encoding: "identity" | "gzip") =>
          storage.transaction(now, (writes) => {
            for (let chunk = 0; chunk * 500 < bytes.length; chunk++) {
              writes.putSnapshotChunk(eventId, chunk, bytes.slice(chunk * 500, chunk * 500 + 500));
            }
            writes.completeSnapshot(snapshot(eventId, 2_011), encoding, fixture.bytes.sha256(bytes));
          });
        put(1, new TextEncoder().encode("{}"), "identity");
        put(7, new TextEncoder().encode(text), "identity");
        expect(storage.latestSnapshot(1)).toEqual(snapshot(7, 2_011));
        expect(storage.latestSnapshot(2)).toBeUndefined();
        expect(storage.latestSnapshot(1, 6)).toBeUndefined();
        expect(storage.snapshotState(7)).toBe(text);
        expect(storage.snapshotState(1)).toBeUndefined();
        put(8, fixture.gzip(new TextEncoder().encode(text)), "gzip");
        expect(storage.snapshotState(8)).toBe(text);
        put(9, new TextEncoder().encode(text), "identity");
        driver.transaction(() =>
          driver.write("UPDATE snapshot_chunks SET bytes = zeroblob(length(bytes)) WHERE chunk = 1"),
        );
        expect(storage.snapshotState(9)).toBeUndefined();
        driver.transaction(() => driver.write("DELETE FROM snapshot_chunks WHERE chunk = 1"));
        expect(storage.snapshotState(9)).toBeUndefined();
      }));

    it("a snapshot that was not completed is not there, and goes with the next", () =>
      withStorage((storage, driver) => {
        const chunks = () => driver.query("SELECT event_id FROM snapshot_chunks").map((row) => row["event_id"]);
        storage.transaction(now, (writes) => writes.putSnapshotChunk(5, 0, new Uint8Array(9)));
        expect(storage.latestSnapshot(1)).toBeUndefined();
        expect(chunks()).toEqual([5]);
        storage.transaction(now, (writes) => {
          writes.putSnapshotChunk(6, 0, new Uint8Array(2));
          writes.completeSnapshot(snapshot(6, 2), "identity", fixture.bytes.sha256(new Uint8Array(2)));
        });
        expect(chunks()).toEqual([6]);
      }));

    it("sweeps the oldest rejections, a bounded number, and nothing younger", () =>
      withStorage((storage) => {
        storage.transaction(now, (writes) => {
          for (let at = 0; at < 5; at++) writes.recordRejection(rejection(`d-${at}`, now + at));
        });
        expect(storage.transaction(now, (writes) => writes.sweepRejections(now + 3, 2))).toBe(2);
        expect(storage.oldestRejection()).toBe(now + 2);
        expect(storage.transaction(now, (writes) => writes.sweepRejections(now + 3, 9))).toBe(1);
        expect(storage.transaction(now, (writes) => writes.sweepRejections(now + 3, 9))).toBe(0);
        expect(storage.oldestRejection()).toBe(now + 3);
      }));

    it("keeps due work, one of each kind", () =>
      withStorage((storage) => {
        storage.transaction(now, (writes) => {
          writes.schedule("snapshot", now + 5);
          writes.schedule("sweep_records", now + 9);
          writes.schedule("snapshot", now + 2);
        });
        expect(storage.dueBy(now + 5)).toEqual([{ kind: "snapshot", dueAt: now + 2 }]);
        storage.transaction(now, (writes) => writes.unschedule("snapshot"));
        expect(storage.dueBy(now + 9)).toEqual([{ kind: "sweep_records", dueAt: now + 9 }]);
      }));
  });
}
