import type { AuthorsShown } from "../../model/index.ts";
import type { StateView } from "../../model/state-view.ts";
import { WeighedState } from "../../model/weighed-state.ts";
import { bounds, type Failure } from "../../protocol/index.ts";
import type { SnapshotRow, StorageReads } from "../../storage/port.ts";
import { assertNotAhead } from "./connect.ts";
import { type Folder, foldRow, loadSnapshot, foldedRange } from "../fold.ts";
import { eventOverheadBytes } from "./page.ts";
import type { Live } from "../live.ts";
import { modelTag } from "../model-tag.ts";
import { Refusal } from "../refusal.ts";
import type { Steps } from "../steps.ts";
import { costOfFold } from "../cost.ts";

/** What names a version of the log and of its state, as for caches. */
export interface Standing {
  /** Undefined while nothing was ever written. */
  logId: string | undefined;
  head: number;
  /** Of the event that it is of; undefined: of none. */
  proof: string | undefined;
  /** `<name>.<version>` of the model. */
  fold: string;
  /** What events say of their authors. */
  authors: AuthorsShown | undefined;
}

/** A state as JSON text, piece by piece, and the event it is the state after. */
export interface StateRead {
  state: StateView;
  /** What the state takes in memory, in bytes. */
  weight: number;
  eventIndex: number;
  /** About the bytes of what was replayed for it: the snapshot that the replay began with, and events as on a page. */
  replayedBytes: number;
}

/** How much is replayed in one step, in the units of `State.work`: about a millisecond. */
const stepWork = 2_048;

/**
 * The state at the head, or after the event `at`: folded in steps from the nearest snapshot before it.
 *
 * @throws Refusal where `at` is past the head, too far from a snapshot, or not before an event that cannot be folded.
 */
export function* stateSteps(reads: StorageReads, folder: Folder, live: Live, at: number | undefined): Steps<StateRead> {
  const { head, fold } = live;
  const { model } = folder;
  assertNotAhead(head, at, "state");
  fold.assertSound(at);
  if (at === undefined || at === head.eventId) {
    return { state: fold.state.view(), weight: fold.state.weight, eventIndex: head.eventId, replayedBytes: 0 };
  }
  const nearest = reads.snapshots.latest(model.version, modelTag(model), at);
  let replayedBytes = replayBytes(live, reads, nearest, at);
  if (fold.readsPast) throw new Refusal(otherPast);
  const snapshot = loadSnapshot(reads, model, at);
  // The nearest one is damaged: the replay begins with the initial state.
  if (nearest && snapshot.eventId !== nearest.eventId) replayedBytes = replayBytes(live, reads, undefined, at);
  const state = new WeighedState<object>(snapshot.state);
  yield costOfFold(snapshot.stateBytes);
  let work = 0;
  for (const row of foldedRange(reads, snapshot.eventId, at)) {
    foldRow(folder, state, row);
    work += costOfFold(row.payloadBytes);
    if (work < stepWork) continue;
    yield work;
    work = 0;
  }
  return { state: fold.openPast(state), weight: state.weight, eventIndex: at, replayedBytes };
}

export const otherPast: Failure = {
  code: "overloaded",
  detail: "The state of another event is being read: one at a time is in memory. Ask again in a moment.",
  retryAfter: 1,
};

/**
 * About how many bytes are replayed from a snapshot, or from the initial state, up to the event `at`. Found without
 * reading them.
 *
 * @throws Refusal where they, or the events, are too many.
 */
function replayBytes({ fold }: Live, reads: StorageReads, snapshot: SnapshotRow | undefined, at: number): number {
  const { eventId: from, stateBytes } = snapshot ?? { eventId: 0, stateBytes: 0 };
  if (at - from > bounds.replayEventsMax) {
    throw new Refusal({
      code: "too_expensive",
      detail: `Event ${at} is ${at - from} events from the nearest snapshot; at most ${bounds.replayEventsMax} are replayed.`,
    });
  }
  const bytes = stateBytes + reads.events.bytesAfter(from, at, bounds.replayBytesMax);
  if (bytes > bounds.replayBytesMax) {
    throw new Refusal({
      code: "too_expensive",
      detail: `The nearest snapshot and the events from it to event ${at} have more than ${bounds.replayBytesMax} bytes; at most ${bounds.replayBytesMax} are replayed.`,
    });
  }
  if (!fold.hasRoom(bytes * bounds.decodedBytesPerUnitMax)) {
    throw new Refusal({
      code: "too_expensive",
      detail: `The nearest snapshot and the events from it to event ${at} have ${bytes} bytes: beside the state, there is not enough memory for them.`,
    });
  }
  return bytes + (at - from) * eventOverheadBytes;
}
