import type { DatabaseSync, StatementSync } from "node:sqlite";
import { type SqlDriver, type SqlRow, SqlRules, type SqlValue } from "./driver.ts";

/** SQLite in Node, for tests, tools and the simulator. `path` is a file, or `:memory:`. */
export class NodeSqlDriver implements SqlDriver {
  readonly #database: DatabaseSync;
  readonly #rules = new SqlRules();
  readonly #statements = new Map<string, StatementSync>();
  #depth = 0;

  constructor(path = ":memory:") {
    // Not a static import: with that, Node 20 could not load what only needs another part of `partita/testing`.
    const sqlite = process.getBuiltinModule?.("node:sqlite");
    if (!sqlite) throw new Error("this needs node:sqlite, which is in Node 22.13 and newer");
    this.#database = new sqlite.DatabaseSync(path);
  }

  query(sql: string, ...values: SqlValue[]): SqlRow[] {
    this.#rules.reading(sql, values);
    return this.#statement(sql).all(...values) as SqlRow[];
  }

  write(sql: string, ...values: SqlValue[]): SqlRow[] {
    this.#rules.writing(values);
    return this.#statement(sql).all(...values) as SqlRow[];
  }

  wrote(sql: string, ...values: SqlValue[]): boolean {
    this.#rules.writing(values);
    return Number(this.#statement(sql).run(...values).changes) > 0;
  }

  script(sql: string): void {
    this.#rules.writing([]);
    this.#database.exec(sql);
  }

  transaction<T>(body: () => T): T {
    const savepoint = `level_${this.#depth}`;
    this.#database.exec(`SAVEPOINT ${savepoint}`);
    this.#depth++;
    let committed = false;
    try {
      const result = this.#rules.transaction(body);
      this.#database.exec(`RELEASE ${savepoint}`);
      committed = true;
      return result;
    } finally {
      this.#depth--;
      if (!committed) this.#database.exec(`ROLLBACK TO ${savepoint}; RELEASE ${savepoint}`);
    }
  }

  close(): void {
    this.#database.close();
  }

  #statement(sql: string): StatementSync {
    let statement = this.#statements.get(sql);
    if (!statement) this.#statements.set(sql, (statement = this.#database.prepare(sql)));
    return statement;
  }
}
