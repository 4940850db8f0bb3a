import {
  type AnyModel,
  type EventDefinition,
  foldEvent,
  FoldError,
  type LoggedEvent,
  type ModelEvent,
  type State,
} from "../model/index.ts";
import { isLatin } from "../model/weight.ts";
import { parsePieces } from "../model/parse-pieces.ts";
import type { StateView } from "../model/state-view.ts";
import { WeighedState } from "../model/weighed-state.ts";
import { bounds, type Failure, isJsonObject, type JsonObject } from "../protocol/index.ts";
import {
  Damage,
  type EventRow,
  type FoldedRow,
  type SnapshotRow,
  type StorageReads,
  submitterOf,
} from "../storage/port.ts";
import type { Environment } from "./environment.ts";
import { type Fault, isFault, quarantined, Unfoldable } from "./faults.ts";
import { modelTag } from "./model-tag.ts";
import { type FoldPosition, Progress, type Slice } from "./rebuilding.ts";
import { Refusal } from "./refusal.ts";

/** What folds the events of the log. */
export type Folder = Pick<Environment, "model" | "authors">;

type SnapshotSize = Pick<SnapshotRow, "eventId" | "logBytes" | "stateBytes">;

/** What was found in this lifetime of the object, and is not in the storage: it outlasts what is loaded. */
export interface Known {
  /** Why the log cannot be folded: another attempt would only cost. */
  fault: Fault | undefined;
  /** How many bytes the log had when a snapshot of it was last given up. */
  abandonedAt: number;
}

/** What is in memory only for later: all else goes before it. */
interface Kept {
  readonly bytes: number;
  release(): void;
}

/** The newest snapshot that can be read; before the first one, the initial state. */
export interface LoadedSnapshot extends SnapshotSize {
  readonly state: object;
  /** Its text, where that was asked for and is short enough to be kept. */
  readonly text?: string | undefined;
}

const tooLongForOneMessage: Failure = {
  code: "too_expensive",
  detail: "The state is too long for one message: ask for stateChunks, or sync from the beginning.",
};
/** A text that has room beside any state, in bytes: what a state takes is not known before its text was read. */
const textAtLoadBytesMax = bounds.stateAndCopiesBytesMax - bounds.stateBytesMax - bounds.stateReserveBytes;
/** How much of the log is in memory at once while it is read, in events and in bytes of their payloads. */
const rangeRowsMax = 500;
const rangeBytesMax = 256 * 1024;

/** The state that the log folds to, and what derives from it. */
export class Fold {
  declare readonly state: WeighedState<object>;
  readonly #known: Known;
  #progress: Progress | undefined;
  /** Payload bytes of the events that are in the state, while there are others. */
  #logBytes: number;
  #snapshot: SnapshotSize;
  /** The view of the snapshot that is being written. */
  #snapshotting: StateView | undefined;
  /** What the state of an earlier event takes that is being read, in bytes; undefined: none is. */
  #pastBytes: number | undefined;
  /** What is kept of earlier states between the requests of an operator; undefined: nothing. */
  kept: Kept | undefined;
  /** The text of the state after an event, as long as it is in memory anyway. */
  #text: WeakRef<{ text: string; eventId: number }> | undefined;

  /** Begins with `snapshot`; what follows it up to `head` is folded by `advance`. */
  constructor({ state, text, ...snapshot }: LoadedSnapshot, head: number, known: Known, now: number) {
    this.state = new WeighedState<object>(state);
    this.#known = known;
    this.#snapshot = snapshot;
    this.#logBytes = snapshot.logBytes;
    if (!known.fault && snapshot.eventId < head) this.#progress = new Progress(snapshot.eventId, head, now);
    // Who has the state loaded mostly asks for its text at once. While it is sent it is there twice, of up to two bytes a unit.
    else if (text !== undefined && this.hasRoom(text.length * 4)) this.#text = new WeakRef({ text, eventId: head });
  }

  /** Why the log cannot be folded. Then `state` is not valid; the log itself can be read, as far as it is intact. */
  get fault(): Fault | undefined {
    return this.#known.fault;
  }

  /** How far the state is folded, while it is behind the log. */
  get position(): FoldPosition | undefined {
    return this.#progress;
  }

  /** Set while the state is behind the log: the last event that is in it. */
  get behind(): number | undefined {
    return this.#progress?.eventId;
  }

  /** Payload bytes of the events that were in the state when it had caught up with the log, or that are while it is behind. */
  get logBytes(): number {
    return this.#logBytes;
  }

