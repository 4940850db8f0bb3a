import type { AnyModel } from "../model/index.ts";
import { utf8Length } from "../protocol/index.ts";
import type { StorageWrites } from "../storage/port.ts";
import type { Live } from "./live.ts";

/** A snapshot pays off only over this many events. */
const snapshotEventsMin = 1_000;

/**
 * Whether a snapshot is worth its cost: enough events since the last one, and at least as many log
 * bytes as the last snapshot had, so that snapshots never cost more than the log itself.
 */
export function snapshotDue(live: Live): boolean {
  const events = live.head - live.snapshot.eventId;
  return events >= snapshotEventsMin && live.logBytes - live.snapshot.logBytes >= live.snapshot.stateBytes;
}

/** Stores the present state as the snapshot. */
export function takeSnapshot(live: Live, model: AnyModel, writes: StorageWrites, now: number): void {
  const state = live.state.stringify();
  writes.putSnapshot(
    { eventId: live.head, modelVersion: model.version, logBytes: live.logBytes, createdAt: now },
    state,
  );
  const stateBytes = utf8Length(state);
  live.stateBytes = stateBytes;
  live.snapshot = { eventId: live.head, logBytes: live.logBytes, stateBytes };
}
