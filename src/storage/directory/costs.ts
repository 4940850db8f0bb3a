import type { DayCost } from "../../platform/metrics-api.ts";
import type { Database } from "../database.ts";

export interface CostReads {
  /** The days of a partition, the newest first. */
  of(name: string): DayCost[];
}

export interface CostWrites {
  /** Adds to a day of a partition. */
  add(name: string, cost: DayCost): void;
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
    return this.#database.read("SELECT * FROM costs WHERE name = ? ORDER BY day DESC", name).map((row) => ({
      day: row["day"] as string,
      requests: row["requests"] as number,
      socketMessages: row["socket_messages"] as number,
      rowsRead: row["rows_read"] as number,
      rowsWritten: row["rows_written"] as number,
      activeMs: row["active_ms"] as number,
      storedBytes: row["stored_bytes"] as number,
      events: row["events"] as number,
    }));
  }

  add(name: string, cost: DayCost): void {
    const { day, requests, socketMessages, rowsRead, rowsWritten, activeMs, storedBytes, events } = cost;
    this.#database.write(
      `INSERT INTO costs (name, day, requests, socket_messages, rows_read, rows_written, active_ms, stored_bytes, events) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?) ON CONFLICT (name, day) DO UPDATE SET requests = requests + excluded.requests, socket_messages = socket_messages + excluded.socket_messages, rows_read = rows_read + excluded.rows_read, rows_written = rows_written + excluded.rows_written, active_ms = active_ms + excluded.active_ms, stored_bytes = excluded.stored_bytes, events = events + excluded.events`,
      name,
      day,
      requests,
      socketMessages,
      rowsRead,
      rowsWritten,
      activeMs,
      storedBytes,
      events,
    );
  }

  deleteBefore(name: string, day: string): void {
    this.#database.write("DELETE FROM costs WHERE name = ? AND day < ?", name, day);
  }
}