  /**
   * Folds the next events of the log, as much as `slice` says. An event that is damaged, or that the model cannot fold, is
   * a `fault`, not an error: the partition stays open and readable.
   */
  advance(reads: StorageReads, folder: Folder, slice: Slice, now: number): void {
    const progress = this.#progress;
    if (!progress) return;
    try {
      const { eventId, bytes } = foldSlice(reads, folder, this.state, progress, slice);
      this.#logBytes += bytes;
      this.state.forget();
      progress.advance(eventId, now);
      if (eventId === progress.of) this.#progress = undefined;
    } catch (error) {
      if (!isFault(error)) throw error;
      this.#known.fault = error;
      this.#progress = undefined;
    }
  }

  /** The newest snapshot; zeros while there is none. */
  get snapshot(): Readonly<SnapshotSize> {
    return this.#snapshot;
  }

  /** Whether a snapshot is being written. */
  get snapshotting(): boolean {
    return this.#snapshotting !== undefined;
  }

  /** Whether this is the view of the snapshot that is being written, and not of one that was begun before the last load. */
  isSnapshotting(view: Iterable<string>): boolean {
    return this.#snapshotting === view;
  }

  /** Applies an event to the state, and returns the position to undo to. Throws what the reducer throws, with the state as it was. */
  apply(definition: EventDefinition<object, never>, event: ModelEvent<JsonObject>): number {
    return this.state.change((state) => definition.reduce(state, event as never, this.state.context));
  }

  /** Takes back what was applied since `position`. */
  undoTo(position: number): void {
    this.state.undoTo(position);
  }

  /** Makes what was applied permanent. */
  commit(): void {
    this.state.forget();
  }

  /**
   * The state as JSON text, for one message. `eventId`: the head. Who asks for it at the same head gets the same text, as
   * long as that is in memory anyway.
   *
   * @throws Refusal where it is longer than `bounds.inlineStateUnitsMax`, or takes too much memory beside the state.
   */
  text(eventId: number): string {
    const known = this.#text?.deref();
    if (known?.eventId === eventId) return known.text;
    let text = "";
    // Twice: as pieces, and as the message that is made of them.
    let bytesPerUnit = 2;
    for (const piece of this.state.view()) {
      text += piece;
      if (!isLatin(piece)) bytesPerUnit = 4;
      if (text.length > bounds.inlineStateUnitsMax || !this.hasRoom(text.length * bytesPerUnit)) {
        throw new Refusal(tooLongForOneMessage);
      }
    }
    this.#text = new WeakRef({ text, eventId });
    return text;
  }

