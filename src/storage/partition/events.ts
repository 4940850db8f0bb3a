import { Damage } from "../damage.ts";
import type { Database } from "../database.ts";
import type { SqlRow, SqlValue } from "../driver.ts";
import { textOf } from "../text.ts";
import { type Annotated, annotatedOf, annotatedText } from "./annotations.ts";
import { GatheredEvents } from "./gathered-events.ts";
import type { RecordedKeys } from "./recorded-keys.ts";

/** An event as it is stored. */
export interface EventRow extends Annotated {
  eventId: number;
  /** Whom its key belongs to: who has submitted it, or a scope that several share (`submitter`). */
  principal: string;
  draftId: string;
  clientId: string;
  type: string;
  /** As submitted; absent means 1. */
  version: number | undefined;
  /** As submitted. */
  expectedEventId: number | undefined;
  /** Milliseconds since 1970. */
  timestamp: number;
  /** JSON text, as it goes out. */
  payload: string;
  /** UTF-8 bytes of `payload` and of what is stored as annotations; kept here because every connection with credit counts them. */
  payloadBytes: number;
  /** The last event of the atomic batch it belongs to; undefined outside one. */
  batchEnd: number | undefined;
  /** SHA-256 of the canonical content as submitted; undefined: the row holds it unchanged. */
  fingerprint: Uint8Array | undefined;
  /** The random id of the object's lifetime that wrote the event; undefined on events before migration 0005. */
  incarnation: string | undefined;
  /** What caused the event; undefined: nothing is known. */
  correlationId: string | undefined;
  /** How many effects led to the event, one after the other; undefined: none. */
  hops: number | undefined;
}

/** What of an event is folded. */
export type FoldedRow = Pick<
  EventRow,
  | "eventId"
  | "principal"
  | "clientId"
  | "type"
  | "version"
  | "timestamp"
  | "payload"
  | "payloadBytes"
  | "annotations"
  | "submitter"
>;

/** Who has submitted an event. */
export function submitterOf({ principal, submitter }: Pick<EventRow, "principal" | "submitter">): string {
  return submitter ?? principal;
}

/** When an event was written, and by which lifetime of the object. */
export type EventOrigin = Pick<EventRow, "timestamp" | "incarnation">;

/** What all share that one event has led to, with itself; undefined: of an event before migration 0005 that nothing led to. */
export function correlationIdOf({
  correlationId,
  incarnation,
  eventId,
}: Pick<EventRow, "correlationId" | "incarnation" | "eventId">): string | undefined {
  return correlationId ?? (incarnation && `${incarnation}:${eventId}`);
}

export interface EventReads {
  /** The last event's id and origin; zeros while there is none. */
  head(): { eventId: number } & EventOrigin;
  /** Undefined where there is no such event. */
  origin(eventId: number): EventOrigin | undefined;
  /**
   * Events after `eventId` in order: at most `limit` of them, and none after the one with which their payloads reach
   * `bytes`. So memory is bounded whatever the size of the events. They end before an event that is damaged or missing.
   *
   * @throws Damage where already the first one is.
   */
  after(eventId: number, limit: number, bytes: number): EventRow[];
  /** The same with what is folded only: that takes a third of the time. A row whose other columns are damaged is none, too. */
  folded(eventId: number, limit: number, bytes: number): FoldedRow[];
  /** The event before the longest run of newest events that has at most `limit` of them, and payloads of at most `bytes`. */
  beforeNewest(limit: number, bytes: number): number;
  /** @throws Damage where the event is damaged. */
  find(principal: string, draftId: string): EventRow | undefined;
  /** Payload bytes of the events after `eventId`, up to and with `upTo`; where they are more than `max`, of some of them that are. */
  bytesAfter(eventId: number, upTo?: number, max?: number): number;
}

export interface EventWrites {
  /** Drafts with these ids are about to be decided, in this transaction: what is appended of them can be written together. */
  announce(draftIds: readonly string[]): void;
  /** Appends an event. Returns false, and writes nothing, if its key was used before. */
  append(event: EventRow): boolean;
}

/** The bytes that are counted of a row: of its payload and its annotations. */
const rowBytes = "length(payload) + coalesce(length(annotations), 0)";

/** What is read of a row, and how. */
interface Reading<Row> {
  /** All rows of a range. */
  readonly range: string;
  /**
   * Those of a range within a bound in bytes. The size of a BLOB is in the head of its row, so this finds the bound without
   * reading payloads (measured: 0.5 ms for 500 events of 60 KB).
   */
  readonly bounded: string;
  /** @throws Damage where a value is none that was written. */
  readonly rowOf: (row: SqlRow) => Row;
}

