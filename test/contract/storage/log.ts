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

  it("[MD-13] keeps the first secret of the log, whether it comes with it or later", () =>
    withStorage(fixture, (storage) => {
      const identity = { logId: "l", tenant: "t", partition: "p" };
      expect(storage.log.authorSecret()).toBeUndefined();
      storage.transaction(now, (writes) => writes.log.create(identity, now));
      expect(storage.log.authorSecret()).toBeUndefined();
      for (const secret of ["first", "second"]) {
        storage.transaction(now, (writes) => writes.log.keepAuthorSecret(secret));
        expect(storage.log.authorSecret()).toBe("first");
      }
    }));

  it("[MD-13] is created with its secret", () =>
    withStorage(fixture, (storage) => {
      const identity = { logId: "l", tenant: "t", partition: "p" };
      storage.transaction(now, (writes) => writes.log.create(identity, now, "first"));
      expect(storage.log.authorSecret()).toBe("first");
    }));
}
