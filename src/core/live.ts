import { type AnyModel, foldEvent, State } from "../model/index.ts";
import type { JsonObject } from "../protocol/index.ts";
import type { DueKind, EventRow, StorageReads } from "../storage/port.ts";

/** Thrown when the log in storage has a hole: nothing may be built on it. */
export class LogCorrupt extends Error {
  override name = "LogCorrupt";
}

/** What the partition keeps in memory. All of it can be rebuilt from storage, and is after a failed commit. */
export interface Live {
  /** The last committed event id. */
  head: number;
  /** The last event's time; times never run backwards. */
  timestamp: number;
  /** Payload bytes of the whole log. */
  logBytes: number;
  snapshot: { eventId: number; logBytes: number; stateBytes: number };
  state: State<object>;
  /** The log's id; undefined while nothing was ever written. */
  logId: string | undefined;
  /** The table of due work. */
  due: Map<DueKind, number>;
}

const noSnapshot = { eventId: 0, logBytes: 0, stateBytes: 0 };
/** How many events one read holds in memory. */
const foldRowsMax = 500;

/** Rebuilds memory from storage: the newest good snapshot and the events after it, or all events. */
export function loadLive(reads: StorageReads, model: AnyModel): Live {
  const head = reads.head();
  const newest = reads.latestSnapshot(model.version);
  const text = newest && reads.snapshotState(newest.eventId);
  const snapshot = newest && text !== undefined ? newest : noSnapshot;
  const state = new State<object>(text === undefined ? model.initialState() : (JSON.parse(text) as object));
  foldRange(reads, model, state, snapshot.eventId, head.eventId);
  return {
    head: head.eventId,
    timestamp: head.timestamp,
    logBytes: snapshot.logBytes + reads.logBytesAfter(snapshot.eventId),
    snapshot,
    state,
    logId: reads.log()?.logId,
    due: new Map(reads.dueBy(Number.MAX_SAFE_INTEGER).map(({ kind, dueAt }) => [kind, dueAt])),
  };
}

/**
 * Folds the events after `from` up to `to` into `state`.
 *
 * @throws LogCorrupt where an id is missing; FoldError where the model cannot fold an event.
 */
export function foldRange(reads: StorageReads, model: AnyModel, state: State<object>, from: number, to: number): void {
  let at = from;
  while (at < to) {
    const rows = reads.eventsAfter(at, Math.min(foldRowsMax, to - at));
    if (rows.length === 0) throw new LogCorrupt(`event ${at + 1} is missing`);
    for (const row of rows) {
      if (row.eventId !== at + 1) throw new LogCorrupt(`event ${at + 1} is missing`);
      foldEvent(model, state, loggedEvent(row));
      at = row.eventId;
    }
  }
}

/** The row as the model's folding takes it. */
export function loggedEvent(row: EventRow): Parameters<typeof foldEvent>[2] {
  return {
    type: row.type,
    ...(row.version === undefined ? {} : { version: row.version }),
    payload: JSON.parse(row.payload) as JsonObject,
    timestamp: row.timestamp,
    clientId: row.clientId,
  };
}