function reading<Row>(columns: string, rowOf: (row: SqlRow) => Row): Reading<Row> {
  const from = `SELECT ${columns} FROM events WHERE event_id > ?1 AND event_id <=`;
  return {
    range: `${from} ?2 ORDER BY event_id`,
    bounded: `${from}
  (SELECT max(event_id) FROM
    (SELECT event_id, bytes, sum(bytes) OVER (ORDER BY event_id) AS total FROM
      (SELECT event_id, ${rowBytes} AS bytes FROM events WHERE event_id > ?1 ORDER BY event_id LIMIT ?2))
   WHERE total - bytes < ?3)
  ORDER BY event_id`,
    rowOf,
  };
}

const whole = reading("*", eventOf);
/** The id of the draft is no text in a row that is damaged. */
const toFold = reading(
  `event_id, principal, client_id, type, version, timestamp, payload, annotations,
  CASE typeof(draft_id) WHEN 'text' THEN '' END AS draft_id`,
  foldedOf,
);

/**
 * How many rows a statement looks at, at first: what a few large events need is found without the sizes of hundreds. Each
 * further one that finds only small events looks at twice as many.
 */
const lookaheadRowsMin = 64;
/** How many sizes are summed between two comparisons with their bound. */
const summedRows = 512;

const selectFirstOfNewest = `SELECT min(event_id) AS first FROM
  (SELECT event_id, sum(bytes) OVER (ORDER BY event_id DESC) AS total FROM
    (SELECT event_id, ${rowBytes} AS bytes FROM events ORDER BY event_id DESC LIMIT ?1))
  WHERE total <= ?2`;

const columns = "event_id, principal, draft_id, client_id, type, timestamp, payload, incarnation";
const values = "?1, ?2, ?3, ?4, ?5, ?6, CAST(?7 AS BLOB), ?8";
const unlessUsed = "ON CONFLICT (principal, draft_id) DO NOTHING";

/** Of almost every event: seven NULLs more cost a tenth of the statement (docs/decisions/0040-cost-of-an-event.md). */
const insert = `INSERT INTO events (${columns}) VALUES (${values}) ${unlessUsed}`;

const insertWhole = `INSERT INTO events
  (${columns}, version, expected_event_id, batch_end, fingerprint, correlation_id, hops, annotations)
  VALUES (${values}, ?9, ?10, ?11, ?12, ?13, ?14, CAST(?15 AS BLOB)) ${unlessUsed}`;

/**
 * The table `events` of migration 0012; in a partition that had events before it, that of 0001, with `batch_end` of 0002, three
 * columns of 0005, `hops` of 0007 and `annotations` of 0010. Keys are unique in both. The index of 0012 begins with the draft: ids
 * that grow with time come to one place for all principals, so a commit writes fewer pages. That of 0001 begins with the
 * principal, and SQLite cannot change the index of a constraint: so look up by both parts of a key. Triggers keep the table append-only.
 */
export class EventsTable implements EventReads, EventWrites {
  readonly #database: Database;
  readonly #recordedKeys: RecordedKeys;
  readonly #gathered: GatheredEvents;

  constructor(database: Database, recordedKeys: RecordedKeys) {
    this.#database = database;
    this.#recordedKeys = recordedKeys;
    this.#gathered = new GatheredEvents(database);
  }

  head(): { eventId: number } & EventOrigin {
    const [row] = this.#read("SELECT event_id, timestamp, incarnation FROM events ORDER BY event_id DESC LIMIT 1");
    return row
      ? { eventId: row["event_id"] as number, ...originOf(row) }
      : { eventId: 0, timestamp: 0, incarnation: undefined };
  }

  origin(eventId: number): EventOrigin | undefined {
    const [row] = this.#read("SELECT timestamp, incarnation FROM events WHERE event_id = ?", eventId);
    return row && originOf(row);
  }

  after(eventId: number, limit: number, bytes: number): EventRow[] {
    return this.#after(whole, eventId, limit, bytes);
  }

  folded(eventId: number, limit: number, bytes: number): FoldedRow[] {
    return this.#after(toFold, eventId, limit, bytes);
  }

