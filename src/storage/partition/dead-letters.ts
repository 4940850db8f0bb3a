import type { Database } from "../database.ts";
import type { SqlRow } from "../driver.ts";
import { bytesOf, jsonTextOf } from "../text.ts";
import { type OutboxKey, type OutboxKind, outboxValuesOf, type StoredEffect, storedEffectOf } from "./outbox.ts";

/**
 * Why an effect was given up. `rejected`: by the verdict of its destination. `refused`: by an answer that stays the same
 * when it is sent again. `expired`: it could not be delivered for too long. `too_many_hops`: too many effects led to it.
 * `answer_failed`: it was decided, and the event that its verdict comes back as was not accepted. `damaged`: what is stored
 * of it is not what was written.
 */
type DeadLetterReason = "rejected" | "refused" | "expired" | "too_many_hops" | "answer_failed" | "damaged";

/** What is added to an effect when it is given up. */
interface GivenUp {
  /** When, in milliseconds since 1970. */
  readonly diedAt: number;
  readonly reason: DeadLetterReason;
  /** JSON text of an object: what was answered. */
  readonly detail: string;
}

/**
 * An effect that was given up, or a timer whose draft or pattern is damaged: its `destination` is its key, its `createdAt`
 * when it was due.
 */
export interface DeadLetterRow extends Omit<StoredEffect, "kind">, GivenUp {
  readonly kind: OutboxKind | "timer";
}

const effectColumns = "event_id, n, incarnation, kind, destination, body, correlation_id, hops, created_at, queued_at";

/** The table `dead_letters` of migration 0007. */
export class DeadLettersTable {
  readonly #database: Database;

  constructor(database: Database) {
    this.#database = database;
  }

  /** How many there are, and the bytes of their bodies. Reads each row. */
  totals(): { count: number; bytes: number } {
    const [row] = this.#database.read(
      "SELECT count(*) AS count, coalesce(sum(length(body)), 0) AS bytes FROM dead_letters",
    );
    return { count: (row?.["count"] as number | undefined) ?? 0, bytes: (row?.["bytes"] as number | undefined) ?? 0 };
  }

  /** Those after `key` in the order of the log, at most `limit`. */
  after({ eventId, n }: OutboxKey, limit: number): DeadLetterRow[] {
    return this.#database
      .read("SELECT * FROM dead_letters WHERE (event_id, n) > (?, ?) ORDER BY event_id, n LIMIT ?", eventId, n, limit)
      .map(deadLetterOf);
  }

  /** The last number of those of an event; -1: there are none. */
  lastOf(eventId: number): number {
    const [row] = this.#database.read("SELECT max(n) AS last FROM dead_letters WHERE event_id = ?", eventId);
    return (row?.["last"] as number | null | undefined) ?? -1;
  }

  find({ eventId, n }: OutboxKey): DeadLetterRow | undefined {
    const [row] = this.#database.read("SELECT * FROM dead_letters WHERE event_id = ? AND n = ?", eventId, n);
    return row && deadLetterOf(row);
  }

  /** Where there is one of the same effect, which was given up for other endpoints, it is of both. */
  add(row: DeadLetterRow & { readonly body: string }): void {
    this.#database.write(
      `INSERT INTO dead_letters (${effectColumns}, died_at, reason, detail)
       VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)
       ON CONFLICT (event_id, n) DO UPDATE SET destination = destination || ' ' || excluded.destination`,
      ...outboxValuesOf(row),
      row.diedAt,
      row.reason,
      bytesOf(row.detail),
    );
  }

  /** Copies an effect from the outbox as the bytes that are stored of it, where these are damaged. Where there is one of the same effect, that stays. */
  addStored({ eventId, n }: OutboxKey, { diedAt, reason, detail }: GivenUp): void {
    this.#database.write(
      `INSERT INTO dead_letters (${effectColumns}, died_at, reason, detail)
       SELECT ${effectColumns}, ?, ?, ? FROM outbox WHERE event_id = ? AND n = ?
       ON CONFLICT (event_id, n) DO NOTHING`,
      diedAt,
      reason,
      bytesOf(detail),
      eventId,
      n,
    );
  }

  remove({ eventId, n }: OutboxKey): void {
    this.#database.write("DELETE FROM dead_letters WHERE event_id = ? AND n = ?", eventId, n);
  }
}

function deadLetterOf(row: SqlRow): DeadLetterRow {
  const timer = row["kind"] === "timer" ? ({ kind: "timer", body: jsonTextOf(row["body"]) } as const) : undefined;
  return {
    ...storedEffectOf(row),
    ...timer,
    diedAt: row["died_at"] as number,
    reason: row["reason"] as DeadLetterReason,
    detail: jsonTextOf(row["detail"]) ?? "{}",
  };
}
