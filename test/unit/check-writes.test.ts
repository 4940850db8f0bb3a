import { describe, expect, it } from "vitest";
import { forbiddenWrites, foreignSql } from "../../src/tools/check-writes.ts";

describe("the check of writes", () => {
  it("[TX-4] finds a way to write outside the adapters, and allows each adapter its own", () => {
    const text = "const a = 1;\nctx.storage.sql.exec(a); database.prepare(a);";
    expect(forbiddenWrites("core/partition.ts", text)).toEqual([
      "src/core/partition.ts:2: sql.exec",
      "src/core/partition.ts:2: .prepare(",
    ]);
    expect(forbiddenWrites("storage/durable.ts", text)).toEqual(["src/storage/durable.ts:2: .prepare("]);
    expect(forbiddenWrites("storage/partition/events.ts", text)).toHaveLength(2);
    expect(forbiddenWrites("core/partition.ts", "storage.transaction(now, (writes) => writes)")).toEqual([]);
  });

  it.each([
    ['"SELECT seq FROM settings"', "SELECT seq FROM"],
    ["`SELECT *\n  FROM settings`", "SELECT * FROM"],
    ['"INSERT INTO settings VALUES (1)"', "INSERT INTO"],
    ['"INSERT OR REPLACE INTO settings VALUES (1)"', "INSERT OR REPLACE"],
    ['"UPDATE settings SET seq = 1"', "UPDATE settings SET"],
    ['"DELETE FROM settings"', "DELETE FROM"],
    ['"CREATE TABLE settings (seq INTEGER)"', "CREATE TABLE"],
    ['"DROP TABLE settings"', "DROP TABLE"],
    ['"ALTER TABLE settings ADD COLUMN x"', "ALTER TABLE"],
  ])("[TX-4] finds the SQL %s outside of src/storage", (literal, found) => {
    const text = `const a = 1;\nrun(${literal});`;
    expect(foreignSql("tenant/tenant.ts", text)).toEqual([`src/tenant/tenant.ts:2: ${found}`]);
    expect(foreignSql("client/stores/indexed-db.ts", text)).toHaveLength(1);
    expect(foreignSql("storage/tenant/settings.ts", text)).toEqual([]);
    expect(foreignSql("client/stores/sqlite.ts", text)).toEqual([]);
  });

  it("[TX-4] takes prose for no SQL", () => {
    const prose =
      "// Select what comes from the log; update the set, then delete from memory. A SELECT; not FROM here.";
    expect(foreignSql("core/live.ts", prose)).toEqual([]);
  });
});
