import { expect, it } from "vitest";
import { now, type StorageFixture, withStorage } from "./fixture.ts";

/** The contract of the table `log`. */
export function logSuite(fixture: StorageFixture): void {
  it("[LC-3] stores exactly one identity of the log", () =>
    withStorage(fixture, (storage) => {
      const identity = { logId: "l", tenant: "t", partition: "p" };
      storage.transaction(now, (writes) => writes.log.create(identity, now));
      expect(storage.log.identity()).toEqual(identity);
      expect(() => storage.transaction(now, (writes) => writes.log.create({ ...identity, logId: "m" }, now))).toThrow(
        /UNIQUE constraint failed: log.singleton/,
      );
      expect(storage.log.identity()).toEqual(identity);
    }));
}
