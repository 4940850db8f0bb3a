import { expect, it } from "vitest";
import { event, now, rejection, type StorageFixture, withStorage } from "./fixture.ts";

/** The contract of the table `idempotency_records`. */
export function rejectionsSuite(fixture: StorageFixture): void {
  it("[ID-8] a key that was rejected is never in the log", () =>
    withStorage(fixture, (storage) => {
      storage.transaction(now, (writes) => {
        expect(writes.rejections.record(rejection("d-1"))).toBe(1);
        expect(writes.events.append(event(1))).toBe(false);
      });
      expect(storage.events.head().eventId).toBe(0);
      expect(storage.rejections.find("dev:a", "d-1")).toEqual({ ...rejection("d-1"), recordId: 1 });
    }));

  it("[ID-10] deletes a bounded number of the oldest rejections, and no younger ones", () =>
    withStorage(fixture, (storage) => {
      storage.transaction(now, (writes) => {
        for (let at = 0; at < 5; at++) writes.rejections.record(rejection(`d-${at}`, now + at));
      });
      expect(storage.transaction(now, (writes) => writes.rejections.sweep(now + 3, 2))).toBe(2);
      expect(storage.rejections.oldest()).toBe(now + 2);
      expect(storage.transaction(now, (writes) => writes.rejections.sweep(now + 3, 9))).toBe(1);
      expect(storage.transaction(now, (writes) => writes.rejections.sweep(now + 3, 9))).toBe(0);
      expect(storage.rejections.oldest()).toBe(now + 3);
    }));
}
