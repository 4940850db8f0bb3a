import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { DatabaseSync } from "node:sqlite";
import { expect, it } from "vitest";
import { migrationsOf } from "../../src/storage/migration-files.ts";
import { compactMigration } from "../../src/tools/package/sql.ts";

const folders = ["migrations", ...["tenant", "courier", "directory"].map((name) => join("migrations", name))];

/** What a database has after these migrations, without how it is written. */
function schemaAfter(texts: readonly string[]) {
  const database = new DatabaseSync(":memory:");
  for (const { sql } of migrationsOf(texts)) database.exec(sql);
  const rows = database.prepare("SELECT type, name, sql FROM sqlite_master ORDER BY name").all();
  return rows.map(({ type, name, sql }) => [
    type,
    name,
    String(sql)
      .replaceAll(/--.*$/gm, "")
      .replaceAll(/\s+/g, " ")
      .replaceAll(/ ?([(),]) ?/g, "$1"),
  ]);
}

it.each(folders)("[EC-1] migrations of the package are those of %s, under the same hashes", (folder) => {
  const files = readdirSync(folder).filter((name) => name.endsWith(".sql"));
  const texts = files.toSorted().map((name) => readFileSync(join(folder, name), "utf8"));
  const packed = texts.map((text) => compactMigration(text));
  const hashes = (of: readonly string[]) => migrationsOf(of).map(({ sha256 }) => Buffer.from(sha256).toString("hex"));
  expect(hashes(packed)).toEqual(hashes(texts));
  expect(schemaAfter(packed)).toEqual(schemaAfter(texts));
  const directives = (of: readonly string[]) =>
    of.flatMap((text) => text.match(/^-- (Additive: |Where empty: .*)/gm) ?? []);
  expect(directives(packed)).toEqual(directives(texts));
  expect(packed.join("").length).toBeLessThan(texts.join("").length);
});

it("[EC-1] a text in quotes that looks like a comment is not cut", () => {
  expect(() => compactMigration("SELECT 'a -- b';")).toThrow("looks like a comment");
});
