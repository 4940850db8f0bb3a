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

/** At a load, of the bytes of the last snapshot. Folding the log takes about as long for a byte as writing a snapshot. */
const shareAtLoad = 1 / 4;

/** The same between two attempts, of which the first has failed: each of them costs up to a whole snapshot. */
const shareBetweenAttempts = 1 / 4;

/**
 * Whether a snapshot is worth its cost: enough events or bytes since the last one, so that what follows a snapshot is
 * bounded in both; and at least as many log bytes as the last snapshot had, so that snapshots never cost more than
 * the log itself.
 */
export function snapshotDue(log: Log): boolean {
  return isWorth(log, 1);
}

/** The same where the state was just loaded: what was folded for it would be folded again at each load that follows. */
export function snapshotDueAtLoad(log: Log): boolean {
  return isWorth(log, shareAtLoad);
}

/** Whether the log has grown by enough since the last snapshot, and by at least this share of its bytes. */
function isWorth({ head, fold }: Log, share: number): boolean {
  if (fold.snapshotting || fold.fault || fold.behind !== undefined) return false;
  const { eventId, logBytes, stateBytes } = fold.snapshot;
  const bytes = head.logBytes - logBytes;
  const sinceAbandoned = head.logBytes - (fold.abandonedAt ?? -Infinity);
  if (sinceAbandoned < shareBetweenAttempts * Math.max(stateBytes, snapshotLogBytesMin)) return false;
  return (head.eventId - eventId >= snapshotEventsMin || bytes >= snapshotLogBytesMin) && bytes >= stateBytes * share;
}