  /** What may be made of the state as a whole now, in bytes of memory. */
  get bytesForCopies(): number {
    return bounds.stateAndCopiesBytesMax - this.state.weight - (this.#pastBytes ?? 0) - (this.kept?.bytes ?? 0);
  }

  /** Whether something of the state as a whole may take this number of bytes of memory. What is only kept is let go for it. */
  hasRoom(bytes: number): boolean {
    const left = this.bytesForCopies - bytes;
    if (left < 0 && left + (this.kept?.bytes ?? 0) >= 0) this.kept!.release();
    return bytes <= this.bytesForCopies;
  }

  /** Whether the state of an earlier event is being read. */
  get readsPast(): boolean {
    return this.#pastBytes !== undefined;
  }

  /** Opens a view of the state of an earlier event. Until that is closed there is no other one. */
  openPast(past: WeighedState<object>): StateView {
    this.#pastBytes = past.weight;
    return past.view(() => (this.#pastBytes = undefined));
  }

  /** The state as JSON text in pieces, to be written as a snapshot. Until that is done no other one is due. */
  beginSnapshot(): StateView {
    return (this.#snapshotting = this.state.view());
  }

  /**
   * Whether the view of the snapshot has used up more of half of its room than it has given of the state, of which `units`
   * UTF-16 units are written. What a state takes in memory is mostly more than its text has, so this is on the safe side.
   */
  snapshotLags(units: number): boolean {
    const saved = this.#snapshotting?.savedBytes ?? 0;
    return saved / (bounds.viewSavedBytesMax / 2) > units / this.state.weight;
  }

  /** A snapshot was written. */
  completeSnapshot({ eventId, logBytes, stateBytes }: SnapshotSize): void {
    this.#snapshot = { eventId, logBytes, stateBytes };
    this.#snapshotting = undefined;
  }

  /** The snapshot could not be written. */
  abandonSnapshot(): void {
    this.#snapshotting = undefined;
  }

  /** How many bytes the log had when a snapshot of it was last given up. */
  get abandonedAt(): number {
    return this.#known.abandonedAt;
  }

  /** The newest snapshot is damaged: the next event makes another one due. */
  discardSnapshot(): void {
    this.#snapshot = { eventId: 0, logBytes: 0, stateBytes: 0 };
  }

  /** Why the state is not valid; undefined: it is. */
  get unsound(): Failure | undefined {
    return this.fault ? quarantined(this.fault) : this.#progress?.failure;
  }

  /** @throws Refusal where the log is not folded, or cannot be, up to `at`; undefined: to its head. */
  assertSound(at?: number): void {
    const progress = this.#progress;
    if (progress && (at === undefined || at === progress.of)) throw new Refusal(progress.failure);
    if (!this.fault) return;
    const { eventId } = this.fault;
    if (at === undefined || eventId === undefined || at >= eventId) throw new Refusal(quarantined(this.fault));
  }
}

/**
 * Reads the newest snapshot at or before `atMost` whose bytes are right; a damaged one is as good as none. `withText`: its
 * text, too, where it is that of the state after `atMost`.
 */
export function loadSnapshot(
  reads: StorageReads,
  model: AnyModel,
  atMost: number,
  { withText = false } = {},
): LoadedSnapshot {
  try {
    const newest = reads.snapshots.latest(model.version, modelTag(model), atMost);
    if (newest) {
      const { eventId, logBytes, stateBytes } = newest;
      const size = { eventId, logBytes, stateBytes };
      const pieces = reads.snapshots.pieces(eventId);
      if (!withText || eventId < atMost || stateBytes > textAtLoadBytesMax) {
        return { ...size, state: parsePieces(pieces) };
      }
      const texts = [...pieces];
      // Concatenated, not joined: so the text is not in memory twice.
      return { ...size, state: parsePieces(texts), text: texts.reduce((text, piece) => text + piece, "") };
    }
  } catch (error) {
    // Bytes that are wrong can be found by what is made of them, before they are compared.
    if (!isFault(error) && !(error instanceof SyntaxError)) throw error;
  }
  return { eventId: 0, logBytes: 0, stateBytes: 0, state: model.initialState() };
}

/** Folds events after `eventId` up to `of`, at least one, and at most a slice. Returns the last one, and the bytes of their payloads. */
function foldSlice(
  reads: StorageReads,
  folder: Folder,
  state: State<object>,
  { eventId: from, of }: Progress,
  slice: Slice,
): { eventId: number; bytes: number } {
  const workMax = state.work + slice.work;
  let bytes = 0;
  let eventId = from;
  for (const row of foldedRange(reads, from, Math.min(of, from + slice.events))) {
    foldRow(folder, state, row);
    ({ eventId } = row);
    bytes += row.payloadBytes;
    if (bytes >= slice.bytes || state.work >= workMax) break;
  }
  return { eventId, bytes };
}

/**
 * Folds one event into `state`.
 *
 * @throws Damage where it is damaged; Unfoldable where the model cannot fold it.
 */
export function foldRow({ model, authors }: Folder, state: State<object>, row: FoldedRow): void {
  const event = loggedEvent(row, authors);
  try {
    foldEvent(model, state, event);
  } catch (error) {
    throw error instanceof FoldError ? new Unfoldable(row.eventId, error) : error;
  }
}

/**
 * The events after `from` up to `to`, read piece by piece: however many and large they are, a bounded part of them is
 * in memory.
 *
 * @throws Damage at the first that is damaged or missing.
 */
export function logRange(reads: StorageReads, from: number, to: number): Generator<EventRow, void> {
  return rangeOf((...piece) => reads.events.after(...piece), from, to);
}

/** The same with what is folded only. */
export function foldedRange(reads: StorageReads, from: number, to: number): Generator<FoldedRow, void> {
  return rangeOf((...piece) => reads.events.folded(...piece), from, to);
}

function* rangeOf<Row extends FoldedRow>(
  read: (eventId: number, limit: number, bytes: number) => Row[],
  from: number,
  to: number,
): Generator<Row, void> {
  let at = from;
  while (at < to) {
    const rows = read(at, Math.min(rangeRowsMax, to - at), rangeBytesMax);
    if (rows.length === 0) throw new Damage("its row is missing", at + 1);
    for (const row of rows) {
      at = row.eventId;
      yield row;
    }
  }
}

/** @throws Damage where it is not the JSON of an object. */
export function payloadOf({ payload, eventId }: FoldedRow): JsonObject {
  let value: unknown;
  try {
    value = JSON.parse(payload);
  } catch (error) {
    throw new Damage("its payload is not JSON", eventId, { cause: error });
  }
  if (!isJsonObject(value)) throw new Damage("its payload is not an object", eventId);
  return value;
}

/**
 * The row as the model's folding needs it.
 *
 * @throws Damage where its payload is damaged.
 */
export function loggedEvent(row: FoldedRow, authors: Pick<Environment["authors"], "of">): LoggedEvent {
  return {
    type: row.type,
    ...(row.version === undefined ? {} : { version: row.version }),
    payload: payloadOf(row),
    timestamp: row.timestamp,
    clientId: row.clientId,
    author: authors.of(submitterOf(row)),
    ...row.annotations,
  };
}
