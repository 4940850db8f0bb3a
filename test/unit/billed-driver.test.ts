import { describe, expect, it } from "vitest";
import { BilledDriver } from "../bench/billed-driver.ts";

describe("rows as the platform bills them", () => {
  it("[TX-1] are counted with the entries of indexes, by table, and not where nothing has changed", () => {
    const driver = new BilledDriver();
    const wrote = (sql: string, ...values: number[]) => {
      const before = driver.rowsWritten;
      driver.transaction(() => driver.wrote(sql, ...values));
      return driver.rowsWritten - before;
    };
    driver.transaction(() =>
      driver.script(
        "CREATE TABLE a (id INTEGER PRIMARY KEY, b, UNIQUE (b)); CREATE TABLE c (d, e, PRIMARY KEY (d)) WITHOUT ROWID; CREATE INDEX f ON c (e);",
      ),
    );
    expect(wrote("INSERT INTO a (id, b) VALUES (?, ?)", 1, 2)).toBe(2);
    expect(wrote("INSERT INTO a (id, b) VALUES (?, ?) ON CONFLICT (b) DO NOTHING", 2, 2)).toBe(0);
    expect(wrote("INSERT INTO c (d, e) VALUES (?, ?)", 1, 2)).toBe(2);
    expect(wrote("UPDATE c SET e = ?", 3)).toBe(1);
    expect(wrote("DELETE FROM a WHERE id = ?", 1)).toBe(2);
    expect([driver.rowsWritten, driver.commits]).toEqual([7, 4]);
  });
});
