import { expect, it } from "vitest";
import { now, type StorageFixture, withStorage } from "./fixture.ts";

/** The contract of the table `jobs`. */
export function jobsSuite(fixture: StorageFixture): void {
  it("[LC-3] stores jobs, one of each kind and key, earliest first", () =>
    withStorage(fixture, (storage) => {
      const snapshot = { kind: "snapshot", key: "", dueAt: now + 2, attempts: 3 } as const;
      const sweep = { kind: "sweep_sockets", key: "", dueAt: now + 9, attempts: 0 } as const;
      const other = { ...sweep, kind: "sweep_records", key: "other", dueAt: now + 1 } as const;
      const twin = { ...sweep, key: "twin", dueAt: now + 10 };
      storage.transaction(now, (writes) => {
        writes.jobs.put({ ...snapshot, dueAt: now + 5, attempts: 0 });
        writes.jobs.put(sweep);
        writes.jobs.put(twin);
        writes.jobs.put(other);
        writes.jobs.put(snapshot);
      });
      expect(storage.jobs.all()).toEqual([other, snapshot, sweep, twin]);
      storage.transaction(now, (writes) => {
        writes.jobs.remove("snapshot", "");
        writes.jobs.remove("sweep_records", "other");
        writes.jobs.remove("sweep_sockets", "twin");
      });
      expect(storage.jobs.all()).toEqual([sweep]);
    }));
}
