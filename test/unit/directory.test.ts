import { describe, expect, it } from "vitest";
import { cursorAfter, nameAfter } from "../../src/edge/cursors.ts";
import { nameRanges } from "../../src/identity/name-ranges.ts";
import { mayAddress } from "../../src/identity/verify.ts";
import type { NameRange, PlacedPage } from "../../src/platform/directory-api.ts";
import type { MetricsReport } from "../../src/platform/metrics-api.ts";
import { NodeSqlDriver } from "../../src/storage/node.ts";
import { DirectoryStorage } from "../../src/storage/directory/storage.ts";
import { Directory } from "../../src/tenant/directory.ts";
import { migrationsIn } from "../support/partition.ts";
import { schemasOf } from "../support/schemas.ts";

const minute = 60_000;
const all = nameRanges(["*"], "");
const page = { ranges: all, after: "", only: undefined, limit: 100 };
const log = { head: 1, quarantined: false };
const reportOf = (partition: string, more: Partial<MetricsReport> = {}, logBytes = 10): MetricsReport => ({
  partition,
  incarnation: "i".repeat(16),
  seq: 1,
  counts: {},
  gauges: [
    { name: "connections", used: 1, max: 1_000 },
    { name: "logBytes", used: logBytes, max: 1_000 },
    { name: "deadLetters", used: 0, max: 10 },
  ],
  periodMs: 10_000,
  log,
  ...more,
});
const dead = (used: number) => ({ gauges: [{ name: "deadLetters", used, max: 10 }] });

/** A directory, and how many rows it has written. */
function directory() {
  const driver = new NodeSqlDriver();
  const open = () => new Directory(new DirectoryStorage(driver, migrationsIn("directory")), 0);
  const stored = (name: string) => driver.query("SELECT head FROM partitions WHERE name = ?", name)[0]?.["head"];
  return { driver, parts: open(), open, stored };
}

it.each(schemasOf("directory").map((text, at) => ({ schema: at + 1, text })))(
  "[LC-3] [OB-4] a part of a directory that was written with schema $schema keeps its partitions, each with a place",
  ({ text }) => {
    const driver = new NodeSqlDriver();
    driver.transaction(() => driver.script(text));
    const storage = new DirectoryStorage(driver, migrationsIn("directory"));
    const parts = new Directory(storage, 1_700_000_000_000);
    expect(parts.page(page).map(({ name, logBytes }) => [name, logBytes])).toEqual([
      ["board-1", 400],
      ["board-2", 9_000],
    ]);
    expect(parts.page({ ...page, only: "quarantined" }).map(({ name }) => name)).toEqual(["board-2"]);
    expect(storage.partitions.isPlaceless()).toBe(false);
    expect(new Set(storage.partitions.afterPlace(0, 9).map(({ name }) => name))).toEqual(
      new Set(["board-1", "board-2"]),
    );
    expect(storage.cursorKey.find()).toHaveLength(32);
  },
);

