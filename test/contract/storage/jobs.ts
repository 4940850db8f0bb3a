import { expect, it } from "vitest";
import { now, type StorageFixture, withStorage } from "./fixture.ts";

/** The contract of the due work. */
export function jobsSuite(fixture: StorageFixture): void {
  it("keeps due work, one of each kind", () =>
    withStorage(fixture, (storage) => {
      storage.transaction(now, (writes) => {
        writes.jobs.put("snapshot", now + 5);
        writes.jobs.put("sweep_records", now + 9);
        writes.jobs.put("snapshot", now + 2);
      });
      expect(storage.jobs.dueBy(now + 5)).toEqual([{ kind: "snapshot", dueAt: now + 2 }]);
      storage.transaction(now, (writes) => writes.jobs.remove("snapshot"));
      expect(storage.jobs.dueBy(now + 9)).toEqual([{ kind: "sweep_records", dueAt: now + 9 }]);
    }));
}
