import type { Database } from "../database.ts";
import type { SqlRow } from "../driver.ts";
import { bytesOf, jsonTextOf } from "../text.ts";

/** An effect that is to be delivered, without its payload. Times are in milliseconds since 1970. */
export interface DeliverySummary {
  effectId: string;
  seq: number;
  partition: string;
  type: string;
  /** Of its event. */
  timestamp: number;
  correlationId: string | undefined;
  /** Of what caused it; undefined: an earlier version has handed it over. */
  traceId?: string | undefined;
  ordered: boolean;
  acceptedAt: number;
  /** Undefined: it is a dead letter, or waits for an earlier row of its partition. */
  dueAt: number | undefined;
  /** Since when it is a dead letter. */
  diedAt: number | undefined;
  attempts: number;
  lastStatus: number | undefined;
  lastReason: string | undefined;
  /** The size of its payload. */
  bytes: number;
}

/** As it is read. */
export interface StoredDelivery extends DeliverySummary {
  /** JSON text; undefined: it is damaged. */
  payload: string | undefined;
}

/** As it is written, and sent. */
export interface DeliveryRow extends StoredDelivery {
  payload: string;
}

/** How much is stored, dead letters included, and how many of them there are. `lastSeq`: the highest number. */
export interface DeliveryTotals {
  rows: number;
  bytes: number;
  dead: number;
  lastSeq: number;
}

export interface DeliveryReads {
  totals(): DeliveryTotals;
  find(effectId: string): StoredDelivery | undefined;
  /** The rows that are due at `now`, earliest first. */
  due(now: number, limit: number): StoredDelivery[];
  /** The rows that are due first, and when. */
  earliest(limit: number): { effectId: string; dueAt: number }[];
  /** The first ordered row of `partition`, dead letters included. */
  firstOrdered(partition: string): DeliverySummary | undefined;
  /** The rows that were accepted before `before` and are not dead letters, in order. */
  acceptedBefore(before: number, limit: number): DeliverySummary[];
  /** The dead letters after number `after`, in order. */
  dead(after: number, limit: number): DeliverySummary[];
  /** The ids of rows that were accepted before `before`, dead letters included, in no order. */
  idsBefore(before: number, limit: number): string[];
}

export interface DeliveryWrites {
  add(row: Omit<DeliveryRow, "bytes">): void;
  /** Stores what an attempt, a replay or a move to the dead letters has changed. */
  update(row: Pick<DeliveryRow, "effectId" | "dueAt" | "diedAt" | "attempts" | "lastStatus" | "lastReason">): void;
  /** The same for a row that begins again: its time is counted from `acceptedAt`. */
  restart(row: Pick<DeliveryRow, "effectId" | "dueAt" | "acceptedAt">): void;
  remove(effectId: string): void;
}

const summary =
  "effect_id, seq, partition, type, timestamp, correlation_id, trace_id, ordered, accepted_at, due_at, died_at, attempts, last_status, last_reason, length(payload) AS bytes";

/** The table `deliveries` of the courier's migration 0001. */
export class DeliveriesTable implements DeliveryReads, DeliveryWrites {
  readonly #database: Database;

  constructor(database: Database) {
    this.#database = database;
  }

