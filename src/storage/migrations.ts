import { sameBytes } from "./bytes.ts";
import type { SqlDriver } from "./driver.ts";

/** One file of migrations/: its number from the name, its text, and the text's SHA-256. */
export interface Migration {
  number: number;
  sql: string;
  sha256: Uint8Array;
}

/** Thrown when other migrations than these were applied: the database must not be changed. */
export class MigrationError extends Error {
  override name = "MigrationError";
}

/** Whether the schema exists. Reading a partition that was never written must not create it. */
export function isMigrated(driver: SqlDriver): boolean {
  return driver.query("SELECT 1 FROM sqlite_master WHERE type = 'table' AND name = 'schema_migrations'").length > 0;
}

/**
 * Whether a migration is additive: a version that does not know it reads and writes the database as before. Its file says
 * so in its first line; `npm run rules` checks that it is true.
 */
function isAdditive({ sql }: Pick<Migration, "sql">): boolean {
  return sql.startsWith("-- Additive: ");
}

/**
 * The table that a migration replaces, and only while it has no row: its file says so in a line. A database whose table has
 * rows keeps it, and the migration counts as applied; so a version has to work with both tables.
 */
function replacedTable({ sql }: Pick<Migration, "sql">): string | undefined {
  return /^-- Where empty: (\w+)$/m.exec(sql)?.[1];
}

/**
 * Applies the missing migrations in one transaction. Refuses a database whose applied migrations
 * differ from these: an edited file, or one that this version does not know, unless that is additive: then a newer
 * version was here, and was rolled back, or runs beside this one.
 *
 * @throws MigrationError
 */
export function migrate(driver: SqlDriver, migrations: readonly Migration[], now: number): void {
  driver.transaction(() => {
    if (!isMigrated(driver)) {
      driver.script(
        "CREATE TABLE schema_migrations (number INTEGER PRIMARY KEY, sha256 BLOB NOT NULL, applied_at INTEGER NOT NULL) STRICT",
      );
    }
    const applied = driver.query("SELECT number, sha256 FROM schema_migrations ORDER BY number");
    for (const [at, row] of applied.entries()) {
      const migration = migrations[at];
      if (!migration || migration.number !== row["number"]) {
        if (!migration && isMarkedAdditive(driver, row["number"] as number)) continue;
        throw new MigrationError(`migration ${String(row["number"])} was applied, but is not known here`);
      }
      if (!sameBytes(migration.sha256, row["sha256"] as Uint8Array)) {
        throw new MigrationError(`migration ${migration.number} was edited after it was applied`);
      }
    }
    for (const migration of migrations.slice(applied.length)) {
      const replaced = replacedTable(migration);
      if (!replaced || driver.query(`SELECT 1 FROM ${replaced} LIMIT 1`).length === 0) driver.script(migration.sql);
      driver.write(
        "INSERT INTO schema_migrations (number, sha256, applied_at) VALUES (?, ?, ?)",
        migration.number,
        migration.sha256,
        now,
      );
      if (isAdditive(migration)) markAdditive(driver, migration.number);
    }
  });
}

/** Stores that a migration is additive, for versions that do not have its file. */
function markAdditive(driver: SqlDriver, number: number): void {
  driver.script("CREATE TABLE IF NOT EXISTS additive_migrations (number INTEGER PRIMARY KEY) STRICT");
  driver.write("INSERT INTO additive_migrations (number) VALUES (?)", number);
}

function isMarkedAdditive(driver: SqlDriver, number: number): boolean {
  const [table] = driver.query("SELECT 1 FROM sqlite_master WHERE type = 'table' AND name = 'additive_migrations'");
  if (!table) return false;
  return driver.query("SELECT 1 FROM additive_migrations WHERE number = ?", number).length > 0;
}
