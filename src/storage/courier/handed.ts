import type { Database } from "../database.ts";
import { bytesOf, jsonTextOf } from "../text.ts";

export interface HandedReads {
  /** The ids of the last rows that `partition` has handed over, in order; none where what is stored of them is damaged. */
  of(partition: string): string[];
}

export interface HandedWrites {
  put(partition: string, effectIds: readonly string[], now: number): void;
  /** Deletes what was handed over before `before`. */
  sweep(before: number): void;
}

/** The table `handed` of the courier's migration 0001. */
export class HandedTable implements HandedReads, HandedWrites {
  readonly #database: Database;

  constructor(database: Database) {
    this.#database = database;
  }

  of(partition: string): string[] {
    const [row] = this.#database.read("SELECT effect_ids FROM handed WHERE partition = ?", partition);
    const ids: unknown = JSON.parse(jsonTextOf(row?.["effect_ids"]) ?? "[]");
    return Array.isArray(ids) ? (ids as string[]) : [];
  }

  put(partition: string, effectIds: readonly string[], now: number): void {
    this.#database.write(
      "INSERT OR REPLACE INTO handed (partition, effect_ids, handed_at) VALUES (?, ?, ?)",
      partition,
      bytesOf(JSON.stringify(effectIds)),
      now,
    );
  }

  sweep(before: number): void {
    this.#database.write("DELETE FROM handed WHERE handed_at < ?", before);
  }
}
