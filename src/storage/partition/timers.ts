import type { Database } from "../database.ts";
import type { SqlRow } from "../driver.ts";
import { bytesOf, jsonTextOf } from "../text.ts";

/** A draft that the partition submits to itself later. */
export interface TimerRow {
  readonly key: string;
  /** When it is due, in milliseconds since 1970. */
  readonly dueAt: number;
  readonly type: string;
  readonly version: number | undefined;
  /** JSON text of an object; undefined: it is damaged. */
  readonly payload: string | undefined;
  /** When it is due again; undefined: it is due once. */
  readonly recurs: Recurrence | undefined;
  /** Shared by all that one event has led to. */
  readonly correlationId: string;
  /** How many effects led to the draft, one after the other. */
  readonly hops: number;
  /** Attempts that failed. */
  readonly attempts: number;
}

/** The times of a timer that is due again and again. */
export interface Recurrence {
  readonly cron: string;
  /** Its name in the IANA database. */
  readonly timeZone: string;
}

/** A timer without its draft. */
export interface WaitingTimer {
  readonly key: string;
  readonly dueAt: number;
  /** No attempt comes before then, in milliseconds since 1970; undefined: none has failed. */
  readonly retryAt: number | undefined;
  /** UTF-8 bytes of the payload. */
  readonly bytes: number;
}

export interface TimerReads {
  /** All timers, in no order. */
  waiting(): WaitingTimer[];
  find(key: string): TimerRow | undefined;
  /** At most `limit` timers after the first `skip`, the earliest first. */
  page(skip: number, limit: number): TimerRow[];
}

export interface TimerWrites {
  /** Stores a timer that has not failed; one of the same key is replaced. */
  put(timer: Omit<TimerRow, "attempts"> & { payload: string }): void;
  /** Stores that an attempt has failed. */
  postpone(key: string, retryAt: number, attempts: number): void;
  /** Stores when a timer is due the next time, whose attempt has not failed. */
  move(key: string, dueAt: number): void;
  remove(key: string): void;
}

/** The table `timers` of migration 0008. */
export class TimersTable implements TimerReads, TimerWrites {
  readonly #database: Database;

  constructor(database: Database) {
    this.#database = database;
  }

  waiting(): WaitingTimer[] {
    return this.#database.read("SELECT key, due_at, retry_at, length(payload) AS bytes FROM timers").map((row) => ({
      key: row["key"] as string,
      dueAt: row["due_at"] as number,
      retryAt: (row["retry_at"] as number | null) ?? undefined,
      bytes: row["bytes"] as number,
    }));
  }

  find(key: string): TimerRow | undefined {
    const [row] = this.#database.read("SELECT * FROM timers WHERE key = ?", key);
    return row && timerOf(row);
  }

  page(skip: number, limit: number): TimerRow[] {
    return this.#database.read("SELECT * FROM timers ORDER BY due_at, key LIMIT ? OFFSET ?", limit, skip).map(timerOf);
  }

  put({ key, dueAt, type, version, payload, recurs, correlationId, hops }: Parameters<TimerWrites["put"]>[0]): void {
    // Not INSERT OR REPLACE, which is billed as two rows where one is replaced.
    this.#database.write(
      `INSERT INTO timers (key, due_at, type, version, payload, cron, time_zone, correlation_id, hops)
       VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)
       ON CONFLICT (key) DO UPDATE SET due_at = excluded.due_at, retry_at = NULL, attempts = 0, type = excluded.type,
         version = excluded.version, payload = excluded.payload, cron = excluded.cron, time_zone = excluded.time_zone,
         correlation_id = excluded.correlation_id, hops = excluded.hops`,
      key,
      dueAt,
      type,
      version ?? null,
      bytesOf(payload),
      recurs?.cron ?? null,
      recurs?.timeZone ?? null,
      correlationId,
      hops,
    );
  }

  postpone(key: string, retryAt: number, attempts: number): void {
    this.#database.write("UPDATE timers SET retry_at = ?, attempts = ? WHERE key = ?", retryAt, attempts, key);
  }

  move(key: string, dueAt: number): void {
    this.#database.write("UPDATE timers SET due_at = ?, retry_at = NULL, attempts = 0 WHERE key = ?", dueAt, key);
  }

  remove(key: string): void {
    this.#database.write("DELETE FROM timers WHERE key = ?", key);
  }
}

function timerOf(row: SqlRow): TimerRow {
  return {
    key: row["key"] as string,
    dueAt: row["due_at"] as number,
    type: row["type"] as string,
    version: (row["version"] as number | null) ?? undefined,
    payload: jsonTextOf(row["payload"]),
    recurs: row["cron"] === null ? undefined : { cron: row["cron"] as string, timeZone: row["time_zone"] as string },
    correlationId: row["correlation_id"] as string,
    hops: row["hops"] as number,
    attempts: row["attempts"] as number,
  };
}
