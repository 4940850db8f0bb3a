import { expect, it } from "vitest";
import { now, type StorageFixture, withStorage } from "./fixture.ts";

const timer = (key: string, dueAt: number) => ({
  key,
  dueAt,
  type: "expire",
  version: undefined,
  payload: '{"text":"ü"}',
  recurs: undefined,
  correlationId: "c",
  hops: 0,
});

/** The contract of the table `timers`. */
export function timersSuite(fixture: StorageFixture): void {
  it("[TX-12] stores timers, one of each key; one that replaces another has not failed", () =>
    withStorage(fixture, (storage) => {
      const often = { ...timer("b", now + 2), version: 2, recurs: { cron: "0 9 * * *", timeZone: "Europe/Berlin" } };
      storage.transaction(now, (writes) => {
        writes.timers.put(timer("a", now + 1));
        writes.timers.put(timer("b", now + 9));
        writes.timers.postpone("a", now + 70, 3);
        writes.timers.postpone("b", now + 80, 1);
        writes.timers.put(often);
      });
      expect(storage.timers.find("a")).toEqual({ ...timer("a", now + 1), attempts: 3 });
      expect(storage.timers.find("b")).toEqual({ ...often, attempts: 0 });
      expect(storage.timers.find("c")).toBeUndefined();
      const bytes = 13;
      expect(storage.timers.waiting().toSorted((one, other) => one.dueAt - other.dueAt)).toEqual([
        { key: "a", dueAt: now + 1, retryAt: now + 70, bytes },
        { key: "b", dueAt: now + 2, retryAt: undefined, bytes },
      ]);
      storage.transaction(now, (writes) => {
        writes.timers.move("a", now + 5);
        writes.timers.remove("b");
      });
      expect(storage.timers.waiting()).toEqual([{ key: "a", dueAt: now + 5, retryAt: undefined, bytes }]);
      expect(storage.timers.find("a")).toMatchObject({ dueAt: now + 5, attempts: 0 });
    }));
}
