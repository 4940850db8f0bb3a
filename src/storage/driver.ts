/** The values that SQLite accepts and returns here. Strings are well-formed and without NUL, numbers are safe integers. */
export type SqlValue = string | number | null | Uint8Array;
export type SqlRow = Readonly<Record<string, SqlValue>>;

/**
 * SQLite as the storage needs it, the same on a Durable Object and on node:sqlite; one contract
 * suite tests both. Everything is synchronous.
 */
export interface SqlDriver {
  /** Runs one SELECT. */
  query(sql: string, ...values: SqlValue[]): SqlRow[];
  /** Runs one writing statement and returns the rows of its RETURNING clause. Throws outside `transaction`. */
  write(sql: string, ...values: SqlValue[]): SqlRow[];
  /** Runs one writing statement; whether it wrote a row. Cheaper than RETURNING, which is a third of an INSERT's cost. */
  wrote(sql: string, ...values: SqlValue[]): boolean;
  /** Runs the statements of a migration. Throws outside `transaction`. */
  script(sql: string): void;
  /** Runs `body` in a transaction (nested: a savepoint). A throw rolls all of it back, and so does a returned promise. */
  transaction<T>(body: () => T): T;
}

/** Thrown when code, not data, misuses the storage. */
class StorageMisuse extends Error {
  override name = "StorageMisuse";
}

const readingStatement = /^\s*(?:SELECT|WITH)\b/i;

/**
 * The rules of both drivers: writes only inside a transaction, reads that cannot write, no promise
 * from a transaction (only what it wrote before its first await would be committed), and no value
 * that SQLite would change.
 */
export class SqlRules {
  #depth = 0;

  reading(sql: string, values: readonly SqlValue[]): void {
    if (!readingStatement.test(sql)) throw new StorageMisuse("query() is for SELECT only");
    for (const value of values) assertExact(value);
  }

  writing(values: readonly SqlValue[]): void {
    if (this.#depth === 0) throw new StorageMisuse("a write outside a transaction");
    for (const value of values) assertExact(value);
  }

  transaction<T>(body: () => T): T {
    this.#depth++;
    try {
      const result = body();
      if (isThenable(result)) throw new StorageMisuse("a transaction must be synchronous");
      return result;
    } finally {
      this.#depth--;
    }
  }
}

/** Whether a text column keeps it as it is. */
export function isExactText(text: string): boolean {
  return text.isWellFormed() && !text.includes("\0");
}

/** Platform fact: text columns change lone surrogates and NUL, and a double over 2^53 is rounded. */
function assertExact(value: SqlValue): void {
  if (typeof value === "number" && !Number.isSafeInteger(value))
    throw new StorageMisuse("numbers are bound as safe integers");
  if (typeof value === "string" && !isExactText(value)) {
    throw new StorageMisuse("text is bound well-formed and without NUL; bind bytes instead");
  }
}

function isThenable(value: unknown): boolean {
  return typeof value === "object" && value !== null && typeof (value as { then?: unknown }).then === "function";
}
