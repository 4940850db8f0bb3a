import { expect, it } from "vitest";
import { PartitionStorage } from "../../../src/storage/partition/storage.ts";
import { anyBytes, batch, event, now, type StorageFixture, withStorage } from "./fixture.ts";

/** The contract of the table `batches`. */
export function batchesSuite(fixture: StorageFixture): void {
  it("[ID-8] stores accepted atomic batches, and their keys are never in the log", () =>
    withStorage(fixture, (storage) => {
      storage.transaction(now, (writes) => {
        writes.events.append(event(1, { batchEnd: 2 }));
        writes.events.append(event(2, { batchEnd: 2 }));
        writes.batches.record(batch("b"));
        expect(writes.events.append(event(3, { draftId: "b" }))).toBe(false);
        expect(writes.events.append(event(3, { draftId: "b", principal: "dev:b" }))).toBe(true);
      });
      expect(storage.batches.find("dev:a", "b")).toEqual(batch("b"));
      expect(storage.batches.find("dev:b", "b")).toBeUndefined();
      expect(storage.events.after(0, 9, anyBytes).map(({ batchEnd }) => batchEnd)).toEqual([2, 2, undefined]);
    }));

  it("[ID-8] a storage that is opened later has the keys of batches", () =>
    fixture.withDriver((driver) => {
      const open = () => new PartitionStorage(driver, fixture.migrations, fixture.bytes);
      open().transaction(now, (writes) => writes.batches.record(batch("b")));
      expect(open().transaction(now, (writes) => writes.events.append(event(1, { draftId: "b" })))).toBe(false);
    }));
}
