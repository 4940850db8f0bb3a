import { describe, expect, it } from "vitest";
import { noLimits } from "../../src/core/index.ts";
import { NodeSqlDriver } from "../../src/storage/node.ts";
import { Tenant } from "../../src/tenant/tenant.ts";
import { migrationsIn } from "../support/partition.ts";

const minute = 60_000;

describe("the partitions that want to be told", () => {
  it("[AU-5] are forgotten when their time is over: reading names that nobody has written fills no table", () => {
    const driver = new NodeSqlDriver();
    const tenant = new Tenant(driver, migrationsIn("tenant"), noLimits, 0);
    for (let at = 0; at < 100; at++) tenant.attend(`name-${at}`, minute / 2, at);
    tenant.attend("room", minute, 2 * minute);
    expect(driver.query("SELECT partition FROM attending")).toEqual([{ partition: "room" }]);
  });
});
