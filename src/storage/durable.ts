import { type SqlDriver, type SqlRow, SqlRules, type SqlValue } from "./driver.ts";

/** The SQLite of a Durable Object. */
export class DurableSqlDriver implements SqlDriver {
  readonly #storage: DurableObjectStorage;
  readonly #rules = new SqlRules();
  /** Rows written since the object started, as billed (a row per table and index). */
  rowsWritten = 0;

  constructor(storage: DurableObjectStorage) {
    this.#storage = storage;
  }

  query(sql: string, ...values: SqlValue[]): SqlRow[] {
    this.#rules.reading(sql, values);
    return this.#storage.sql
      .exec(sql, ...values)
      .toArray()
      .map(rowOf);
  }

  write(sql: string, ...values: SqlValue[]): SqlRow[] {
    this.#rules.writing(values);
    const cursor = this.#storage.sql.exec(sql, ...values);
    const rows = cursor.toArray().map(rowOf);
    this.rowsWritten += cursor.rowsWritten;
    return rows;
  }

  wrote(sql: string, ...values: SqlValue[]): boolean {
    this.#rules.writing(values);
    const { rowsWritten } = this.#storage.sql.exec(sql, ...values);
    this.rowsWritten += rowsWritten;
    return rowsWritten > 0;
  }

  script(sql: string): void {
    this.#rules.writing([]);
    this.#storage.sql.exec(sql);
  }

  transaction<T>(body: () => T): T {
    return this.#storage.transactionSync(() => this.#rules.transaction(body));
  }
}

function rowOf(row: Record<string, SqlStorageValue>): SqlRow {
  const result: Record<string, SqlValue> = {};
  for (const key in row) {
    const value = row[key]!;
    result[key] = value instanceof ArrayBuffer ? new Uint8Array(value) : value;
  }
  return result;
}
