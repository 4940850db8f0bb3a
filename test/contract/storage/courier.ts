import { expect, it } from "vitest";
import { CourierStorage } from "../../../src/storage/courier/storage.ts";
import type { SqlDriver } from "../../../src/storage/driver.ts";
import { now, type StorageFixture, tables } from "./fixture.ts";

/** The contract of the courier's tables. */
export function courierSuite(fixture: StorageFixture): void {
  const withCourier = <T>(test: (storage: CourierStorage, driver: SqlDriver) => T) =>
    fixture.withDriver((driver) => test(new CourierStorage(driver, fixture.courierMigrations), driver));
  const delivery = (seq: number, more: object = {}) => ({
    effectId: `aa:${seq}:0`,
    seq,
    partition: "room",
    type: "order.paid",
    timestamp: now,
    correlationId: undefined,
    ordered: false,
    acceptedAt: now,
    dueAt: now + seq,
    diedAt: undefined,
    attempts: 0,
    lastStatus: undefined,
    lastReason: undefined,
    payload: '{"text":"Größe 😀 \\u0000"}',
    ...more,
  });
  const ids = (rows: readonly { effectId: string }[]) => rows.map(({ effectId }) => effectId);

  it("[LC-3] reading a courier that was never written creates nothing", () =>
    withCourier((storage, driver) => {
      storage.open(now);
      expect(storage.deliveries.totals()).toEqual({ rows: 0, bytes: 0, dead: 0, lastSeq: 0 });
      expect(storage.deliveries.find("aa:1:0")).toBeUndefined();
      expect(storage.deliveries.due(now, 9)).toEqual([]);
      expect(storage.deliveries.earliest(9)).toEqual([]);
      expect(storage.deliveries.firstOrdered("room")).toBeUndefined();
      expect(storage.deliveries.dead(0, 9)).toEqual([]);
      expect(storage.deliveries.idsBefore(Number.MAX_SAFE_INTEGER, 9)).toEqual([]);
      expect(storage.handed.of("room")).toEqual([]);
      expect(storage.breaker.find()).toBeUndefined();
      expect(tables(driver)).toEqual([]);
    }));

  it("[TX-12] returns deliveries as they were stored, those that are due, earliest first", () =>
    withCourier((storage) => {
      const bytes = new TextEncoder().encode(delivery(1).payload).length;
      storage.transaction(now, (writes) => {
        writes.deliveries.add(delivery(1, { dueAt: now + 2, correlationId: "c-1", ordered: true }));
        writes.deliveries.add(delivery(2, { dueAt: now + 1 }));
        writes.deliveries.add(delivery(3, { dueAt: undefined, ordered: true }));
        writes.deliveries.add(delivery(4, { dueAt: now + 2 }));
      });
      expect(storage.deliveries.find("aa:1:0")).toEqual({
        ...delivery(1, { dueAt: now + 2, correlationId: "c-1", ordered: true }),
        bytes,
      });
      expect(storage.deliveries.totals()).toEqual({ rows: 4, bytes: 4 * bytes, dead: 0, lastSeq: 4 });
      expect(ids(storage.deliveries.due(now + 1, 9))).toEqual(["aa:2:0"]);
      expect(ids(storage.deliveries.due(now + 2, 9))).toEqual(["aa:2:0", "aa:1:0", "aa:4:0"]);
      expect(ids(storage.deliveries.due(now + 2, 2))).toEqual(["aa:2:0", "aa:1:0"]);
      expect(storage.deliveries.earliest(1)).toEqual([{ effectId: "aa:2:0", dueAt: now + 1 }]);
      expect(storage.deliveries.firstOrdered("room")).toMatchObject({ effectId: "aa:1:0" });
      expect(storage.deliveries.firstOrdered("hall")).toBeUndefined();
    }));

  it("[TX-13] stores attempts and dead letters, in order, and begins them again", () =>
    withCourier((storage) => {
      const died = { dueAt: undefined, diedAt: now + 9, attempts: 3, lastStatus: 500, lastReason: "Größe" };
      storage.transaction(now, (writes) => {
        for (const seq of [1, 2, 3]) writes.deliveries.add(delivery(seq));
        writes.deliveries.update({ effectId: "aa:3:0", ...died });
        writes.deliveries.update({ effectId: "aa:1:0", ...died });
      });
      expect(storage.deliveries.totals()).toMatchObject({ rows: 3, dead: 2 });
      expect(storage.deliveries.dead(0, 9)).toMatchObject([
        { effectId: "aa:1:0", ...died },
        { effectId: "aa:3:0", ...died },
      ]);
      expect(ids(storage.deliveries.dead(1, 9))).toEqual(["aa:3:0"]);
      expect(ids(storage.deliveries.dead(0, 1))).toEqual(["aa:1:0"]);
      expect(ids(storage.deliveries.acceptedBefore(now + 1, 9))).toEqual(["aa:2:0"]);
      expect(storage.deliveries.acceptedBefore(now, 9)).toEqual([]);
      storage.transaction(now, (writes) => {
        writes.deliveries.restart({ effectId: "aa:1:0", dueAt: now, acceptedAt: now + 5 });
        writes.deliveries.remove("aa:2:0");
      });
      expect(storage.deliveries.find("aa:1:0")).toMatchObject({ diedAt: undefined, attempts: 0, acceptedAt: now + 5 });
      expect(ids(storage.deliveries.due(now, 9))).toEqual(["aa:1:0"]);
      expect(storage.deliveries.idsBefore(Number.MAX_SAFE_INTEGER, 9).toSorted()).toEqual(["aa:1:0", "aa:3:0"]);
    }));

  it("[TX-15] stores what a partition has handed over last, and the breaker", () =>
    withCourier((storage) => {
      const breaker = { failures: 5, opens: 1, openedAt: now, openUntil: now + 1, failingSince: now, heldUntil: 7 };
      storage.transaction(now, (writes) => {
        writes.handed.put("room", ["aa:1:0"], now);
        writes.handed.put("room", ["aa:1:0", "aa:2:0"], now + 1);
        writes.handed.put("hall", ["bb:1:0"], now);
        writes.breaker.put({ ...breaker, failures: 1 });
        writes.breaker.put(breaker);
      });
      expect(storage.handed.of("room")).toEqual(["aa:1:0", "aa:2:0"]);
      expect(storage.breaker.find()).toEqual(breaker);
      storage.transaction(now, (writes) => writes.handed.sweep(now + 1));
      expect(storage.handed.of("hall")).toEqual([]);
      expect(storage.handed.of("room")).toHaveLength(2);
    }));

  it.each(fixture.schemas.courier.map((text, at) => ({ schema: at + 1, text })))(
    "[LC-3] [TX-13] a courier of schema $schema has everything that was stored",
    ({ schema, text }) =>
      fixture.withDriver((driver) => {
        driver.transaction(() => driver.script(text));
        const storage = new CourierStorage(driver, fixture.courierMigrations);
        storage.open(now);
        const then = 1_699_999_000_000;
        expect(storage.deliveries.totals()).toMatchObject({ rows: 3, dead: 1, lastSeq: 3 });
        expect(storage.deliveries.find("aa:1:0")).toMatchObject({ dueAt: then + 500, payload: delivery(1).payload });
        expect(ids(storage.deliveries.dead(0, 9))).toEqual(["aa:2:0"]);
        expect(storage.deliveries.firstOrdered("room")).toMatchObject({ effectId: "aa:2:0" });
        expect(storage.handed.of("room")).toEqual(["aa:1:0", "aa:2:0", "aa:3:0"]);
        const breaker = { failures: 5, opens: 1, openedAt: then, openUntil: then + 1_000, failingSince: then };
        expect(storage.breaker.find()).toEqual({ ...breaker, heldUntil: schema < 2 ? 0 : then + 2_000 });
        // Schema 3 has the traces.
        expect(storage.deliveries.find("aa:1:0")?.traceId).toBeUndefined();
      }),
  );
}
