import { expect, it } from "vitest";
import { AuditTable } from "../../../src/storage/partition/audit.ts";
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
      const table = storage.table(AuditTable);
      expect(table.segments()).toBe(0);
      expect(table.head(0)).toBeUndefined();
      storage.transaction(now, () => table.append(segment(0)));
      storage.transaction(now, () => table.append(segment(1)));
      expect(table.segments()).toBe(2);
      for (const number of [0, 1]) {
        const { head, nodes, leaves } = segment(number);
        expect(table.head(number)).toBe(head);
        expect(table.nodes(number)).toEqual(nodes);
        expect(table.leaves(number)).toEqual(leaves);
      }
      expect(table.nodes(2)).toBeUndefined();
      expect(table.leaves(2)).toBeUndefined();
      expect(() => storage.transaction(now, () => table.append(segment(1)))).toThrow("UNIQUE");
      expect(driver.query("SELECT segment FROM audit_segments")).toHaveLength(2);
    }));
}
