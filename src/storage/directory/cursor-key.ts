import type { Database } from "../database.ts";

export interface CursorKeyReads {
  find(): Uint8Array | undefined;
}

export interface CursorKeyWrites {
  put(key: Uint8Array): void;
}

/** The table `cursor_key` of the directory's migration 0001: one row. */
export class CursorKeyTable implements CursorKeyReads, CursorKeyWrites {
  readonly #database: Database;

  constructor(database: Database) {
    this.#database = database;
  }

  find(): Uint8Array | undefined {
    const [row] = this.#database.read("SELECT key FROM cursor_key");
    return row?.["key"] as Uint8Array | undefined;
  }

  put(key: Uint8Array): void {
    this.#database.write("INSERT OR REPLACE INTO cursor_key (singleton, key) VALUES (1, ?)", key);
  }
}
