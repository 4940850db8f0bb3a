import type { AnyModel } from "../model/index.ts";
import { Damage, type EventRow, type StorageReads } from "../storage/port.ts";
import { RejectionCounts } from "./decide/rejections.ts";
import { StateHash } from "./delivery/state-hash.ts";
import { type Fault, FaultLog } from "./faults.ts";
import { Fold, loadSnapshot } from "./fold.ts";
import { Head } from "./head.ts";
import { Schedule } from "./jobs/schedule.ts";
import { RecentEvents } from "./recent-events.ts";

interface Position {
  readonly eventId: number;
  /** Of the state's journal. */
  readonly state: number;
}

/** What the partition keeps in memory. All of it can be rebuilt from storage, and is after a failed commit. */
export class Live {
  readonly head: Head;
  readonly fold: Fold;
  readonly rejections = new RejectionCounts();
  readonly recent = new RecentEvents();
  readonly hash = new StateHash();
  readonly schedule: Schedule;
  readonly faults = new FaultLog();

  /**
   * Rebuilds it from storage. `known`: the fault of the log that was found before.
   *
   * @throws Damage where nothing of the log can be read.
   */
  constructor(reads: StorageReads, model: AnyModel, known: Fault | undefined) {
    const head = reads.events.head();
    const logId = reads.log.identity()?.logId;
    const unnamed =
      logId === undefined && head.eventId > 0 ? new Damage("the row that names the log is missing") : undefined;
    const snapshot = loadSnapshot(reads, model, head.eventId);
    const tailBytes = reads.events.bytesAfter(snapshot.eventId);
    this.fold = Fold.load(reads, model, snapshot, head.eventId, known ?? unnamed);
    this.head = new Head({ ...head, logBytes: snapshot.logBytes + tailBytes, logId });
    this.schedule = new Schedule(reads.jobs.all());
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
  }
}
