import { describe, expect, it } from "vitest";
import { tableOf } from "../../src/cli/commands/costs.ts";
import { single } from "../../src/core/index.ts";
import type { DayCost, MetricsReport } from "../../src/platform/metrics-api.ts";
import { allParts } from "../../src/shell/all-parts.ts";
import { Costs } from "../../src/shell/costs.ts";
import { DirectoryStorage } from "../../src/storage/directory/storage.ts";
import { NodeSqlDriver } from "../../src/storage/node.ts";
import { addCosts, costDaysMax } from "../../src/tenant/costs.ts";
import { Directory } from "../../src/tenant/directory.ts";
import { BilledDriver } from "../bench/billed-driver.ts";
import { migrationsIn } from "../support/partition.ts";
import { schemasOf } from "../support/schemas.ts";
import { TestShell } from "../support/shell.ts";

const author = { principal: "ann", permissions: "all" as const };
const set = (key: string) =>
  single({
    draftId: key,
    event: { type: "set", payload: { target: key, value: { a: 1 } } as never },
    expectedEventId: undefined,
  });
const dayMs = 86_400_000;
const midnight = Date.parse("2026-11-30T00:00:00Z");
const none = { requests: 0, socketMessages: 0, rowsRead: 0, rowsWritten: 0, activeMs: 0, storedBytes: 0, events: 0 };

/** A partition whose reports are kept. */
function billedRoom(now = midnight, parts = allParts) {
  const driver = new BilledDriver();
  const reports: MetricsReport[] = [];
  const billed = {
    rowsWritten: () => driver.rowsWritten,
    rowsRead: () => driver.rowsRead,
    storedBytes: () => 4_096,
  };
  const room = new TestShell({ driver, billed, now, parts, report: async (report) => void reports.push(report) });
  const costs = (): readonly DayCost[] =>
    reports.reduce<readonly DayCost[]>((sum, report) => addCosts(sum, report.costs ?? []), []);
  return { driver, reports, room, costs };
}

describe("what a partition costs", () => {
  it("[OB-2] [EC-5] is not counted, and nothing is reported, where the Worker does not have the part", async () => {
    const { measuring: _, ...others } = allParts;
    for (const [parts, times] of [
      [allParts, 1],
      [others, 0],
    ] as const) {
      const { room, reports } = billedRoom(midnight, parts);
      await room.submit(author, set("a"));
      expect(reports).toHaveLength(times);
    }
  });

  it("[OB-2] is what the storage has counted, every request and message, and every alarm that was set", async () => {
    const { driver, room, reports, costs } = billedRoom();
    for (let at = 0; at < 30; at++) {
      await room.submit(author, set(`h-${at}`));
      room.elapse(3_000);
    }
    const alice = await room.open(author);
    alice.send("connect", { clientId: "c", version: "1" });
    for (let at = 0; at < 25; at++) {
      alice.send("submit_event", {
        draftId: `s-${at}`,
        event: { type: "set", payload: { target: `s-${at}`, value: {} } },
      });
      room.elapse(100);
    }
    await room.shell.readUsage({ traceId: "f".repeat(32), reader: author });
    // The next entry reports what was counted since the last report.
    room.elapse(10_000);
    await room.submit(author, set("last"));
    expect(costs()).toEqual([
      {
        day: "2026-11-30",
        // The submissions, the connection and the read.
        requests: 31 + 1 + 1,
        socketMessages: 26,
        rowsRead: driver.rowsRead,
        rowsWritten: driver.rowsWritten + room.alarmsSet,
        activeMs: expect.any(Number) as number,
        storedBytes: 4_096,
        events: 56,
      },
    ]);
    expect(room.alarmsSet).toBeGreaterThan(0);
    expect(reports.length).toBeGreaterThan(5);
    expect(reports.reduce((sum, { counts }) => sum + (counts["rows_read"] ?? 0), 0)).toBe(driver.rowsRead);
  });

  it("[OB-2] is reported of a partition that is only read, but not of one that was never written", async () => {
    const { room, reports, costs } = billedRoom();
    const read = async () => await room.shell.readUsage({ traceId: "f".repeat(32), reader: author });
    await read();
    room.elapse(20_000);
    await read();
    expect(reports).toEqual([]);
    await room.submit(author, set("a"));
    room.elapse(20_000);
    const before = reports.length;
    await read();
    expect(reports).toHaveLength(before + 1);
    expect(costs()).toMatchObject([{ requests: 4, events: 1 }]);
  });

  it("[OB-2] counts each figure on its day", async () => {
    const { room, costs } = billedRoom(midnight - 1_000);
    await room.submit(author, set("a"));
    room.elapse(500);
    await room.submit(author, set("b"));
    room.elapse(20_000);
    await room.submit(author, set("c"));
    expect(costs().map(({ day, events, requests }) => [day, events, requests])).toEqual([
      ["2026-11-29", 2, 2],
      ["2026-11-30", 1, 1],
    ]);
  });

  it("[OB-2] is active while at least one thing keeps the object from hibernating, and not in between", () => {
    let now = midnight;
    const costs = new Costs({ rowsRead: () => 0, rowsWritten: () => 0 }, () => now);
    const one = costs.begin();
    now += 100;
    const other = costs.begin();
    now += 100;
    one();
    one();
    now += 100;
    costs.look();
    now += 100;
    other();
    now += 1_000;
    const third = costs.begin();
    // The clock may be set back.
    now -= 50;
    third();
    expect(costs.take(7)).toEqual([{ ...none, day: "2026-11-30", activeMs: 400, storedBytes: 7 }]);
  });

  it("[OB-2] of an object that only waits for clients with sockets is no time", async () => {
    const { room, costs } = billedRoom();
    const alice = await room.open(author);
    alice.send("connect", { clientId: "c", version: "1" });
    for (let at = 0; at < 5; at++) {
      alice.send("submit_event", { draftId: `s-${at}`, event: { type: "set", payload: { target: "t", value: {} } } });
      room.elapse(60_000);
      expect(room.timers).toBe(0);
    }
    expect(costs()[0]!.activeMs).toBeLessThan(1_000);
  });
});

