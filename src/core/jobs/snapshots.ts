import type { AnyModel } from "../../model/index.ts";
import { bounds } from "../../protocol/index.ts";
import type { SnapshotEncoding, SnapshotRow, StorageReads } from "../../storage/port.ts";
import type { Live } from "../live.ts";
import type { Memory } from "../memory.ts";
import type { Job } from "./job.ts";
import { modelTag } from "../model-tag.ts";

/** A snapshot pays off over this many events, or over this many bytes of their payloads. */
const snapshotEventsMin = 1_000;
const snapshotLogBytesMin = 1024 * 1024;

/**
 * Whether a snapshot is worth its cost: enough events or bytes since the last one, so that what follows a snapshot is
 * bounded in both; and at least as many log bytes as the last snapshot had, so that snapshots never cost more than
 * the log itself.
 */
export function snapshotDue(live: Live): boolean {
  const { head, fold } = live;
  if (fold.snapshotting || fold.fault || fold.behind !== undefined) return false;
  const { eventId, logBytes, stateBytes } = fold.snapshot;
  const bytes = head.logBytes - logBytes;
  return (head.eventId - eventId >= snapshotEventsMin || bytes >= snapshotLogBytesMin) && bytes >= stateBytes;
}

/** A snapshot that is to be written, in several turns. */
export interface SnapshotDraft extends Omit<SnapshotRow, "stateBytes"> {
  /** JSON text, piece by piece. Its bytes are counted when it is encoded. */
  state: Iterable<string>;
}

/** Begins a snapshot where one is due; `write` writes it. */
export function snapshotJob(write: (draft: SnapshotDraft) => Promise<void>): Job {
  return {
    kind: "snapshot",
    run({ live, reads, model, now }) {
      const draft = snapshotDue(live) ? beginSnapshot(live, reads, model, now) : undefined;
      return { next: undefined, ...(draft && { followUp: () => write(draft) }) };
    },
  };
}

/**
 * The present state, to be written off the hot path. Until that is done no other one is begun. Undefined where another
 * model has its snapshot of this event: there is one at each event, and after a rollback that model needs its own.
 */
export function beginSnapshot(
  { head, fold }: Live,
  reads: StorageReads,
  model: AnyModel,
  now: number,
): SnapshotDraft | undefined {
  const eventId = fold.behind ?? head.eventId;
  if (reads.snapshots.isOfOther(eventId, model.version, modelTag(model))) return undefined;
  const logBytes = fold.behind === undefined ? head.logBytes : fold.logBytes;
  return {
    eventId,
    modelVersion: model.version,
    modelTag: modelTag(model),
    logBytes,
    createdAt: now,
    state: fold.beginSnapshot(),
  };
}

/** Makes a snapshot of the pieces that were written. `stateBytes`: of the text, in UTF-8. */
export function completeSnapshot(
  memory: Memory,
  draft: SnapshotDraft,
  stateBytes: number,
  encoding: SnapshotEncoding,
  sha256: Uint8Array,
  now: number,
): void {
  const { state: _, ...row } = { ...draft, stateBytes };
  const { schedule } = memory.load(now);
  memory.write(now, (writes) => {
    writes.snapshots.complete(row, encoding, sha256);
    schedule.once(writes, "verify", now + bounds.verifyPeriodMs);
  });
  memory.load(now).fold.completeSnapshot(row);
}
