// Checks that storage is written in one place only (TX-4): no source outside the storage adapters calls a function that
// writes, and no source outside src/storage has a SQL statement. The contract suite tests the adapters and the tables.
import { readdirSync, readFileSync } from "node:fs";

/** It reads the database of another product's server, and opens it for reading only. */
const foreignFile = "cli/import-insieme/their-file.ts";
const root = new URL("../../src/", import.meta.url);
/** The adapters, and the shell's one alarm. */
const allowed: Readonly<Record<string, readonly string[]>> = {
  "client/stores/sqlite.ts": [".prepare("],
  "storage/durable.ts": ["sql.exec", "transactionSync"],
  "storage/kept-counts.ts": ["storage.kv"],
  "storage/node.ts": [".exec(", ".prepare("],
  "objects/partition-ports.ts": ["setAlarm"],
  "objects/courier.ts": ["setAlarm"],
  "objects/metrics.ts": ["setAlarm"],
  // `storage.delete` is the beginning of `storage.deleteAlarm`.
  "objects/tenant.ts": ["setAlarm", "deleteAlarm", "storage.delete"],
};
const ways = [
  "sql.exec",
  ".prepare(",
  "transactionSync",
  "storage.transaction(async",
  "storage.put",
  "storage.delete",
  "storage.deleteAll",
  "storage.kv",
  "setAlarm",
  "deleteAlarm",
];

/** The calls that write in a file that may not write, as `file:line: call`. */
export function forbiddenWrites(file: string, text: string): string[] {
  const found: string[] = [];
  for (const [at, line] of text.split("\n").entries()) {
    for (const way of ways) {
      if (line.includes(way) && !allowed[file]?.includes(way)) found.push(`src/${file}:${at + 1}: ${way}`);
    }
  }
  return found;
}

/** The files with SQL of their own: the storage, and the client's store for Node. */
const withSql = /^storage\/|^client\/stores\/sqlite\.ts$/;
/** The beginnings of statements, in the upper case that they have here; a statement may go over several lines. */
const statements =
  /\b(?:SELECT\b[^;]*?\bFROM|INSERT (?:OR [A-Z]+ )?INTO|UPDATE\s+\w+\s+SET|DELETE FROM|(?:CREATE|ALTER|DROP) (?:TABLE|INDEX|TRIGGER|VIEW)|PRAGMA)\b/g;

/** Every SQL statement that a file has and may not, as `file:line: statement`. */
export function foreignSql(file: string, text: string): string[] {
  if (withSql.test(file)) return [];
  return [...text.matchAll(statements)].map(
    ({ 0: statement, index }) =>
      `src/${file}:${text.slice(0, index).split("\n").length}: ${statement.split(/\s+/).slice(0, 3).join(" ")}`,
  );
}

if (import.meta.main) {
  const files = readdirSync(root, { recursive: true, encoding: "utf8" })
    .map((file) => file.replaceAll("\\", "/"))
    .filter((file) => file.endsWith(".ts") && !file.startsWith("tools/") && file !== foreignFile);
  const found = files.flatMap((file) => {
    const text = readFileSync(new URL(file, root), "utf8");
    return [...forbiddenWrites(file, text), ...foreignSql(file, text)];
  });
  if (found.length > 0) {
    console.error(`Storage is used outside of src/storage:\n${found.join("\n")}`);
    process.exit(1);
  }
  console.log(`No write outside the storage adapters and no SQL outside src/storage, in ${files.length} files.`);
}
