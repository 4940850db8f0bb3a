import { type AnyModel, State } from "../../model/index.ts";
import { bounds } from "../../protocol/index.ts";
import type { StorageReads } from "../../storage/port.ts";
import { assertNotAhead } from "./connect.ts";
import { assertSound, foldRange, type Live } from "../live.ts";
import { Refusal } from "../refusal.ts";

/** A state as JSON text, and the event it is the state after. */
export interface StateRead {
  state: string;
  eventIndex: number;
}

/**
 * The state at the head, or after the event `at`: folded from the nearest snapshot before it.
 *
 * @throws Refusal where `at` is past the head, or too far from a snapshot.
 */
export function readState(reads: StorageReads, model: AnyModel, live: Live, at: number | undefined): StateRead {
  assertNotAhead(live, at);
  if (at === undefined || at === live.head) {
    assertSound(live);
    return { state: live.state.stringify(), eventIndex: live.head };
  }
  const snapshot = reads.latestSnapshot(model.version, at);
  const text = snapshot && reads.snapshotState(snapshot.eventId);
  const from = text === undefined ? 0 : snapshot!.eventId;
  if (at - from > bounds.replayEventsMax) {
    throw new Refusal({
      code: "too_expensive",
      detail: `Event ${at} is ${at - from} events from the nearest snapshot; at most ${bounds.replayEventsMax} are replayed.`,
    });
  }
  const state = new State<object>(text === undefined ? model.initialState() : (JSON.parse(text) as object));
  foldRange(reads, model, state, from, at);
  return { state: state.stringify(), eventIndex: at };
}
