import { damageIn } from "./damage.ts";
import type { SqlDriver, SqlRow, SqlValue } from "./driver.ts";
import { isMigrated, migrate, type Migration } from "./migrations.ts";

/** What a transaction may return: a promise is refused, because what follows its first await would be outside. */
export type Synchronous<T> = T extends PromiseLike<unknown> ? never : T;

/**
 * One database and its schema. The first write makes the schema, in the same transaction; until then
 * every read is empty, so that reading creates nothing.
 */
export class Database {
  readonly #driver: SqlDriver;
  readonly #migrations: readonly Migration[];
  #migrated: boolean;
  /** Of transactions that are running. */
  #depth = 0;
  /** When the running transaction began. */
  #now = 0;
  /** Writes what a table holds back in the running transaction, or drops it, because that is rolled back. */
  heldBack: ((commits: boolean) => void) | undefined;

  constructor(driver: SqlDriver, migrations: readonly Migration[]) {
    this.#driver = driver;
    this.#migrations = migrations;
    this.#migrated = isMigrated(driver);
  }

  /** Whether anything was ever written. */
  get exists(): boolean {
    return this.#migrated;
  }

  /**
   * Applies the migrations that are missing. Does nothing while nothing was ever written.
   *
   * @throws MigrationError where the schema is not one of ours.
   */
  open(now: number): void {
    if (this.#migrated) migrate(this.#driver, this.#migrations, now);
  }

  /** Runs `body` in one transaction. If it throws, all of it is rolled back. */
  transaction<T>(now: number, body: () => Synchronous<T>): T {
    this.settle(true);
    this.#depth++;
    try {
      this.#now = now;
      return this.#driver.transaction(() => {
        const result = body();
        this.settle(true);
        return result;
      }) as T;
    } catch (error) {
      this.settle(false);
      // The schema is rolled back with the rest of a first transaction.
      this.#migrated = isMigrated(this.#driver);
      throw error;
    } finally {
      this.#depth--;
    }
  }

  /**
   * Writes what is held back, or drops it: before its table is read, and at the end of the transaction. Other tables may be read and
   * written before. What cannot be written is thrown again at each of these: a reader may take it for a fault of its own, and go on.
   */
  settle(commits: boolean): void {
    const write = this.heldBack;
    this.heldBack = undefined;
    try {
      write?.(commits);
    } catch (error) {
      if (this.#depth > 0) {
        this.heldBack = (again) => {
          if (again) throw error;
        };
      }
      throw error;
    }
  }

  /** Runs one SELECT over our tables. Empty while they do not exist. What is held back stays so: its table settles it before. */
  read(sql: string, ...values: SqlValue[]): SqlRow[] {
    if (!this.#migrated) return [];
    try {
      return this.#driver.query(sql, ...values);
    } catch (error) {
      throw damageIn(error);
    }
  }

  /** Runs one writing statement and returns the rows of its RETURNING clause. */
  write(sql: string, ...values: SqlValue[]): SqlRow[] {
    this.#prepare();
    try {
      return this.#driver.write(sql, ...values);
    } catch (error) {
      throw damageIn(error);
    }
  }

  /** Runs one writing statement and returns whether it wrote a row. Cheaper than RETURNING. */
  wrote(sql: string, ...values: SqlValue[]): boolean {
    this.#prepare();
    try {
      return this.#driver.wrote(sql, ...values);
    } catch (error) {
      throw damageIn(error);
    }
  }

  /** Makes the schema before the first write: a transaction that writes nothing leaves nothing. */
  #prepare(): void {
    if (this.#migrated) return;
    migrate(this.#driver, this.#migrations, this.#now);
    this.#migrated = true;
  }
}
