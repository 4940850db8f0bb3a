import { DeadLettersTable } from "../../../src/storage/partition/dead-letters.ts";
import { expect, it } from "vitest";
import type { DeadLetterRow, OutboxRow } from "../../../src/storage/port.ts";
import { now, type StorageFixture, withStorage } from "./fixture.ts";

const effect = (eventId: number, n: number, more: Partial<OutboxRow> = {}): OutboxRow => ({
  eventId,
  n,
  incarnation: "00000000000000aa",
  kind: "submit",
  destination: "other",
  body: `{"type":"add","payload":{"text":"ü${n}"}}`,
  correlationId: "00000000000000aa:1",
  hops: 1,
  createdAt: now,
  queuedAt: now + 1,
  ...more,
});
const dead = (eventId: number, n: number): DeadLetterRow & OutboxRow => ({
  ...effect(eventId, n),
  diedAt: now + 2,
  reason: "rejected",
  detail: '{"code":"validation_failed"}',
});

/** The contract of the tables `outbox` and `dead_letters`. */
export function outboxSuite(fixture: StorageFixture): void {
  it("[TX-12] keeps effects in the order of the log, until they are removed", () =>
    withStorage(fixture, (storage) => {
      expect(storage.outbox.waiting()).toEqual([]);
      const rows = [effect(10, 0), effect(9, 1, { kind: "queue", destination: "MAIL" }), effect(9, 0)];
      storage.transaction(now, (writes) => rows.forEach((row) => writes.outbox.add(row)));
      expect(storage.outbox.waiting()).toEqual([
        { eventId: 9, n: 0, kind: "submit", destination: "other", bytes: 39 },
        { eventId: 9, n: 1, kind: "queue", destination: "MAIL", bytes: 39 },
        { eventId: 10, n: 0, kind: "submit", destination: "other", bytes: 39 },
      ]);
      for (const row of rows) expect(storage.outbox.find(row)).toEqual(row);
      storage.transaction(now, (writes) => writes.outbox.remove({ eventId: 9, n: 1 }));
      expect(storage.outbox.find({ eventId: 9, n: 1 })).toBeUndefined();
      expect(storage.outbox.waiting()).toHaveLength(2);
    }));

  it("[TX-12] no effect has the place of another one", () =>
    withStorage(fixture, (storage) => {
      storage.transaction(now, (writes) => writes.outbox.add(effect(1, 0)));
      expect(() => storage.transaction(now, (writes) => writes.outbox.add(effect(1, 0)))).toThrow(/UNIQUE/);
    }));

  it("[TX-13] keeps dead letters in the order of the log, by pages", () =>
    withStorage(fixture, (storage) => {
      const letters = storage.table(DeadLettersTable);
      expect(letters.totals()).toEqual({ count: 0, bytes: 0 });
      const rows = [dead(2, 0), dead(2, 1), dead(10, 0)];
      storage.transaction(now, () => rows.toReversed().forEach((row) => letters.add(row)));
      expect(letters.totals()).toEqual({ count: 3, bytes: 117 });
      expect(letters.after({ eventId: 0, n: 0 }, 2)).toEqual(rows.slice(0, 2));
      expect(letters.after({ eventId: 2, n: 0 }, 9)).toEqual(rows.slice(1));
      expect(letters.find({ eventId: 2, n: 1 })).toEqual(rows[1]);
      storage.transaction(now, () => letters.remove({ eventId: 2, n: 1 }));
      expect(letters.find({ eventId: 2, n: 1 })).toBeUndefined();
    }));

  it.each([
    { title: "no JSON", row: { body: '{"type":"add"' } },
    { title: "no object", row: { body: "null" } },
    { title: "without a type", row: { body: '{"payload":{}}' } },
    { title: "without a payload", row: { body: '{"type":"add","payload":7}' } },
    { title: "of no kind", row: { kind: "sbmit" as never } },
  ])("[BD-7] [TX-13] an effect that is damaged has no body, and becomes a dead letter as it is: $title", ({ row }) =>
    withStorage(fixture, (storage) => {
      const letters = storage.table(DeadLettersTable);
      const damaged = { ...effect(3, 1, row), body: undefined };
      const givenUp = { diedAt: now + 3, reason: "damaged", detail: '{"detail":"x"}' } as const;
      storage.transaction(now, (writes) => {
        writes.outbox.add(effect(3, 1, row));
        letters.addStored({ eventId: 3, n: 1 }, givenUp);
      });
      expect(storage.outbox.find({ eventId: 3, n: 1 })).toEqual(damaged);
      expect(letters.find({ eventId: 3, n: 1 })).toEqual({ ...damaged, ...givenUp });
    }),
  );
}
