import type { LimitsOverride } from "../../platform/rpc.ts";
import type { Database } from "../database.ts";
import { bytesOf, textOf } from "../text.ts";

export interface SettingsReads {
  /** The number of the last change; 0 while there is none. */
  seq(): number;
  /** The limits that differ from the application's. */
  limits(): LimitsOverride;
}

export interface SettingsWrites {
  put(seq: number, limits: LimitsOverride): void;
}

/** The table `settings` of the tenant's migration 0001: one row. */
export class SettingsTable implements SettingsReads, SettingsWrites {
  readonly #database: Database;

  constructor(database: Database) {
    this.#database = database;
  }

  seq(): number {
    return (this.#database.read("SELECT seq FROM settings")[0]?.["seq"] as number | undefined) ?? 0;
  }

  limits(): LimitsOverride {
    const [row] = this.#database.read("SELECT limits FROM settings");
    return row ? (JSON.parse(textOf(row["limits"] as Uint8Array)) as LimitsOverride) : {};
  }

  put(seq: number, limits: LimitsOverride): void {
    this.#database.write(
      "INSERT OR REPLACE INTO settings (singleton, seq, limits) VALUES (1, ?, ?)",
      seq,
      bytesOf(JSON.stringify(limits)),
    );
  }
}
