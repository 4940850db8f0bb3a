import { type SqlDriver, type SqlRow, SqlRules, type SqlValue } from "./driver.ts";

/** The SQLite of a Durable Object. */
export class DurableSqlDriver implements SqlDriver {
  readonly #storage: DurableObjectStorage;
  readonly #rules = new SqlRules();
  /** Rows written since the object started, as billed (a row per table and index). */
  rowsWritten = 0;
  /** The same for rows read. */
  rowsRead = 0;

  constructor(storage: DurableObjectStorage) {
    this.#storage = storage;
  }

  query(sql: string, ...values: SqlValue[]): SqlRow[] {
    this.#rules.reading(sql, values);
    return this.#rowsOf(this.#storage.sql.exec(sql, ...values));
  }

  write(sql: string, ...values: SqlValue[]): SqlRow[] {
    this.#rules.writing(values);
    return this.#rowsOf(this.#storage.sql.exec(sql, ...values));
  }

  wrote(sql: string, ...values: SqlValue[]): boolean {
    this.#rules.writing(values);
    return this.#count(this.#storage.sql.exec(sql, ...values)) > 0;
  }

  script(sql: string): void {
    this.#rules.writing([]);
    this.#count(this.#storage.sql.exec(sql));
  }

  transaction<T>(body: () => T): T {
    return this.#storage.transactionSync(() => this.#rules.transaction(body));
  }

  #rowsOf(cursor: SqlStorageCursor<Record<string, SqlStorageValue>>): SqlRow[] {
    const rows = rowsOf(cursor);
    this.#count(cursor);
    return rows;
  }

  /** Returns how many rows were written: each look at a cursor is a call of the platform. */
  #count({ rowsRead, rowsWritten }: Pick<SqlStorageCursor<never>, "rowsRead" | "rowsWritten">): number {
    this.rowsRead += rowsRead;
    this.rowsWritten += rowsWritten;
    return rowsWritten;
  }
}

/** Rows as objects, made of the platform's arrays: its own objects take longer (docs/decisions/0040-cost-of-an-event.md). */
function rowsOf(cursor: SqlStorageCursor<Record<string, SqlStorageValue>>): SqlRow[] {
  let names = cursor.columnNames;
  const rows: SqlRow[] = [];
  for (const values of cursor.raw()) {
    const row: Record<string, SqlValue> = {};
    for (let at = 0; at < values.length; at++) {
      const value = values[at]!;
      row[names[at]!] = value instanceof ArrayBuffer ? new Uint8Array(value) : value;
    }
    // As keys they are known to the engine; those of the cursor it has to look up at each use.
    if (rows.length === 0) names = Object.keys(row);
    rows.push(row);
  }
  return rows;
}