it("[OB-2] `partita costs` prints a day a line, in the units of the price list", () => {
  const day = { ...none, day: "2026-11-30", billedRequests: 1_234, gigabyteSeconds: 0.5, rowsWritten: 77 };
  const [head, line, ...more] = tableOf([day]).split("\n");
  expect(head!.trim().split(/ {2,}/)).toEqual([
    "day",
    "requests",
    "GB-s",
    "rows read",
    "rows written",
    "bytes stored",
    "events",
  ]);
  expect(line!.trim().split(/ +/)).toEqual(["2026-11-30", "1,234", "0.5", "0", "77", "0", "0"]);
  expect(more).toEqual([]);
});

describe("what a tenant keeps of it", () => {
  const report = (day: string, requests: number, seq = 1): MetricsReport => ({
    partition: "room",
    incarnation: "i".repeat(16),
    seq,
    counts: {},
    gauges: [],
    periodMs: 10_000,
    log: { head: seq, quarantined: false },
    costs: [{ ...none, day, requests, storedBytes: requests }],
  });
  const opened = () => {
    const driver = new BilledDriver();
    const open = () => new Directory(new DirectoryStorage(driver, migrationsIn("directory")), 0);
    return { driver, open };
  };

  it("[OB-2] are the sums of each day, stored with the row of the partition, at most once a minute", () => {
    const { driver, open } = opened();
    const parts = open();
    parts.report(report("2026-11-30", 1), midnight);
    for (let seq = 2; seq <= 6; seq++) parts.report(report("2026-11-30", 10, seq), midnight + seq * 10_000);
    expect(parts.costsOf("room")).toEqual([{ ...none, day: "2026-11-30", requests: 51, storedBytes: 10 }]);
    // What waits in memory is not there after a restart.
    expect(open().costsOf("room")).toMatchObject([{ requests: 1 }]);
    const before = driver.rowsWritten;
    expect(parts.store(midnight + 60_000, 50_000)).toEqual({ stored: 0, waiting: 1 });
    expect(driver.rowsWritten).toBe(before);
    expect(parts.store(midnight + 70_000, 50_000)).toEqual({ stored: 1, waiting: 0 });
    // A row of the day; and that of the partition, which this driver counts as if it were new, with its index.
    expect(driver.rowsWritten - before).toBe(1 + 2);
    expect(open().costsOf("room")).toEqual([{ ...none, day: "2026-11-30", requests: 51, storedBytes: 10 }]);
    expect(parts.costsOf("other")).toEqual([]);
  });

  it("[OB-2] are 35 days, the newest first", () => {
    const { driver, open } = opened();
    const parts = open();
    const days = Array.from({ length: 50 }, (_, at) => new Date(midnight + at * dayMs).toISOString().slice(0, 10));
    for (const [at, day] of days.entries()) {
      parts.report(report(day, at, at + 1), midnight + at * dayMs);
      parts.store(midnight + at * dayMs);
    }
    expect(parts.costsOf("room").map(({ day }) => day)).toEqual(days.slice(-costDaysMax).toReversed());
    expect(driver.query("SELECT COUNT(*) AS n FROM costs")[0]!["n"]).toBe(costDaysMax);
  });

  it("[LC-3] [OB-2] adds to a part of a directory that had none", () => {
    const driver = new NodeSqlDriver();
    driver.transaction(() => driver.script(schemasOf("directory").at(-1)!));
    const parts = new Directory(new DirectoryStorage(driver, migrationsIn("directory")), midnight);
    expect(parts.costsOf("board-1")).toEqual([]);
    parts.report({ ...report("2026-11-30", 4), partition: "board-1" }, midnight);
    parts.store(midnight);
    expect(parts.costsOf("board-1")).toMatchObject([{ requests: 4 }]);
  });
});
