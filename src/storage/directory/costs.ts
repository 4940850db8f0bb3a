import type { DayCost } from "../../platform/metrics-api.ts";
import type { Database } from "../database.ts";

export interface CostReads {
  /** The days of a partition, in order. */
  of(name: string): DayCost[];
}

export interface CostWrites {
  put(name: string, cost: DayCost): void;
  /** Deletes the days of a partition before `day`. */
  deleteBefore(name: string, day: string): void;
}

/** The table `costs` of the directory's migration 0004: a row a partition and day. */
export class CostTable implements CostReads, CostWrites {
  readonly #database: Database;

  constructor(database: Database) {
    this.#database = database;
  }

  of(name: string): DayCost[] {
    return this.#database
      .read("SELECT used FROM costs WHERE name = ? ORDER BY day", name)
      .map(({ used }) => JSON.parse(used as string) as DayCost);
  }

  put(name: string, cost: DayCost): void {
    this.#database.write(
      "INSERT OR REPLACE INTO costs (name, day, used) VALUES (?, ?, ?)",
      name,
      cost.day,
      JSON.stringify(cost),
    );
  }

  deleteBefore(name: string, day: string): void {
    this.#database.write("DELETE FROM costs WHERE name = ? AND day < ?", name, day);
  }
}
