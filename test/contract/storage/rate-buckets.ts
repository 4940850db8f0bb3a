import { expect, it } from "vitest";
import { now, type StorageFixture, withStorage } from "./fixture.ts";

/** The contract of the table `rate_buckets`. */
export function rateBucketsSuite(fixture: StorageFixture): void {
  it("[AU-5] stores buckets by principal and scope, and deletes full ones at most once a minute", () =>
    withStorage(fixture, (storage) => {
      const row = { principal: "dev:a", scope: "", level: -3, at: now, fullAt: now + 1 };
      const save = (principal: string, at: number) =>
        storage.transaction(at, (writes) => writes.rateBuckets.save({ ...row, principal }, at));
      save("dev:a", now);
      storage.transaction(now, (writes) => writes.rateBuckets.save({ ...row, scope: "set", level: 7 }, now));
      storage.transaction(now, (writes) => writes.rateBuckets.save({ ...row, scope: "set", level: 6 }, now));
      expect(storage.rateBuckets.find("dev:a", "")).toEqual({ level: -3, at: now });
      expect(storage.rateBuckets.find("dev:a", "set")).toEqual({ level: 6, at: now });
      expect(storage.rateBuckets.find("dev:b", "")).toBeUndefined();
      save("dev:b", now + 59_999);
      expect(storage.rateBuckets.find("dev:a", "")).toBeDefined();
      save("dev:b", now + 60_000);
      expect(storage.rateBuckets.find("dev:a", "")).toBeUndefined();
      expect(storage.rateBuckets.find("dev:b", "")).toBeDefined();
    }));
}
