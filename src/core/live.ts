import { Damage, type EventRow, type Storage, type StorageReads } from "../storage/port.ts";
import { RejectionCounts } from "./decide/rejections.ts";
import { StateHash } from "./delivery/state-hash.ts";
import type { Environment } from "./environment.ts";
import { FaultLog } from "./faults.ts";
import { Fold, type Folder, type Known, loadSnapshot } from "./fold.ts";
import { Head } from "./head.ts";
import { DeadLetterCount } from "./effects/dead-letter-count.ts";
import { Outbox } from "./effects/outbox.ts";
import { guard } from "./effects/guard.ts";
import { Sealing } from "./audit/sealing.ts";
import { Schedule } from "./jobs/schedule.ts";
import { modelTag } from "./model-tag.ts";
import type { Folding, Slice } from "./rebuilding.ts";
import { RecentEvents } from "./recent-events.ts";
import { shareAtLoad, snapshotDue } from "./snapshot-due.ts";
import { Timers } from "./timers/timers.ts";

interface Position {
  readonly eventId: number;
  /** Of the state's journal. */
  readonly state: number;
}

/** What the partition keeps in memory. All of it can be rebuilt from storage, and is after a failed commit. */
export class Live {
  declare readonly head: Head;
  declare readonly fold: Fold;
  readonly rejections = new RejectionCounts();
  readonly recent = new RecentEvents();
  readonly hash = new StateHash();
  declare readonly schedule: Schedule;
  declare readonly delivers: boolean;
  declare readonly outbox: Outbox;
  readonly deadLetters = new DeadLetterCount();
  declare readonly timers: Timers;
  declare readonly sealing: Sealing;
  readonly faults = new FaultLog();

  /**
   * Rebuilds it from storage. Where the log after the newest snapshot is too long to be folded in one turn, it is left
   * behind: `advance` goes on. `known`: what was found before, and what is found here.
   *
   * @throws Damage where nothing of the log can be read.
   */
  constructor(
    reads: Storage,
    folder: Folder & Pick<Environment, "sealed" | "causes">,
    { load }: Folding,
    known: Known,
    now: number,
  ) {
    const head = reads.events.head();
    const logId = reads.log.identity()?.logId;
    const unnamed =
      logId === undefined && head.eventId > 0 ? new Damage("the row that names the log is missing") : undefined;
    const snapshot = loadSnapshot(reads, folder.model, head.eventId, { withText: true });
    known.fault ??= unnamed;
    this.fold = new Fold(snapshot, head.eventId, known, now);
    this.head = new Head({ ...head, logBytes: logBytesOf(reads, head.eventId, load), logId });
    const jobs = reads.jobs.all();
    this.schedule = new Schedule(jobs);
    this.delivers = folder.causes;
    this.outbox = new Outbox(reads, jobs);
    this.timers = new Timers(reads);
    this.sealing = new Sealing(folder.sealed?.(reads));
    guard(this, now);
    // One that is much longer is not begun with: the object must answer soon.
    if (head.eventId - snapshot.eventId <= load.events) this.advance(reads, folder, load, now);
    if (this.fold.behind !== undefined) this.schedule.derive("rebuild", now);
    if (this.#leavesSnapshot(reads, folder)) this.schedule.derive("snapshot", now);
    this.#sealWhenWhole(now);
  }

  /** Folds the next events of a log that was too long to be folded at once. */
  advance(reads: StorageReads, folder: Folder, slice: Slice, now: number): void {
    const before = this.fold.behind;
    this.fold.advance(reads, folder, slice, now);
    const { behind, fault, logBytes } = this.fold;
    if (before !== undefined && behind === undefined && !fault) this.head.recount(logBytes);
  }

  /**
   * The log's id; undefined while nothing was ever written.
   *
   * @throws Refusal where the log has events and no id.
   */
  get logId(): string | undefined {
    const { logId, eventId } = this.head;
    if (logId === undefined && eventId > 0) this.fold.assertSound();
    return logId;
  }

  /** Where it stands now: what is applied and reserved from here on can be undone by `undoTo`. */
  get position(): Position {
    return { eventId: this.head.eventId, state: this.fold.state.position };
  }

  /** Whether nothing was applied, reserved or appended since `position`. */
  isAt({ eventId, state }: Position): boolean {
    return this.head.eventId === eventId && this.fold.state.position === state;
  }

  /** Undoes the members of an atomic batch that are applied and not appended. */
  undoTo({ eventId, state }: Position): void {
    this.head.release(eventId);
    this.fold.undoTo(state);
  }

  /** Moves on to an event that was applied to the state and appended to the log. */
  append(row: EventRow): void {
    this.head.append(row);
    this.recent.append(row);
    this.#sealWhenWhole(row.timestamp);
  }

  /** Whether a snapshot is left to later loads. Where another model has its own of the last event, each of them would set an alarm for nothing. */
  #leavesSnapshot(reads: StorageReads, { model }: Folder): boolean {
    if (!snapshotDue(this, shareAtLoad) || this.schedule.has("snapshot")) return false;
    return !reads.snapshots.isOfOther(this.head.eventId, model.version, modelTag(model));
  }

  /** Makes the job due that seals the next segment of the log, where it is whole. */
  #sealWhenWhole(now: number): void {
    if (this.head.eventId >= this.sealing.wholeAt && !this.schedule.has("seal")) this.schedule.derive("seal", now);
  }
}

/**
 * Payload bytes of the whole log, from the newest snapshot on, whatever model it is of. Where none is near, only those
 * up to it: to count the others would read each row, and when the log is folded they are known.
 */
function logBytesOf(reads: StorageReads, head: number, { events }: Slice): number {
  const { eventId, logBytes } = reads.snapshots.newest() ?? { eventId: 0, logBytes: 0 };
  return head - eventId <= events ? logBytes + reads.events.bytesAfter(eventId) : logBytes;
}
