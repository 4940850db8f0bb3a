// Checks that a version can be rolled back: each migration says whether it is additive, and those that say so are;
// each INSERT names its columns, so that it runs on a table that a newer version has given another one; and each
// migration ends as Durable Objects can run it.
import { readdirSync, readFileSync } from "node:fs";

const root = new URL("../../", import.meta.url);
/** The migrations that were released before there was this rule, by folder: they are never edited. */
const released: Readonly<Record<string, number>> = {
  "migrations/": 5,
  "migrations/tenant/": 1,
  "migrations/courier/": 0,
  "migrations/directory/": 0,
};
/** What a version that does not know it does not notice. A trigger, a unique index or a constraint refuses what it writes. */
const additiveForms = [
  /^CREATE TABLE (IF NOT EXISTS )?\w+ \(/,
  /^CREATE INDEX /,
  /^ALTER TABLE \w+ ADD COLUMN \w+ \w+( NOT NULL DEFAULT ('[^']*'|-?\d+))?( DEFAULT ('[^']*'|-?\d+))?$/,
];

/**
 * What a migration may do as well to the table that it replaces while that has no row ("-- Where empty: <table>"): a contract
 * test compares the new table with the one before.
 */
const replacingForms = (table: string) => [
  new RegExp(`^DROP TABLE ${table}$`),
  new RegExp(`^CREATE UNIQUE INDEX \\w+ ON ${table} `),
  new RegExp(`^CREATE TRIGGER \\w+ BEFORE (UPDATE|DELETE) ON ${table} BEGIN SELECT RAISE`),
  /^END$/,
];

/** What is wrong with a migration, as texts. */
export function wrongInMigration(file: string, sql: string): string[] {
  const [first] = sql.split("\n");
  // The SQL of Durable Objects refuses a script with a comment after its last statement; node:sqlite takes it.
  const last = sql.trimEnd().split("\n").at(-1)!;
  if (last.includes("--") || !last.endsWith(";")) {
    return [`${file}: does not end with the ";" of a statement`];
  }
  if (/^-- Not additive: \S/.test(first!)) return [];
  if (!/^-- Additive: \S/.test(first!)) {
    return [`${file}: its first line is neither "-- Additive: <what>" nor "-- Not additive: <why>"`];
  }
  const statements = sql
    .replaceAll(/--.*$/gm, "")
    .split(";")
    .map((statement) => statement.trim().replaceAll(/\s+/g, " "))
    .filter((statement) => statement !== "");
  const replaced = /^-- Where empty: (\w+)$/m.exec(sql)?.[1];
  const forms = replaced === undefined ? additiveForms : [...additiveForms, ...replacingForms(replaced)];
  return statements
    .filter((statement) => !forms.some((form) => form.test(statement)))
    .map((statement) => `${file}: says that it is additive, and is not: ${statement.slice(0, 80)}`);
}

/** The statements that insert without naming columns, as `file: statement`. */
export function unnamedInserts(file: string, text: string): string[] {
  return [...text.matchAll(/INSERT(?: OR \w+)? INTO \w+\s+VALUES/g)].map(([statement]) => `${file}: ${statement}`);
}

if (import.meta.main) {
  const read = (path: string) => readFileSync(new URL(path, root), "utf8");
  const migrations = Object.entries(released).flatMap(([folder, last]) =>
    readdirSync(new URL(folder, root))
      .filter((name) => name.endsWith(".sql") && Number(name.slice(0, 4)) > last)
      .map((name) => folder + name),
  );
  const sources = readdirSync(new URL("src/storage/", root), { recursive: true, encoding: "utf8" })
    .filter((name) => name.endsWith(".ts"))
    .map((name) => `src/storage/${name.replaceAll("\\", "/")}`);
  const found = [
    ...migrations.flatMap((file) => wrongInMigration(file, read(file))),
    ...sources.flatMap((file) => unnamedInserts(file, read(file))),
  ];
  if (found.length > 0) {
    console.error(`A version before could not go on after a rollback:\n${found.join("\n")}`);
    process.exit(1);
  }
  console.log(`${migrations.length} migrations with the mark for rollbacks, and each INSERT names its columns.`);
}
