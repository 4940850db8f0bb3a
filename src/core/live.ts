import { type AnyModel, foldEvent, FoldError, State } from "../model/index.ts";
import type { Failure, JsonObject } from "../protocol/index.ts";
import { Refusal } from "./refusal.ts";
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
  /** Whether a snapshot is being written. */
  snapshotting: boolean;
  /** At most how many bytes the state has as JSON: exact at times, and then grown by every payload. */
  stateBytes: number;
  /** The event after which `stateBytes` was last measured. */
  measuredAt: number;
  /** The hash of the state after `eventId`, once somebody has asked for it. */
  hash: { eventId: number; sha256: string } | undefined;
  /** Why the log cannot be folded. Then `state` says nothing; the log itself can be read. */
  fault: FoldError | undefined;
  /** The log's id; undefined while nothing was ever written. */
  logId: string | undefined;
  /** How many rejections of a principal are stored, once that matters. */
  rejections: Map<string, number>;
  /** The table of due work. */
  due: Map<DueKind, number>;
}

const noSnapshot = { eventId: 0, logBytes: 0, stateBytes: 0 };
/** A model is mended by a deploy: there is no use in asking often. */
const quarantineRetrySeconds = 30;
/** How many events one read holds in memory. */
const foldRowsMax = 500;

/**
 * Rebuilds memory from storage: the newest good snapshot and the events after it, or all events. An
 * event that the model cannot fold is a `fault`, not an error: the partition stays open and readable.
 *
 * @throws LogCorrupt where an id is missing.
 */
export function loadLive(reads: StorageReads, model: AnyModel): Live {
  const head = reads.head();
  const newest = reads.latestSnapshot(model.version);
  const text = newest && reads.snapshotState(newest.eventId);
  const snapshot = newest && text !== undefined ? newest : noSnapshot;
  const state = new State<object>(text === undefined ? model.initialState() : (JSON.parse(text) as object));
  let fault: FoldError | undefined;
  try {
    foldRange(reads, model, state, snapshot.eventId, head.eventId);
  } catch (error) {
    if (!(error instanceof FoldError)) throw error;
    fault = error;
  }
  const logBytes = snapshot.logBytes + reads.logBytesAfter(snapshot.eventId);
  return {
    head: head.eventId,
    timestamp: head.timestamp,
    logBytes,
    // What a snapshot does not tell is found out when it matters.
    stateBytes: snapshot.stateBytes + (logBytes - snapshot.logBytes),
    measuredAt: 0,
    hash: undefined,
    snapshotting: false,
    fault,
    snapshot,
    state,
    logId: reads.log()?.logId,
    rejections: new Map(),
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

/** @throws Refusal where the log cannot be folded. */
export function assertSound(live: Live): void {
  const failure = soundness(live);
  if (failure) throw new Refusal(failure);
}

/** Why the state says nothing, if so. */
export function soundness(live: Live): Failure | undefined {
  if (!live.fault) return undefined;
  return {
    code: "quarantined",
    detail: `This partition's model cannot fold its log: ${live.fault.message}. The log can be read; drafts are taken again once the model is mended.`,
    retryAfter: quarantineRetrySeconds,
  };
}
