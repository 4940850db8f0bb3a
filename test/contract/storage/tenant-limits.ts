import { expect, it } from "vitest";
import { now, type StorageFixture, withStorage } from "./fixture.ts";

/** The contract of the table `tenant_limits`. */
export function tenantLimitsSuite(fixture: StorageFixture): void {
  it("[AU-5] keeps the last text that the tenant has set", () =>
    withStorage(fixture, (storage) => {
      expect(storage.tenantLimits.get()).toBeUndefined();
      for (const text of ['{"a":1}', '{"ü":"\\u0000"}']) {
        storage.transaction(now, (writes) => writes.tenantLimits.put(text));
        expect(storage.tenantLimits.get()).toBe(text);
      }
    }));
}
