import { noLimits } from "../../src/protocol/index.ts";
import { describe, expect, it } from "vitest";
import { limitsShape } from "../../src/edge/document/tenant-schemas.ts";
import { NodeSqlDriver } from "../../src/storage/node.ts";
import { TenantStorage } from "../../src/storage/tenant/storage.ts";
import { Tenant } from "../../src/tenant/tenant.ts";
import { migrationsIn } from "../support/partition.ts";

const minute = 60_000;

describe("the subscriptions of partitions", () => {
  it("[AU-5] are deleted after their end: reading names of unwritten partitions fills no table", () => {
    const driver = new NodeSqlDriver();
    const tenant = new Tenant(new TenantStorage(driver, migrationsIn("tenant")), noLimits, 0);
    for (let at = 0; at < 100; at++)
      tenant.subscribe({ partition: `name-${at}`, leaseMs: minute / 2, knownSeq: 0 }, at);
    tenant.subscribe({ partition: "room", leaseMs: minute, knownSeq: 0 }, 2 * minute);
    expect(driver.query("SELECT partition FROM attending")).toEqual([{ partition: "room" }]);
  });

  it("[AU-4] are kept where a partition subscribes again while its last answer is on its way", () => {
    const tenant = new Tenant(new TenantStorage(new NodeSqlDriver(), migrationsIn("tenant")), noLimits, 0);
    const revoke = (id: string) => tenant.revoke({ kind: "jti", id, at: 0, expiresAt: 60 * minute }, 0);
    const asked = { partition: "room", leaseMs: minute, knownSeq: 0 };
    tenant.subscribe(asked, 0);
    revoke("a");
    const told = tenant.changesFor("room", 0)!;
    // The partition answers that it has no connections; then it gets one.
    tenant.subscribe(asked, 0);
    tenant.unsubscribe("room", told, 0);
    revoke("b");
    expect(tenant.behind(10, 0)).toMatchObject([{ partition: "room" }]);
    tenant.unsubscribe("room", tenant.changesFor("room", 0)!, 0);
    expect(tenant.behind(10, 0)).toEqual([]);
  });
});

describe("the limits that a tenant sets", () => {
  it("[AU-5] have rates for which a Retry-After can be computed", () => {
    const fits = (perSecond: number) => limitsShape.safeParse({ tenant: { perSecond, burst: 1 } }).success;
    expect([1e-300, 0, -1, 1e9].filter(fits)).toEqual([]);
    expect([0.001, 1 / 60, 20].filter(fits)).toHaveLength(3);
  });
});
