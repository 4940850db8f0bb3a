import { describe, expect, it } from "vitest";
import { unnamedInserts, wrongInMigration } from "../../src/tools/check-migrations.ts";

describe("the check of migrations", () => {
  it.each([
    ["-- Additive: a table of its own.\nCREATE TABLE later ( -- with a comment; of two\nx INTEGER) STRICT;\n"],
    [
      "-- Additive: more of an event.\nALTER TABLE events ADD COLUMN x BLOB;\nALTER TABLE log ADD COLUMN y TEXT DEFAULT 'a';",
    ],
    ["-- Additive: a number.\nALTER TABLE log ADD COLUMN y INTEGER NOT NULL DEFAULT 0;\nCREATE INDEX i ON log (y);"],
    ["-- Not additive: the version before reads due_work.\nDROP TABLE due_work;"],
    [
      "-- Additive: its index.\n-- Where empty: t\nDROP TABLE t;\nCREATE TABLE t (x TEXT);\nCREATE UNIQUE INDEX i ON t (x);",
    ],
  ])("[LC-3] accepts %j", (sql) => expect(wrongInMigration("a.sql", sql)).toEqual([]));

  it.each([
    ["no mark", "CREATE TABLE later (x INTEGER) STRICT;"],
    ["a comment at the end", "-- Additive: more.\nALTER TABLE log ADD COLUMN y TEXT; -- text;\n"],
    ["no reason", "-- Not additive:\nDROP TABLE log;"],
    ["a table that goes", "-- Additive: less.\nDROP TABLE log;"],
    ["a column that must be given", "-- Additive: more.\nALTER TABLE events ADD COLUMN x BLOB NOT NULL;"],
    ["a constraint", "-- Additive: more.\nALTER TABLE events ADD COLUMN x INTEGER CHECK (x > 0);"],
    ["a unique index", "-- Additive: faster.\nCREATE UNIQUE INDEX i ON events (timestamp);"],
    ["a trigger", "-- Additive: safer.\nCREATE TRIGGER t BEFORE INSERT ON log BEGIN SELECT 1; END;"],
    ["a change of rows", "-- Additive: a value.\nUPDATE log SET partition = '';"],
    ["another table that goes", "-- Additive: less.\n-- Where empty: t\nDROP TABLE log;"],
    ["a name that changes", "-- Additive: clearer.\nALTER TABLE log RENAME COLUMN tenant TO owner;"],
  ])("[LC-3] finds %s", (_, sql) => expect(wrongInMigration("a.sql", sql).length).toBeGreaterThan(0));

  it("[LC-3] finds an INSERT that does not name its columns", () => {
    expect(unnamedInserts("a.ts", "INSERT INTO log VALUES (1)")).toHaveLength(1);
    expect(unnamedInserts("a.ts", "INSERT OR REPLACE INTO log\n VALUES (1)")).toHaveLength(1);
    expect(unnamedInserts("a.ts", "INSERT OR REPLACE INTO log (x) VALUES (1)")).toEqual([]);
  });
});
