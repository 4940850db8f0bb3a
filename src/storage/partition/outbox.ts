import type { Database } from "../database.ts";
import type { SqlRow, SqlValue } from "../driver.ts";
import { bytesOf, jsonTextOf } from "../text.ts";

/** The kinds of effects that leave the partition. */
export type OutboxKind = "submit" | "webhook" | "queue";

/** Which effect of which event: the order of the outbox. */
export interface OutboxKey {
  readonly eventId: number;
  /** From 0. */
  readonly n: number;
}

/** An effect that waits, without its body. */
export interface WaitingEffect extends OutboxKey {
  readonly kind: OutboxKind;
  /** A partition or a queue. Of webhooks "": all endpoints that want it; or the names of those that do not have it yet, separated by spaces. */
  readonly destination: string;
  /** UTF-8 bytes of the body. */
  readonly bytes: number;
}

/** An effect as it is read. */
export interface StoredEffect extends OutboxKey {
  /** The random id of the object's lifetime that wrote its event. */
  readonly incarnation: string;
  readonly kind: OutboxKind;
  readonly destination: string;
  /** JSON text of an object, as its kind needs it; undefined: it is damaged. */
  readonly body: string | undefined;
  /** Shared by all that one event has led to. */
  readonly correlationId: string;
  /** How many effects led to this one, with itself. */
  readonly hops: number;
  /** The time of the event, in milliseconds since 1970. */
  readonly createdAt: number;
  /** When it was put here: later than `createdAt` after a replay. */
  readonly queuedAt: number;
}

/** An effect as it is written, and delivered. */
export interface OutboxRow extends StoredEffect {
  readonly body: string;
}

/** The id of an effect, which no other effect ever has: a log that is restored goes on under another incarnation. */
export function effectIdOf({ incarnation, eventId, n }: Pick<StoredEffect, "incarnation" | "eventId" | "n">): string {
  return `${incarnation}:${eventId}:${n}`;
}

export interface OutboxReads {
  /** All that wait, in the order of the log. */
  waiting(): WaitingEffect[];
  find(key: OutboxKey): StoredEffect | undefined;
}

export interface OutboxWrites {
  add(row: OutboxRow): void;
  /** Stores where an effect still has to go. */
  redirect(key: OutboxKey, destination: string): void;
  remove(key: OutboxKey): void;
}

/** The table `outbox` of migration 0007. */
export class OutboxTable implements OutboxReads, OutboxWrites {
  readonly #database: Database;

  constructor(database: Database) {
    this.#database = database;
  }

  waiting(): WaitingEffect[] {
    return this.#database
      .read("SELECT event_id, n, kind, destination, length(body) AS bytes FROM outbox ORDER BY event_id, n")
      .map((row) => ({
        eventId: row["event_id"] as number,
        n: row["n"] as number,
        kind: row["kind"] as OutboxKind,
        destination: row["destination"] as string,
        bytes: row["bytes"] as number,
      }));
  }

  find({ eventId, n }: OutboxKey): StoredEffect | undefined {
    const [row] = this.#database.read("SELECT * FROM outbox WHERE event_id = ? AND n = ?", eventId, n);
    return row && storedEffectOf(row);
  }

  add(row: OutboxRow): void {
    this.#database.write(
      `INSERT INTO outbox
         (event_id, n, incarnation, kind, destination, body, correlation_id, hops, created_at, queued_at)
       VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?)`,
      ...outboxValuesOf(row),
    );
  }

  redirect({ eventId, n }: OutboxKey, destination: string): void {
    this.#database.write("UPDATE outbox SET destination = ? WHERE event_id = ? AND n = ?", destination, eventId, n);
  }

  remove({ eventId, n }: OutboxKey): void {
    this.#database.write("DELETE FROM outbox WHERE event_id = ? AND n = ?", eventId, n);
  }
}

/** The values of an effect, in the order of its columns. */
export function outboxValuesOf(row: Omit<OutboxRow, "kind"> & { readonly kind: string }) {
  return [
    row.eventId,
    row.n,
    row.incarnation,
    row.kind,
    row.destination,
    bytesOf(row.body),
    row.correlationId,
    row.hops,
    row.createdAt,
    row.queuedAt,
  ];
}

export function storedEffectOf(row: SqlRow): StoredEffect {
  const kind = row["kind"] as OutboxKind;
  return {
    eventId: row["event_id"] as number,
    n: row["n"] as number,
    incarnation: row["incarnation"] as string,
    kind,
    destination: row["destination"] as string,
    body: bodyOf(kind, row["body"]),
    correlationId: row["correlation_id"] as string,
    hops: row["hops"] as number,
    createdAt: row["created_at"] as number,
    queuedAt: row["queued_at"] as number,
  };
}

/** The body of an effect; undefined: it is not what effects of this kind have, so it is damaged. */
function bodyOf(kind: OutboxKind, stored: SqlValue | undefined): string | undefined {
  const text = jsonTextOf(stored);
  if (text === undefined || !["submit", "webhook", "queue"].includes(kind)) return undefined;
  const content = JSON.parse(text) as Readonly<Record<string, unknown>> | null;
  const payload = content?.["payload"];
  const typed = kind === "queue" || typeof content?.["type"] === "string";
  return typed && typeof payload === "object" && payload !== null ? text : undefined;
}
