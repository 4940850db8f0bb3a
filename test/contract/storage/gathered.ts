import fc from "fast-check";
import { expect, it } from "vitest";
import type { SqlDriver } from "../../../src/storage/driver.ts";
import { PartitionStorage } from "../../../src/storage/partition/storage.ts";
import type { EventRow, StorageWrites } from "../../../src/storage/port.ts";
import { anyBytes, event as eventAt, now, rejection, type StorageFixture, withStorage } from "./fixture.ts";

const range = (from: number, to: number) => Array.from({ length: to - from + 1 }, (_, at) => from + at);

/** All of one time, as those of a window are. */
const event = (eventId: number, more: Partial<EventRow> = {}) => eventAt(eventId, { timestamp: now, ...more });

/** Counts the writing statements that are not of a migration. */
function counting(driver: SqlDriver): SqlDriver & { statements: number } {
  return {
    statements: 0,
    query: (sql, ...values) => driver.query(sql, ...values),
    write(sql, ...values) {
      this.statements++;
      return driver.write(sql, ...values);
    },
    wrote(sql, ...values) {
      this.statements++;
      return driver.wrote(sql, ...values);
    },
    script: (sql) => driver.script(sql),
    transaction: (body) => driver.transaction(body),
  };
}

/** The contract of events whose drafts were announced. */
export function gatheredSuite(fixture: StorageFixture): void {
  const announce = (writes: StorageWrites, rows: readonly EventRow[]) =>
    writes.events.announce(rows.map(({ draftId }) => draftId));

  it("[TX-1] [WP-10] events whose drafts are announced are written by one statement, and are the same rows", () =>
    fixture.withDriver((driver) => {
      const counted = counting(driver);
      const storage = new PartitionStorage(counted, fixture.migrations, fixture.bytes);
      storage.transaction(now, (writes) => void writes.events.append(event(1)));
      const text = fc.string({ unit: "grapheme" }).filter((value) => value.isWellFormed() && !value.includes("\0"));
      const payload = fc
        .json({ maxDepth: 2 })
        .map((json) => JSON.stringify({ json, parsed: JSON.parse(json) as unknown }));
      const texts = fc.record({ principal: text, clientId: text, type: text, payload });
      let head = 1;
      fc.assert(
        fc.property(fc.array(texts, { minLength: 8, maxLength: 30 }), (given) => {
          const bytes = (value: string) => new TextEncoder().encode(value).length;
          const rows = given.map((parts, at) =>
            event(head + 1 + at, {
              ...parts,
              draftId: `${parts.type}-${head + 1 + at}`,
              payloadBytes: bytes(parts.payload),
            }),
          );
          counted.statements = 0;
          storage.transaction(now, (writes) => {
            announce(writes, rows);
            for (const row of rows) expect(writes.events.append(row)).toBe(true);
          });
          expect(counted.statements).toBe(1);
          expect(storage.events.after(head, rows.length, anyBytes)).toEqual(rows);
          head += rows.length;
        }),
        { numRuns: 50 },
      );
    }));

  it("[TX-1] [ID-1] are written together where there are more records than are kept in memory, too", () =>
    fixture.withDriver((driver) => {
      const counted = counting(driver);
      const storage = new PartitionStorage(counted, fixture.migrations, fixture.bytes);
      storage.transaction(now, (writes) => {
        for (const at of range(1, 1_001)) writes.rejections.record(rejection(`r-${at}`));
      });
      const rows = range(1, 20).map((at) => event(at));
      counted.statements = 0;
      storage.transaction(now, (writes) => {
        announce(writes, rows);
        for (const row of rows) expect(writes.events.append(row)).toBe(true);
        expect(writes.events.append(event(21, { draftId: "r-7" }))).toBe(false);
      });
      expect(counted.statements).toBe(1);
      expect(storage.events.after(0, 99, anyBytes)).toEqual(rows);
    }));

  it("[TX-1] what does not fit into one statement is written by several", () =>
    fixture.withDriver((driver) => {
      const counted = counting(driver);
      const storage = new PartitionStorage(counted, fixture.migrations, fixture.bytes);
      storage.transaction(now, (writes) => void writes.events.append(event(1)));
      counted.statements = 0;
      const payload = (units: number) => {
        const text = JSON.stringify("x".repeat(units - 2));
        return { payload: text, payloadBytes: text.length };
      };
      const rows = range(2, 500).map((at) => {
        if (at === 300) return event(at, payload(2_049));
        if (at === 350) return event(at, { version: 2 });
        return event(at, { ...payload(2_048), timestamp: at < 400 ? now : now + 1 });
      });
      storage.transaction(now, (writes) => {
        announce(writes, rows);
        for (const row of rows) expect(writes.events.append(row)).toBe(true);
      });
      // 298 small ones are too many for one; then there are 49 and 49, and 101 of another time; the two others are alone.
      expect(counted.statements).toBe(2 + 1 + 1 + 1 + 2);
      expect(storage.events.after(1, 500, anyBytes)).toEqual(rows);
    }));

  it("[ID-1] [ID-10] an announced draft whose key was used before is not appended; of another principal it is", () =>
    withStorage(fixture, (storage) => {
      const drafts = range(1, 9).map((at) => event(at));
      storage.transaction(now, (writes) => {
        writes.events.append(drafts[3]!);
      });
      const again = range(5, 13).map((at) => event(at, { draftId: `d-${at - 4}` }));
      storage.transaction(now, (writes) => {
        announce(writes, again);
        // The one that was used is the fourth of these.
        expect(writes.events.append(event(5, { draftId: "d-1" }))).toBe(true);
        expect(writes.events.append(event(6, { draftId: "d-4" }))).toBe(false);
        expect(writes.events.append(event(6, { draftId: "d-4", principal: "dev:other" }))).toBe(true);
        expect(writes.events.append(event(7, { draftId: "d-2" }))).toBe(true);
      });
      expect(storage.events.after(4, 9, anyBytes).map(({ draftId }) => draftId)).toEqual(["d-1", "d-4", "d-2"]);
    }));

  it("[ID-1] of drafts with one key in one transaction the first is appended, in whatever way", () =>
    withStorage(fixture, (storage) => {
      storage.transaction(now, (writes) => {
        announce(
          writes,
          range(1, 9).map((at) => event(at)),
        );
        expect(writes.events.append(event(1))).toBe(true);
        expect(writes.events.append(event(2, { draftId: "d-1" }))).toBe(false);
        // A batch has its own way.
        expect(writes.events.append(event(2, { batchEnd: 2 }))).toBe(true);
        expect(writes.events.append(event(3, { draftId: "d-2" }))).toBe(false);
        expect(writes.events.append(event(3))).toBe(true);
        expect(writes.events.append(event(4, { draftId: "d-3", batchEnd: 4 }))).toBe(false);
      });
      expect(storage.events.after(0, 9, anyBytes).map(({ draftId }) => draftId)).toEqual(["d-1", "d-2", "d-3"]);
    }));

  it("[TX-1] [ID-2] what was appended is there for all that is read after it in the transaction", () =>
    withStorage(fixture, (storage) => {
      const reads = [
        () => storage.events.head().eventId === 2,
        () => storage.events.find("dev:a", "d-2")?.eventId === 2,
        () => storage.events.after(1, 9, anyBytes).length === 1,
        () => storage.events.bytesAfter(1) > 0,
        () => storage.events.origin(2) !== undefined,
      ];
      for (const read of reads) {
        expect(() =>
          storage.transaction(now, (writes) => {
            announce(
              writes,
              range(1, 9).map((at) => event(at)),
            );
            writes.events.append(event(1));
            writes.events.append(event(2));
            expect(read()).toBe(true);
            throw new Error("not kept");
          }),
        ).toThrow("not kept");
      }
    }));

  it("[TX-1] [TX-3] what is rolled back is not written, neither then nor later", () =>
    withStorage(fixture, (storage) => {
      const rows = range(1, 9).map((at) => event(at));
      expect(() =>
        storage.transaction(now, (writes) => {
          announce(writes, rows);
          writes.events.append(rows[0]!);
          throw new Error("outer");
        }),
      ).toThrow("outer");
      expect(storage.events.head().eventId).toBe(0);
      storage.transaction(now, (writes) => {
        announce(writes, rows);
        writes.events.append(rows[0]!);
        writes.events.append(rows[1]!);
        expect(() =>
          storage.transaction(now, (inner) => {
            inner.events.append(rows[2]!);
            throw new Error("inner");
          }),
        ).toThrow("inner");
        writes.events.append(event(3, { draftId: "d-4" }));
      });
      expect(storage.events.after(0, 9, anyBytes).map(({ draftId }) => draftId)).toEqual(["d-1", "d-2", "d-4"]);
    }));

  it("[TX-1] [ID-4] what cannot be written together fails its transaction, also where a reader has gone on", () =>
    fixture.withDriver((driver) => {
      const counted = counting(driver);
      let fails = false;
      const wrote: SqlDriver["wrote"] = (sql, ...values) => {
        if (fails && sql.includes("json_each")) throw new Error("fault");
        return driver.wrote(sql, ...values);
      };
      const storage = new PartitionStorage({ ...counted, wrote }, fixture.migrations, fixture.bytes);
      storage.transaction(now, (writes) => void writes.events.append(event(1)));
      const rows = range(2, 9).map((at) => event(at));
      const [first, second, third] = rows as [EventRow, EventRow, EventRow];
      const others = [
        () => storage.events.head(),
        (writes: StorageWrites) => writes.events.append(second),
        (writes: StorageWrites) => writes.events.append({ ...second, version: 2 }),
        () => storage.transaction(now, (inner) => inner.events.append(second)),
      ];
      for (const other of others) {
        fails = true;
        expect(() =>
          storage.transaction(now, (writes) => {
            announce(writes, rows);
            writes.events.append(first);
            expect(() => storage.events.head()).toThrow("fault");
            expect(() => other(writes)).toThrow("fault");
          }),
        ).toThrow("fault");
        fails = false;
        expect(storage.events.head().eventId).toBe(1);
      }
      // A nested one fails alone.
      storage.transaction(now, (writes) => {
        announce(writes, rows);
        writes.events.append(first);
        storage.events.head();
        const inner = () =>
          storage.transaction(now, ({ events }) => {
            events.append(second);
            fails = true;
            expect(() => storage.events.head()).toThrow("fault");
          });
        expect(inner).toThrow("fault");
        fails = false;
        writes.events.append({ ...third, eventId: 3 });
      });
      expect(storage.events.after(1, 9, anyBytes).map(({ draftId }) => draftId)).toEqual(["d-2", "d-4"]);
    }));

  it("[TX-4] [AU-10] refuses what it refuses of an event that is not announced", () =>
    withStorage(fixture, (storage) => {
      const rows = range(1, 9).map((at) => event(at, { draftId: at === 2 ? "a\0b" : at === 3 ? "\ud800" : `d-${at}` }));
      for (const bad of [rows[1]!, rows[2]!]) {
        expect(() =>
          storage.transaction(now, (writes) => {
            announce(writes, rows);
            writes.events.append(rows[0]!);
            writes.events.append({ ...bad, eventId: 2 });
          }),
        ).toThrow(/bound/);
      }
      const escaped = storage.transaction(now, (writes) => {
        announce(writes, [event(1), ...rows.slice(3), event(20), event(21)]);
        return writes;
      });
      const appended = () => {
        escaped.events.append(event(1));
        storage.events.head();
      };
      expect(appended).toThrow(/outside a transaction/);
      expect(storage.events.head().eventId).toBe(0);
    }));
}
