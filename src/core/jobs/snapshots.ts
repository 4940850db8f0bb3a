import type { AnyModel } from "../../model/index.ts";
import { bounds } from "../../protocol/index.ts";
import type { SnapshotEncoding, SnapshotRow, StorageReads } from "../../storage/port.ts";
import type { Live } from "../live.ts";
import type { Memory } from "../memory.ts";
import type { Job } from "./job.ts";
import { modelTag } from "../model-tag.ts";
import { shareAtLoad, snapshotDue } from "../snapshot-due.ts";

/** A snapshot that is to be written, in several turns. */
export interface SnapshotDraft extends Omit<SnapshotRow, "stateBytes"> {
  /** JSON text, piece by piece. Its bytes are counted when it is encoded. */
  state: Iterable<string>;
}

/** Begins a snapshot, where none was written since it became due; `write` writes it. */
export function snapshotJob(write: (draft: SnapshotDraft) => Promise<void>): Job {
  return {
    kind: "snapshot",
    run({ live, reads, model, now }) {
      const draft = snapshotDue(live, shareAtLoad) ? beginSnapshot(live, reads, model, now) : undefined;
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
