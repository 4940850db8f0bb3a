import type { Fold } from "./fold.ts";
import type { Head } from "./head.ts";

/** The head of a log, and the state that it folds to. */
interface Log {
  readonly head: Head;
  readonly fold: Fold;
}

/** A snapshot pays off over this many events, or over this many bytes of their payloads. */
const snapshotEventsMin = 1_000;
const snapshotLogBytesMin = 1024 * 1024;

/**
 * The share where the state was just loaded: what was folded for it would be folded again at each load that follows.
 * Folding the log takes about as long for a byte as writing a snapshot.
 */
export const shareAtLoad = 1 / 4;

/** The same between two attempts, of which the first has failed: each of them costs up to a whole snapshot. */
const shareBetweenAttempts = 1 / 4;

/**
 * Whether a snapshot is worth its cost: enough events or bytes since the last one, so that what follows a snapshot is
 * bounded in both; and at least `share` of the bytes that the last snapshot had. With all of them, snapshots never cost
 * more than the log itself.
 */
export function snapshotDue({ head, fold }: Log, share = 1): boolean {
  if (fold.snapshotting || fold.fault || fold.behind !== undefined) return false;
  const { eventId, logBytes, stateBytes } = fold.snapshot;
  const bytes = head.logBytes - logBytes;
  const sinceAbandoned = head.logBytes - fold.abandonedAt;
  if (sinceAbandoned < shareBetweenAttempts * Math.max(stateBytes, snapshotLogBytesMin)) return false;
  return (head.eventId - eventId >= snapshotEventsMin || bytes >= snapshotLogBytesMin) && bytes >= stateBytes * share;
}