  #after<Row extends FoldedRow>(
    { range, bounded, rowOf }: Reading<Row>,
    eventId: number,
    limit: number,
    bytes: number,
  ): Row[] {
    const events: Row[] = [];
    let bytesLeft = bytes;
    for (let rows = lookaheadRowsMin; events.length < limit && bytesLeft > 0; rows *= 2) {
      const count = Math.min(rows, limit - events.length);
      const from = eventId + events.length;
      // Where all are within the bound, a plain range takes two thirds of the time.
      const found =
        count === 1 || this.#bytesBetween(from, from + count) <= bytesLeft
          ? this.#read(range, from, from + count)
          : this.#read(bounded, from, count, bytesLeft);
      // A range does not show that there is something behind it.
      if (found.length === 0 && events.length === 0 && this.head().eventId > eventId)
        throw new Damage("its row is missing", eventId + 1);
      for (const row of found) {
        const next = eventId + events.length + 1;
        try {
          if (row["event_id"] !== next) throw new Damage("its row is missing", next);
          const event = rowOf(row);
          events.push(event);
          bytesLeft -= event.payloadBytes;
        } catch (error) {
          if (events.length === 0) throw error;
          return events;
        }
      }
      if (found.length < count) break;
    }
    return events;
  }

  beforeNewest(limit: number, bytes: number): number {
    const [row] = this.#read(selectFirstOfNewest, limit, bytes);
    const first = row?.["first"] as number | null | undefined;
    return first ? first - 1 : this.head().eventId;
  }

  find(principal: string, draftId: string): EventRow | undefined {
    const [row] = this.#read("SELECT * FROM events WHERE principal = ? AND draft_id = ?", principal, draftId);
    return row && eventOf(row);
  }

  bytesAfter(eventId: number, upTo = Number.MAX_SAFE_INTEGER, max = Number.POSITIVE_INFINITY): number {
    if (max === Number.POSITIVE_INFINITY) return this.#bytesBetween(eventId, upTo);
    let bytes = 0;
    for (let from = eventId; from < upTo && bytes <= max; from += summedRows) {
      bytes += this.#bytesBetween(from, Math.min(from + summedRows, upTo));
    }
    return bytes;
  }

  #bytesBetween(after: number, upTo: number): number {
    const [row] = this.#read(
      `SELECT coalesce(sum(${rowBytes}), 0) AS bytes FROM events WHERE event_id > ? AND event_id <= ?`,
      after,
      upTo,
    );
    return (row?.["bytes"] as number | undefined) ?? 0;
  }

  /** After what the running transaction has appended. */
  #read(sql: string, ...values: SqlValue[]): SqlRow[] {
    this.#database.settle(true);
    return this.#database.read(sql, ...values);
  }

  announce(draftIds: readonly string[]): void {
    this.#gathered.announce(draftIds);
  }

  append(event: EventRow): boolean {
    const { eventId, principal, draftId, clientId, type, timestamp, payload, incarnation } = event;
    const { version, expectedEventId, batchEnd, fingerprint, correlationId, hops } = event;
    if (this.#recordedKeys.has(principal, draftId)) return false;
    const annotated = annotatedText(event);
    // What few events have, in the order of `insertWhole`.
    const rare = version ?? expectedEventId ?? batchEnd ?? fingerprint ?? correlationId ?? hops ?? annotated;
    if (this.#gathered.take(event, rare === undefined)) return true;
    this.#database.settle(true);
    // JSON text has no NUL and no lone surrogate, so CAST makes the same bytes as an encoder, and faster.
    const common: SqlValue[] = [eventId, principal, draftId, clientId, type, timestamp, payload, incarnation ?? null];
    if (rare === undefined) return this.#database.wrote(insert, ...common);
    for (const value of [version, expectedEventId, batchEnd, fingerprint, correlationId, hops, annotated]) {
      common.push(value ?? null);
    }
    return this.#database.wrote(insertWhole, ...common);
  }
}

function eventOf(row: SqlRow): EventRow {
  return {
    ...foldedOf(row),
    draftId: row["draft_id"] as string,
    expectedEventId: (row["expected_event_id"] as number | null) ?? undefined,
    batchEnd: (row["batch_end"] as number | null) ?? undefined,
    fingerprint: (row["fingerprint"] as Uint8Array | null) ?? undefined,
    incarnation: (row["incarnation"] as string | null) ?? undefined,
    correlationId: (row["correlation_id"] as string | null) ?? undefined,
    hops: (row["hops"] as number | null) ?? undefined,
  };
}

/** @throws Damage where a value is none that was written. */
function foldedOf(row: SqlRow): FoldedRow {
  const eventId = row["event_id"] as number;
  const payload = row["payload"];
  if (!(payload instanceof Uint8Array)) throw new Damage("its payload has the wrong type", eventId);
  for (const [column, type] of columnTypes) {
    if (typeof row[column] !== type) throw new Damage(`its ${column} has the wrong type`, eventId);
  }
  const stored = row["annotations"];
  const { annotations, submitter } = annotatedOf(stored, eventId);
  return {
    eventId,
    principal: row["principal"] as string,
    clientId: row["client_id"] as string,
    type: row["type"] as string,
    version: (row["version"] as number | null) ?? undefined,
    timestamp: row["timestamp"] as number,
    payload: payloadText(payload, eventId),
    payloadBytes: payload.length + (stored instanceof Uint8Array ? stored.length : 0),
    annotations,
    submitter,
  };
}

function originOf(row: SqlRow): EventOrigin {
  return {
    timestamp: row["timestamp"] as number,
    incarnation: (row["incarnation"] as string | null) ?? undefined,
  };
}

/** The types of the columns that are never NULL, without the payload's. */
const columnTypes = [
  ["timestamp", "number"],
  ["principal", "string"],
  ["draft_id", "string"],
  ["client_id", "string"],
  ["type", "string"],
] as const;

function payloadText(payload: Uint8Array, eventId: number): string {
  try {
    return textOf(payload);
  } catch (error) {
    throw new Damage("its payload is not UTF-8", eventId, { cause: error });
  }
}
