import type { SqlDriver, SqlRow, SqlValue } from "../../src/storage/driver.ts";
import { NodeSqlDriver } from "../../src/storage/node.ts";

const writingStatement = /^\s*(INSERT(?:\s+OR\s+\w+)?\s+INTO|UPDATE|DELETE\s+FROM)\s+(\w+)/i;

/**
 * SQLite that counts rows as the platform bills them: an INSERT or a DELETE writes the row and an entry of each index, an
 * UPDATE the row. The indexes are those that the migrations have made; a table without rowid is its own primary key.
 */
export class BilledDriver implements SqlDriver {
  rowsWritten = 0;
  /** The rows that were returned: a scan that returns fewer reads more. */
  rowsRead = 0;
  /** Transactions that wrote something: each waits for the output gate. */
  commits = 0;
  readonly #driver: NodeSqlDriver;
  readonly #entries = new Map<string, number>();
  #depth = 0;

  /** `path`: a file; default: in memory. */
  constructor(path?: string) {
    this.#driver = new NodeSqlDriver(path);
  }

  query(sql: string, ...values: SqlValue[]): SqlRow[] {
    const rows = this.#driver.query(sql, ...values);
    this.rowsRead += Math.max(rows.length, 1, itemsOf(sql, values));
    return rows;
  }

  write(sql: string, ...values: SqlValue[]): SqlRow[] {
    return this.#counted(sql, () => this.#driver.write(sql, ...values));
  }

  wrote(sql: string, ...values: SqlValue[]): boolean {
    // Measured on workerd: each item of what is inserted counts twice.
    this.rowsRead += 2 * itemsOf(sql, values);
    return this.#counted(sql, () => this.#driver.wrote(sql, ...values));
  }

  script(sql: string): void {
    this.#driver.script(sql);
  }

  transaction<T>(body: () => T): T {
    const before = this.rowsWritten;
    this.#depth++;
    try {
      return this.#driver.transaction(body);
    } finally {
      this.#depth--;
      if (this.#depth === 0 && this.rowsWritten > before) this.commits++;
    }
  }

  close(): void {
    this.#driver.close();
  }

  #counted<T>(sql: string, run: () => T): T {
    const before = this.#changes();
    const result = run();
    const [, verb, table] = writingStatement.exec(sql) ?? [];
    if (verb === undefined) throw new Error(`not counted: ${sql}`);
    const entries = /^UPDATE/i.test(verb) ? 1 : this.#entriesOf(table!);
    this.rowsWritten += (this.#changes() - before) * entries;
    return result;
  }

  #changes(): number {
    return Number(this.#driver.query("SELECT total_changes() AS n")[0]!["n"]);
  }

  /** The row, and an entry of each index. */
  #entriesOf(table: string): number {
    let entries = this.#entries.get(table);
    if (entries === undefined) {
      const indexes = this.#driver.query(
        `SELECT COUNT(*) AS n FROM pragma_index_list('${table}') WHERE NOT (origin = 'pk' AND
          (SELECT wr FROM pragma_table_list('${table}')))`,
      );
      entries = 1 + Number(indexes[0]!["n"]);
      this.#entries.set(table, entries);
    }
    return entries;
  }
}

/** How many items a statement reads of an array that is bound to it. */
function itemsOf(sql: string, [array]: SqlValue[]): number {
  return sql.includes("json_each") ? (JSON.parse(array as string) as unknown[]).length : 0;
}