  totals(): DeliveryTotals {
    const [row] = this.#database.read(
      "SELECT count(*) AS rows, coalesce(sum(length(payload)), 0) AS bytes, count(died_at) AS dead, coalesce(max(seq), 0) AS last_seq FROM deliveries",
    );
    return {
      rows: (row?.["rows"] as number | undefined) ?? 0,
      bytes: (row?.["bytes"] as number | undefined) ?? 0,
      dead: (row?.["dead"] as number | undefined) ?? 0,
      lastSeq: (row?.["last_seq"] as number | undefined) ?? 0,
    };
  }

  find(effectId: string): StoredDelivery | undefined {
    const [row] = this.#database.read(`SELECT ${summary}, payload FROM deliveries WHERE effect_id = ?`, effectId);
    return row && deliveryOf(row);
  }

  due(now: number, limit: number): StoredDelivery[] {
    return this.#database
      .read(
        `SELECT ${summary}, payload FROM deliveries WHERE due_at IS NOT NULL AND due_at <= ? ORDER BY due_at, seq LIMIT ?`,
        now,
        limit,
      )
      .map(deliveryOf);
  }

  earliest(limit: number): { effectId: string; dueAt: number }[] {
    return this.#database
      .read("SELECT effect_id, due_at FROM deliveries WHERE due_at IS NOT NULL ORDER BY due_at, seq LIMIT ?", limit)
      .map((row) => ({ effectId: row["effect_id"] as string, dueAt: row["due_at"] as number }));
  }

  firstOrdered(partition: string): DeliverySummary | undefined {
    return this.#summaries("ordered = 1 AND partition = ? ORDER BY seq LIMIT 1", partition)[0];
  }

  acceptedBefore(before: number, limit: number): DeliverySummary[] {
    return this.#summaries("died_at IS NULL AND accepted_at < ? ORDER BY seq LIMIT ?", before, limit);
  }

  dead(after: number, limit: number): DeliverySummary[] {
    return this.#summaries("died_at IS NOT NULL AND seq > ? ORDER BY seq LIMIT ?", after, limit);
  }

  idsBefore(before: number, limit: number): string[] {
    return this.#database
      .read("SELECT effect_id FROM deliveries WHERE accepted_at < ? LIMIT ?", before, limit)
      .map((row) => row["effect_id"] as string);
  }

  add(row: Omit<DeliveryRow, "bytes">): void {
    this.#database.write(
      "INSERT INTO deliveries (effect_id, seq, partition, type, timestamp, correlation_id, trace_id, ordered, accepted_at, due_at, died_at, attempts, last_status, last_reason, payload) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
      row.effectId,
      row.seq,
      row.partition,
      row.type,
      row.timestamp,
      row.correlationId ?? null,
      row.traceId ?? null,
      row.ordered ? 1 : 0,
      row.acceptedAt,
      row.dueAt ?? null,
      row.diedAt ?? null,
      row.attempts,
      row.lastStatus ?? null,
      row.lastReason ?? null,
      bytesOf(row.payload),
    );
  }

  update({ effectId, dueAt, diedAt, attempts, lastStatus, lastReason }: Parameters<DeliveryWrites["update"]>[0]): void {
    this.#database.write(
      "UPDATE deliveries SET due_at = ?, died_at = ?, attempts = ?, last_status = ?, last_reason = ? WHERE effect_id = ?",
      dueAt ?? null,
      diedAt ?? null,
      attempts,
      lastStatus ?? null,
      lastReason ?? null,
      effectId,
    );
  }

  restart({ effectId, dueAt, acceptedAt }: Parameters<DeliveryWrites["restart"]>[0]): void {
    this.#database.write(
      "UPDATE deliveries SET due_at = ?, died_at = NULL, attempts = 0, accepted_at = ? WHERE effect_id = ?",
      dueAt ?? null,
      acceptedAt,
      effectId,
    );
  }

  remove(effectId: string): void {
    this.#database.write("DELETE FROM deliveries WHERE effect_id = ?", effectId);
  }

  #summaries(where: string, ...values: (string | number)[]): DeliverySummary[] {
    return this.#database.read(`SELECT ${summary} FROM deliveries WHERE ${where}`, ...values).map(summaryOf);
  }
}

function summaryOf(row: SqlRow): DeliverySummary {
  return {
    effectId: row["effect_id"] as string,
    seq: row["seq"] as number,
    partition: row["partition"] as string,
    type: row["type"] as string,
    timestamp: row["timestamp"] as number,
    correlationId: (row["correlation_id"] as string | null) ?? undefined,
    traceId: (row["trace_id"] as string | null) ?? undefined,
    ordered: row["ordered"] === 1,
    acceptedAt: row["accepted_at"] as number,
    dueAt: (row["due_at"] as number | null) ?? undefined,
    diedAt: (row["died_at"] as number | null) ?? undefined,
    attempts: row["attempts"] as number,
    lastStatus: (row["last_status"] as number | null) ?? undefined,
    lastReason: (row["last_reason"] as string | null) ?? undefined,
    bytes: row["bytes"] as number,
  };
}

function deliveryOf(row: SqlRow): StoredDelivery {
  return { ...summaryOf(row), payload: jsonTextOf(row["payload"]) };
}
