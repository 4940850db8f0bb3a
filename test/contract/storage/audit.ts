import { expect, it } from "vitest";
import { now, type StorageFixture, withStorage } from "./fixture.ts";

const segment = (number: number) => ({
  segment: number,
  head: `h.${number}.ü`,
  nodes: new Uint8Array(32 * 2).fill(number),
  leaves: new Uint8Array(32 * 1_024).fill(255 - number),
});

/** The contract of the table `audit_segments`. */
export function auditSuite(fixture: StorageFixture): void {
  it("[MD-9] stores the segments of the audit, each once and one row each", () =>
    withStorage(fixture, (storage, driver) => {
      expect(storage.audit.segments()).toBe(0);
      expect(storage.audit.head(0)).toBeUndefined();
      storage.transaction(now, (writes) => writes.audit.append(segment(0)));
      storage.transaction(now, (writes) => writes.audit.append(segment(1)));
      expect(storage.audit.segments()).toBe(2);
      for (const number of [0, 1]) {
        const { head, nodes, leaves } = segment(number);
        expect(storage.audit.head(number)).toBe(head);
        expect(storage.audit.nodes(number)).toEqual(nodes);
        expect(storage.audit.leaves(number)).toEqual(leaves);
      }
      expect(storage.audit.nodes(2)).toBeUndefined();
      expect(storage.audit.leaves(2)).toBeUndefined();
      expect(() => storage.transaction(now, (writes) => writes.audit.append(segment(1)))).toThrow("UNIQUE");
      expect(driver.query("SELECT segment FROM audit_segments")).toHaveLength(2);
    }));
}
