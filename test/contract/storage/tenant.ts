import { expect, it } from "vitest";
import type { Endpoint } from "../../../src/platform/courier-api.ts";
import type { Revocation } from "../../../src/platform/rpc.ts";
import type { SqlDriver } from "../../../src/storage/driver.ts";
import { EndpointsTable } from "../../../src/storage/tenant/endpoints.ts";
import { TenantStorage } from "../../../src/storage/tenant/storage.ts";
import { now, type StorageFixture, tables } from "./fixture.ts";

/** The contract of the tenant's tables. */
export function tenantSuite(fixture: StorageFixture): void {
  const withTenant = <T>(test: (storage: TenantStorage, driver: SqlDriver) => T) =>
    fixture.withDriver((driver) => test(new TenantStorage(driver, fixture.tenantMigrations), driver));

  it("[LC-3] reading a tenant that was never written creates nothing", () =>
    withTenant((storage, driver) => {
      storage.open(now);
      expect(storage.exists).toBe(false);
      expect(storage.settings.seq()).toBe(0);
      expect(storage.settings.limits()).toEqual({});
      expect(storage.revocations.count()).toBe(0);
      expect(storage.revocations.after(0, now)).toEqual([]);
      expect(storage.partitions.has("room")).toBe(false);
      expect(storage.subscriptions.find("room")).toBeUndefined();
      expect(storage.subscriptions.countBehind(1, now)).toBe(0);
      expect(storage.tickets.count("alice")).toEqual({ total: 0, own: 0 });
      expect(storage.rateBuckets.find("drafts")).toBeUndefined();
      expect(tables(driver)).toEqual([]);
    }));

  it("[TX-1] a transaction of the tenant that fails writes nothing, not even the schema", () =>
    withTenant((storage, driver) => {
      expect(() =>
        storage.transaction(now, (writes) => {
          writes.settings.put(1, {});
          throw new Error("fault");
        }),
      ).toThrow("fault");
      expect(tables(driver)).toEqual([]);
      storage.transaction(now, (writes) => writes.settings.put(1, { principal: { perSecond: 1, burst: 2 } }));
      expect(storage.settings.seq()).toBe(1);
      expect(storage.settings.limits()).toEqual({ principal: { perSecond: 1, burst: 2 } });
    }));

  it("[AU-4] stores one revocation of each kind and id, until it expires", () =>
    withTenant((storage) => {
      const revoked = (kind: Revocation["kind"], id: string, expiresAt = now + 9): Revocation => ({
        kind,
        id,
        at: 5,
        expiresAt,
      });
      storage.transaction(now, (writes) => {
        writes.revocations.put(1, revoked("jti", "t", now + 1));
        writes.revocations.put(2, revoked("sub", "alice"));
        writes.revocations.put(3, revoked("jti", "t"));
        writes.revocations.put(4, revoked("jti", "u", now));
      });
      expect(storage.revocations.count()).toBe(3);
      expect(storage.revocations.find("jti", "t")).toEqual(revoked("jti", "t"));
      expect(storage.revocations.find("sub", "t")).toBeUndefined();
      expect(storage.revocations.of("t", "bob", now)).toEqual([revoked("jti", "t")]);
      expect(storage.revocations.of("", "alice", now)).toEqual([revoked("sub", "alice")]);
      expect(storage.revocations.of("alice", "t", now)).toEqual([]);
      expect(storage.revocations.latest(now, 9).map(({ id }) => id)).toEqual(["t", "alice"]);
      expect(storage.revocations.latest(now, 1).map(({ id }) => id)).toEqual(["t"]);
      expect(storage.revocations.after(1, now).map(({ id }) => id)).toEqual(["alice", "t"]);
      expect(storage.revocations.after(2, now).map(({ id }) => id)).toEqual(["t"]);
      storage.transaction(now, (writes) => writes.revocations.sweep(now));
      expect(storage.revocations.count()).toBe(2);
    }));

  it("[AU-4] stores subscriptions, and the last change that each has received", () =>
    withTenant((storage) => {
      storage.transaction(now, (writes) => {
        writes.subscriptions.put({ partition: "a", until: now + 5, receivedSeq: 1 });
        writes.subscriptions.put({ partition: "b", until: now + 9, receivedSeq: 1 });
        writes.subscriptions.put({ partition: "c", until: now, receivedSeq: 1 });
      });
      const behind = (seq: number) => storage.subscriptions.behind(seq, now, 9).map(({ partition }) => partition);
      expect(behind(2)).toEqual(["b", "a"]);
      expect(behind(1)).toEqual([]);
      expect(storage.subscriptions.countBehind(2, now)).toBe(2);
      expect(storage.subscriptions.latest(now, 1).map(({ partition }) => partition)).toEqual(["b"]);
      storage.transaction(now, (writes) => {
        writes.subscriptions.received("a", 3);
        writes.subscriptions.received("a", 2);
        writes.subscriptions.removeBehind("a", 3, now + 5);
        writes.subscriptions.removeBehind("b", 1, now + 9);
        writes.subscriptions.sweep(now);
      });
      expect(storage.subscriptions.find("a")).toEqual({ partition: "a", until: now + 5, receivedSeq: 3 });
      expect(storage.subscriptions.find("c")).toBeUndefined();
      expect(behind(4)).toEqual(["b", "a"]);
      storage.transaction(now, (writes) => writes.subscriptions.removeBehind("b", 2, now + 8));
      expect(behind(4)).toEqual(["b", "a"]);
      storage.transaction(now, (writes) => writes.subscriptions.removeBehind("b", 2, now + 9));
      expect(behind(4)).toEqual(["a"]);
    }));

  it("[AU-12] returns a ticket once, and counts those of a principal", () =>
    withTenant((storage) => {
      const sha256 = new Uint8Array(32).fill(1);
      const ticket = { sha256, principal: "alice", subject: '{"sub":"ü"}', expiresAt: now + 1 };
      storage.transaction(now, (writes) => {
        writes.tickets.add(ticket);
        writes.tickets.add({ ...ticket, sha256: new Uint8Array(32), principal: "bob", expiresAt: now });
      });
      expect(storage.tickets.count("alice")).toEqual({ total: 2, own: 1 });
      storage.transaction(now, (writes) => writes.tickets.sweep(now));
      expect(storage.tickets.count("bob")).toEqual({ total: 1, own: 0 });
      const take = () => storage.transaction<object | undefined>(now, (writes) => writes.tickets.take(sha256));
      expect(take()).toEqual({ subject: ticket.subject, expiresAt: now + 1 });
      expect(take()).toBeUndefined();
    }));

  it("[AU-5] counts a partition once, and stores the tenant's buckets", () =>
    withTenant((storage, driver) => {
      storage.transaction(now, (writes) => {
        writes.partitions.add("room", now);
        writes.partitions.add("room", now + 1);
        writes.rateBuckets.save("drafts", 5, now);
        writes.rateBuckets.save("drafts", 4, now + 1);
      });
      expect(storage.partitions.has("room")).toBe(true);
      expect(driver.query("SELECT created_at FROM partitions")).toEqual([{ created_at: now }]);
      expect(storage.rateBuckets.find("drafts")).toEqual({ level: 4, at: now + 1 });
    }));

  it("[AU-11] stores endpoints, and replaces one of the same id", () =>
    withTenant((storage) => {
      const endpoint: Endpoint = {
        id: "billing",
        url: "https://example.com/größe",
        types: ["order.paid", "größe"],
        state: "disabled",
        paused: true,
        reason: "It has failed for five days.",
        createdAt: now,
        ownHost: "partita.example.com",
        secrets: [{ sealed: "a.b.c" }, { sealed: "d.e.f", until: now }],
      };
      const { types: _, reason: __, ...plain } = endpoint;
      const endpoints = storage.table(EndpointsTable);
      expect(endpoints.all()).toEqual([]);
      storage.transaction(now, () => {
        endpoints.put({ ...endpoint, paused: false });
        endpoints.put(endpoint);
        endpoints.put({ ...plain, id: "audit", state: "active" });
      });
      expect(endpoints.find("billing")).toEqual(endpoint);
      expect(endpoints.all()).toEqual([{ ...plain, id: "audit", state: "active" }, endpoint]);
      storage.transaction(now, () => endpoints.remove("billing"));
      expect(endpoints.find("billing")).toBeUndefined();
    }));
}
