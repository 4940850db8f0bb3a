import { expect, it } from "vitest";
import { event, now, rejection, type StorageFixture, withStorage } from "./fixture.ts";

/** The contract of the table `idempotency_records`. */
export function rejectionsSuite(fixture: StorageFixture): void {
  it("[OB-4] are found by principal, key and trace id, the newest first, in bounded steps", () =>
    withStorage(fixture, (storage) => {
      const traceId = (at: number) => at.toString(16).padStart(32, "0");
      storage.transaction(now, (writes) => {
        for (let at = 1; at <= 20; at++) {
          const problem = JSON.stringify({ code: "conflict", traceId: traceId(at) });
          writes.rejections.record({ ...rejection(`d-${at}`), principal: at % 2 === 0 ? "dev:a" : "dev:b", problem });
        }
      });
      const find = (filter: object, before = 100, scan = 50, limit = 3) => {
        const { rows, scannedTo } = storage.rejections.search(filter, before, scan, limit);
        return [rows.map(({ recordId }) => recordId), scannedTo];
      };
      expect(find({})).toEqual([[20, 19, 18], 18]);
      expect(find({ principal: "dev:b" }, 18)).toEqual([[17, 15, 13], 13]);
      expect(find({ draftId: "d-4" })).toEqual([[4], 1]);
      expect(find({ traceId: traceId(9) }, 100, 5)).toEqual([[], 16]);
      expect(find({ traceId: traceId(9) }, 16, 8)).toEqual([[9], 8]);
      expect(find({ principal: "dev:c" })).toEqual([[], 1]);
      expect(storage.rejections.search({}, 2, 5, 5).rows[0]).toMatchObject({ judgedAt: 7, draftId: "d-1" });
    }));

  it("[ID-8] a key that was rejected is never in the log", () =>
    withStorage(fixture, (storage) => {
      storage.transaction(now, (writes) => {
        expect(writes.rejections.record(rejection("d-1"))).toBe(1);
        expect(writes.events.append(event(1))).toBe(false);
      });
      expect(storage.events.head().eventId).toBe(0);
      expect(storage.rejections.find("dev:a", "d-1")).toEqual({ ...rejection("d-1"), recordId: 1 });
    }));

  it("[ID-8] counts the rejections of a principal, of a kind of principals, and of all", () =>
    withStorage(fixture, (storage) => {
      const of = (principal: string, draftId: string) => ({ ...rejection(draftId), principal });
      storage.transaction(now, (writes) => {
        for (const principal of ["timer:a", "timer:b", "timers", "time:", "dev:a"])
          writes.rejections.record(of(principal, "d"));
      });
      const one = storage.rejections.totals("timer:a");
      expect(one.count).toBe(1);
      expect(storage.rejections.totalsOf("timer:")).toEqual({ count: 2, bytes: 2 * one.bytes });
      expect(storage.rejections.totalsOf("saga:")).toEqual({ count: 0, bytes: 0 });
      expect(storage.rejections.totals().count).toBe(5);
    }));

  it("[ID-8] forgets the oldest rejections of principals, and of kinds of them", () =>
    withStorage(fixture, (storage) => {
      const principals = ["dev:a", "partition:shop", "timer:b", "partition:shop-2", "timer:a", "partition:shop"];
      const forget = (accounts: readonly string[], limit: number) =>
        storage.transaction(now, (writes) => writes.rejections.forgetOldest(accounts, limit));
      const left = () =>
        principals.flatMap((principal, at) => (storage.rejections.find(principal, `d-${at}`) ? [at] : []));
      storage.transaction(now, (writes) => {
        for (const [at, principal] of principals.entries())
          writes.rejections.record({ ...rejection(`d-${at}`), principal });
      });
      forget(["timer:"], 1);
      expect(left()).toEqual([0, 1, 3, 4, 5]);
      forget(["partition:", "timer:"], 2);
      expect(left()).toEqual([0, 4, 5]);
      forget(["partition:shop"], 9);
      expect(left()).toEqual([0, 4]);
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