describe("the directory of a tenant", () => {
  it("[OB-4] has each partition from the report of its first event on", () => {
    const { parts, open } = directory();
    expect(parts.report(reportOf("unwritten", { log: undefined }), 0)).toBe("nothing");
    expect(parts.report(reportOf("room"), 5)).toBe("stored");
    expect(open().page(page)).toEqual([
      {
        name: "room",
        createdAt: 5,
        activeAt: 5,
        head: 1,
        logBytes: 10,
        stateBytes: 0,
        fullest: "logBytes",
        fullness: 0.01,
        quarantined: false,
        deadLetters: 0,
        verifiedAt: 0,
        findings: 0,
      },
    ]);
  });

  it("[OB-4] writes the row of a partition once for all reports of a minute, and shows the last one", () => {
    const { parts, open, stored } = directory();
    parts.report(reportOf("room"), 0);
    for (let head = 2; head <= 6; head++) {
      expect(parts.report(reportOf("room", { log: { ...log, head } }), head * 10_000)).toBe("waiting");
    }
    expect(stored("room")).toBe(1);
    expect(parts.page(page)).toMatchObject([{ head: 6, createdAt: 0, activeAt: minute }]);
    parts.store(minute);
    expect(stored("room")).toBe(6);
    expect(open().page(page)).toEqual(parts.page(page));
  });

  it("[OB-4] stores at once that a partition is quarantined, or has dead letters", () => {
    const { parts, stored } = directory();
    for (const name of ["a", "b", "c"]) parts.report(reportOf(name), 0);
    expect(parts.report(reportOf("a", { log: { quarantined: true } }), 1)).toBe("stored");
    expect(parts.report(reportOf("b", dead(2)), 1)).toBe("stored");
    expect(parts.report(reportOf("b", { ...dead(3), log: { ...log, head: 9 } }), 2)).toBe("waiting");
    expect(stored("a")).toBe(1);
    expect(parts.page({ ...page, only: "quarantined" })).toMatchObject([{ name: "a", head: 1 }]);
    expect(parts.page({ ...page, only: "deadLetters" })).toMatchObject([{ name: "b", deadLetters: 3 }]);
    expect(parts.among(["c", "b", "a"], { ...page, only: "deadLetters" })).toMatchObject([{ name: "b" }]);
  });

  it("[OB-4] [LC-6] keeps what the last verification has found, and stores it at once", () => {
    const { parts, open } = directory();
    for (const name of ["a", "b"]) parts.report(reportOf(name), 0);
    expect(parts.report(reportOf("a", { log: { ...log, verified: { at: 7, findings: 2 } } }), 8)).toBe("stored");
    expect(parts.report(reportOf("b", { log: { ...log, verified: { at: 7, findings: 0 } } }), 8)).toBe("waiting");
    parts.report(reportOf("a", { log: { ...log, head: 5 } }), 9);
    parts.store(minute);
    const damaged = { ...page, only: "damaged" } as const;
    for (const each of [parts, open()]) {
      expect(each.page(damaged)).toMatchObject([{ name: "a", head: 5, verifiedAt: 7, findings: 2 }]);
      expect(each.page(page)).toMatchObject([{ name: "a" }, { name: "b", verifiedAt: 7, findings: 0 }]);
    }
    parts.report(reportOf("a", { log: { ...log, verified: { at: 99, findings: 0 } } }), 100);
    expect(parts.page(damaged)).toEqual([]);
  });

  it("[OB-4] lists those with the most, with what is not stored yet", () => {
    const { parts } = directory();
    for (let at = 0; at < 50; at++) parts.report(reportOf(`p-${at}`, {}, at), 0);
    parts.report(reportOf("p-7", {}, 900), 1);
    parts.report(reportOf("p-49", {}, 1), 1);
    const largest = parts.top("largest", { ...page, limit: 3 });
    expect(largest.map(({ name, logBytes }) => [name, logBytes])).toEqual([
      ["p-7", 900],
      ["p-48", 48],
      ["p-47", 47],
    ]);
    expect(parts.top("fullest", { ...page, ranges: nameRanges(["*"], "p-4"), limit: 1 })).toMatchObject([
      { name: "p-48", fullest: "logBytes", fullness: 0.048 },
    ]);
  });

  it("[AU-9] is read by place: no page shows by its ends which other names there are", () => {
    const { parts, open } = directory();
    for (let at = 0; at < 1_200; at++) parts.report(reportOf(`p-${at}`), 0);
    const pagesOf = (ranges: NameRange[], limit: number) => {
      const pages: string[][] = [];
      for (let after: number | undefined = -1; after !== undefined;) {
        const { rows, last }: PlacedPage = open().placed({ ranges, after, limit });
        pages.push(rows.map(({ name }) => name));
        after = last;
      }
      return pages;
    };
    for (const patterns of [["*"], ["p-1*"], ["p-7", "p-9"], ["q-*"]]) {
      const pages = pagesOf(nameRanges(patterns, ""), 50);
      const names = Array.from({ length: 1_200 }, (_, at) => `p-${at}`).filter((name) =>
        mayAddress({ partitions: patterns }, name),
      );
      expect(pages.flat().toSorted()).toEqual(names.toSorted());
      if (names.length > 50) expect(pages.flat()).not.toEqual(names.toSorted());
    }
    // A place stays, whatever is reported.
    const before = pagesOf(all, 500);
    parts.report(reportOf("p-3", { log: { ...log, head: 9, quarantined: true } }), minute);
    expect(pagesOf(all, 500)).toEqual(before);
  });

  it("[AU-9] [LC-4] gives a place to what a version without places has written", () => {
    const { driver, parts, open } = directory();
    for (let at = 0; at < 3; at++) parts.report(reportOf(`p-${at}`), 0);
    driver.transaction(() => driver.write("UPDATE partitions SET place = 0"));
    expect(parts.placed({ ranges: all, after: 0, limit: 9 }).rows).toEqual([]);
    expect(open().placed({ ranges: all, after: 0, limit: 9 }).rows).toHaveLength(3);
  });

  it("[OB-4] is read in pages by name", () => {
    const { parts } = directory();
    const names = Array.from({ length: 25 }, (_, at) => `p-${String(at).padStart(2, "0")}`);
    for (const name of names.toReversed()) parts.report(reportOf(name), 0);
    const seen: string[] = [];
    for (let after = ""; ;) {
      const found = parts.page({ ...page, after, limit: 10 }).map(({ name }) => name);
      if (found.length === 0) break;
      seen.push(...found);
      after = found.at(-1)!;
    }
    expect(seen).toEqual(names);
  });
});

describe("the names that a token is for", () => {
  const names = ["a", "a-", "a-1", "a-1.x", "a-2", "ab", "b", "b:1", "b~", "c-1", "Z", "0"];

  it.each([
    [["*"], ""],
    [["*"], "a-"],
    [["a-*"], ""],
    [["a-*"], "a"],
    [["a-*"], "a-1"],
    [["a"], ""],
    [["a", "b*", "c-1"], ""],
    [["a*", "a-1", "a-1*", "b:1"], ""],
    [["c-1"], "c-1"],
    [["c-1"], "c-12"],
    [[], ""],
  ])("[AU-9] %j with the prefix %j are the same as ranges, each once", (patterns, prefix) => {
    const ranges = nameRanges(patterns, prefix);
    const found = ranges.flatMap(({ from, to }) => names.filter((name) => name >= from && name < to));
    const allowed = names.filter((name) => name.startsWith(prefix) && mayAddress({ partitions: patterns }, name));
    expect(found.toSorted()).toEqual(allowed.toSorted());
    expect(new Set(found).size).toBe(found.length);
  });
});

describe("a cursor of the list", () => {
  it("[AU-9] does not show the name that it stands for, and no other text is one", async () => {
    const key = new Uint8Array(32).fill(7);
    const cursor = await cursorAfter("secret-plans", key);
    expect(cursor).toMatch(/^[\w-]+$/);
    expect(Buffer.from(cursor, "base64url").toString("latin1")).not.toContain("secret");
    expect(await nameAfter(cursor, key)).toBe("secret-plans");
    for (const other of [cursor.slice(0, -4), `${cursor.slice(0, -4)}AAAA`, "secret-plans", "", "é"]) {
      expect(await nameAfter(other, key)).toBeUndefined();
    }
    expect(await nameAfter(cursor, new Uint8Array(32))).toBeUndefined();
  });
});
