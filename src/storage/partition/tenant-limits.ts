import type { Database } from "../database.ts";
import { bytesOf, jsonTextOf } from "../text.ts";

export interface TenantLimitsReads {
  /** What the tenant has set, as JSON text; undefined: nothing is stored, or it is damaged. */
  get(): string | undefined;
}

export interface TenantLimitsWrites {
  put(text: string): void;
}

/** The table `tenant_limits` of migration 0004: one row. */
export class TenantLimitsTable implements TenantLimitsReads, TenantLimitsWrites {
  readonly #database: Database;

  constructor(database: Database) {
    this.#database = database;
  }

  get(): string | undefined {
    const [row] = this.#database.read("SELECT limits FROM tenant_limits");
    return row && jsonTextOf(row["limits"]);
  }

  put(text: string): void {
    this.#database.write("INSERT OR REPLACE INTO tenant_limits (singleton, limits) VALUES (1, ?)", bytesOf(text));
  }
}
