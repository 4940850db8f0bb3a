import { expect, it } from "vitest";
import { now, type StorageFixture, withStorage } from "./fixture.ts";

/** The contract of the table `tenant_limits`. */
export function tenantLimitsSuite(fixture: StorageFixture): void {
  it("[AU-5] stores the last limits of the tenant", () =>
    withStorage(fixture, (storage) => {
      expect(storage.tenantLimits.get()).toBeUndefined();
      for (const text of ['{"a":1}', '{"ü":"\\u0000"}']) {
        storage.transaction(now, (writes) => writes.tenantLimits.put(text));
        expect(storage.tenantLimits.get()).toBe(text);
      }
    }));
}
