// Proves that a partition's storage is written in one place only (TX-4): outside the storage
// adapters no source names a way to write. What the adapters do is held by their contract suite.
import { readdirSync, readFileSync } from "node:fs";

const root = new URL("../../src/", import.meta.url);
/** The adapters, and the shell's one alarm. */
const allowed: Readonly<Record<string, readonly string[]>> = {
  "client/stores/sqlite.ts": [".prepare("],
  "storage/durable.ts": ["sql.exec", "transactionSync"],
  "storage/node.ts": [".exec(", ".prepare("],
  "objects/partition-ports.ts": ["setAlarm"],
  "objects/tenant.ts": ["setAlarm"],
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

/** Every way to write that a file names and may not, as `file:line: way`. */
export function forbiddenWrites(file: string, text: string): string[] {
  const found: string[] = [];
  for (const [at, line] of text.split("\n").entries()) {
    for (const way of ways) {
      if (line.includes(way) && !allowed[file]?.includes(way)) found.push(`src/${file}:${at + 1}: ${way}`);
    }
  }
  return found;
}

if (import.meta.main) {
  const files = readdirSync(root, { recursive: true, encoding: "utf8" })
    .map((file) => file.replaceAll("\\", "/"))
    .filter((file) => file.endsWith(".ts") && !file.startsWith("tools/"));
  const found = files.flatMap((file) => forbiddenWrites(file, readFileSync(new URL(file, root), "utf8")));
  if (found.length > 0) {
    console.error(`Storage is written outside its adapters:\n${found.join("\n")}`);
    process.exit(1);
  }
  console.log(`No write outside the storage adapters, in ${files.length} files.`);
}
