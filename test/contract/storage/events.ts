import { expect, it } from "vitest";
import { anyBytes, event, now, type StorageFixture, withStorage } from "./fixture.ts";

/** The contract of the table `events`. */
export function eventsSuite(fixture: StorageFixture): void {
  it("[TX-8] stores events as they were appended, in order", () =>
    withStorage(fixture, (storage) => {
      const rows = [
        event(1, { payload: JSON.stringify({ text: "nul \0, emoji 😀, ü" }), version: 2, expectedEventId: 0 }),
        event(2, { fingerprint: new Uint8Array(32).fill(3), correlationId: "00000000000000aa:1:0" }),
        event(3, { principal: "dev:b", draftId: "d-1", incarnation: undefined }),
      ];
      storage.transaction(now, (writes) => {
        for (const row of rows) expect(writes.events.append(row)).toBe(true);
      });
      expect(storage.events.after(0, 10, anyBytes)).toEqual(rows);
      expect(storage.events.after(1, 1, anyBytes)).toEqual([rows[1]]);
      expect(storage.events.head()).toEqual({ eventId: 3, timestamp: now + 3, incarnation: undefined });
      expect(storage.events.origin(2)).toEqual({ timestamp: now + 2, incarnation: "00000000000000aa" });
      expect(storage.events.origin(4)).toBeUndefined();
      expect(storage.events.find("dev:b", "d-1")).toEqual(rows[2]);
      expect(storage.events.bytesAfter(1)).toBe(rows[1]!.payload.length + rows[2]!.payload.length);
    }));

  it("[TX-8] stores what few events have, each by itself and all together", () =>
    withStorage(fixture, (storage) => {
      const rare = {
        version: 2,
        expectedEventId: 0,
        batchEnd: 9,
        fingerprint: new Uint8Array(32).fill(3),
        correlationId: "00000000000000aa:1:0",
        hops: 3,
      };
      const each = Object.entries(rare).map(([name, value]) => ({ [name]: value }));
      const rows = [{}, ...each, rare].map((columns, at) => event(at + 1, columns));
      storage.transaction(now, (writes) => {
        for (const row of rows) expect(writes.events.append(row)).toBe(true);
        for (const row of rows) expect(writes.events.append({ ...row, eventId: row.eventId + 100 })).toBe(false);
      });
      expect(storage.events.after(0, 100, anyBytes)).toEqual(rows);
    }));

  it("[MD-18] [BD-1] stores what belongs to an event beside its payload, and counts its bytes", () =>
    withStorage(fixture, (storage, driver) => {
      const annotations = { label: "größe\0", userId: "u", meta: { clientTs: 5, tags: ["x", null] } };
      const stored = (row: object) => new TextEncoder().encode(JSON.stringify(row)).length;
      const rows = [
        event(1, { annotations, submitter: "alice" }),
        event(2, { annotations: { label: "l" } }),
        event(3, { submitter: "bob" }),
        event(4),
      ];
      const bytes = [
        stored({ submitter: "alice", ...annotations }),
        stored({ label: "l" }),
        stored({ submitter: "bob" }),
        0,
      ];
      for (const [at, row] of rows.entries()) row.payloadBytes += bytes[at]!;
      storage.transaction(now, (writes) => {
        for (const row of rows) expect(writes.events.append(row)).toBe(true);
      });
      expect(storage.events.after(0, 10, anyBytes)).toEqual(rows);
      expect(storage.events.after(0, 10, rows[0]!.payloadBytes)).toHaveLength(1);
      expect(storage.events.after(0, 10, rows[0]!.payloadBytes + 1)).toHaveLength(2);
      expect(storage.events.bytesAfter(1)).toBe(rows.slice(1).reduce((sum, row) => sum + row.payloadBytes, 0));
      expect(storage.events.beforeNewest(9, rows[3]!.payloadBytes + rows[2]!.payloadBytes)).toBe(2);
      expect(driver.query("SELECT event_id FROM events WHERE annotations IS NULL")).toEqual([{ event_id: 4 }]);
    }));

  it.each(["x'7b'", "x'5b5d'", "CAST('{\"label\":1}' AS BLOB)", "CAST('{\"meta\":[]}' AS BLOB)"])(
    "[BD-7] annotations that are %s are damage",
    (value) =>
      withStorage(fixture, (storage, driver) => {
        storage.transaction(now, (writes) => void writes.events.append(event(1)));
        driver.transaction(() => {
          driver.script("DROP TRIGGER events_are_not_changed");
          driver.write(`UPDATE events SET annotations = ${value}`);
        });
        expect(() => storage.events.after(0, 1, anyBytes)).toThrow(/annotations are damaged/);
      }),
  );

  it("[TX-8] [ID-9] a key of a principal is in the log once", () =>
    withStorage(fixture, (storage) => {
      storage.transaction(now, (writes) => {
        expect(writes.events.append(event(1))).toBe(true);
        expect(writes.events.append(event(2, { draftId: "d-1" }))).toBe(false);
        expect(writes.events.append(event(2, { draftId: "d-1", principal: "dev:b" }))).toBe(true);
      });
      expect(storage.events.after(0, 10, anyBytes).map(({ eventId }) => eventId)).toEqual([1, 2]);
    }));

  it("[TX-8] an event id is used once, and the log cannot be changed", () =>
    withStorage(fixture, (storage, driver) => {
      storage.transaction(now, (writes) => void writes.events.append(event(1)));
      expect(() => storage.transaction(now, (writes) => void writes.events.append(event(1, { draftId: "x" })))).toThrow(
        /UNIQUE constraint failed: events.event_id/,
      );
      expect(() => driver.transaction(() => driver.write("UPDATE events SET type = 'other'"))).toThrow(/append-only/);
      expect(() => driver.transaction(() => driver.write("DELETE FROM events"))).toThrow(/append-only/);
      expect(storage.events.after(0, 10, anyBytes)).toEqual([event(1)]);
    }));

  it("[TX-8] [BD-7] refuses to read where rows are missing, however few are asked for", () =>
    withStorage(fixture, (storage, driver) => {
      const all = 300;
      storage.transaction(now, (writes) => {
        for (let at = 1; at <= all; at++) writes.events.append(event(at));
      });
      driver.transaction(() => {
        driver.script("DROP TRIGGER events_are_not_deleted");
        driver.write("DELETE FROM events WHERE event_id BETWEEN 3 AND 200 OR event_id = 299");
      });
      for (const limit of [1, 2, 10, 64, 65, 1_000]) {
        for (const before of [2, 50, 198, all - 2])
          expect(() => storage.events.after(before, limit, anyBytes)).toThrow(/its row is missing/);
        expect(storage.events.after(1, limit, anyBytes).map(({ eventId }) => eventId)).toEqual([2]);
        expect(storage.events.after(all, limit, anyBytes)).toEqual([]);
      }
    }));

  it("[TX-8] [BD-1] gives what is folded of the same events", () =>
    withStorage(fixture, (storage, driver) => {
      const rows = [
        event(1, { payload: JSON.stringify({ text: "nul \0, emoji 😀, ü" }), version: 2, expectedEventId: 0 }),
        event(2, { annotations: { label: "l" }, submitter: "bob" }),
        event(3, { principal: "dev:b", correlationId: "00000000000000aa:1:0", hops: 2 }),
      ];
      storage.transaction(now, (writes) => {
        for (const row of rows) writes.events.append(row);
      });
      const stored = storage.events.after(0, 10, anyBytes);
      const columns = [
        "eventId",
        "principal",
        "clientId",
        "type",
        "version",
        "timestamp",
        "payload",
        "payloadBytes",
        "annotations",
        "submitter",
      ] as const;
      const folded = stored.map((row) => Object.fromEntries(columns.map((name) => [name, row[name]])));
      expect(storage.events.folded(0, 10, anyBytes)).toEqual(folded);
      expect(storage.events.folded(1, 1, anyBytes)).toEqual([folded[1]]);
      driver.transaction(() => {
        driver.script("DROP TRIGGER events_are_not_deleted");
        driver.write("DELETE FROM events WHERE event_id = 2");
      });
      expect(storage.events.folded(0, 10, anyBytes)).toEqual([folded[0]]);
      expect(() => storage.events.folded(1, 10, anyBytes)).toThrow(/its row is missing/);
    }));

  it.each(["after", "folded"] as const)("[BD-1] `%s` is bounded in bytes, and has one event at least", (method) =>
    withStorage(fixture, (storage) => {
      const rows = [40, 10, 300, 10, 20].map((size, at) =>
        event(at + 1, { payload: JSON.stringify("ü".repeat(size)) }),
      );
      storage.transaction(now, (writes) => {
        for (const row of rows) writes.events.append(row);
      });
      // In UTF-8 bytes: 82, 22, 602, 22, 42.
      const read = (after: number, limit: number, bytes: number) =>
        storage.events[method](after, limit, bytes).map(({ eventId }) => eventId);
      expect([read(0, 9, 1), read(0, 9, 82), read(0, 9, 83)]).toEqual([[1], [1], [1, 2]]);
      expect([read(0, 2, anyBytes), read(2, 9, 100), read(2, 9, 603)]).toEqual([[1, 2], [3], [3, 4]]);
      expect([read(5, 9, 100), read(9, 9, 100)]).toEqual([[], []]);
    }),
  );

  it("[BD-1] [TX-7] finds where the newest events begin, bounded in number and in bytes", () =>
    withStorage(fixture, (storage) => {
      expect(storage.events.beforeNewest(9, 100)).toBe(0);
      const rows = [40, 300, 10, 20].map((size, at) => event(at + 1, { payload: JSON.stringify("ü".repeat(size)) }));
      storage.transaction(now, (writes) => {
        for (const row of rows) writes.events.append(row);
      });
      // In UTF-8 bytes: 82, 602, 22, 42.
      const bounded = [41, 42, 63, 64, 665, 666, anyBytes].map((bytes) => storage.events.beforeNewest(9, bytes));
      expect(bounded).toEqual([4, 3, 3, 2, 2, 1, 0]);
      expect([1, 2, 4, 5].map((limit) => storage.events.beforeNewest(limit, anyBytes))).toEqual([3, 2, 0, 0]);
    }));
}
