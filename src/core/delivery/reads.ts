import { type AnyModel, State } from "../../model/index.ts";
import { bounds } from "../../protocol/index.ts";
import type { StorageReads } from "../../storage/port.ts";
import { assertNotAhead } from "./connect.ts";
import { foldRange, loadSnapshot } from "../fold.ts";
import type { Live } from "../live.ts";
import { Refusal } from "../refusal.ts";

/** What names a version of the log and of its state, as for caches. */
export interface Standing {
  /** Undefined while nothing was ever written. */
  logId: string | undefined;
  head: number;
  /** Of the event that it is of; undefined: of none. */
  proof: string | undefined;
  /** `<name>.<version>` of the model. */
  fold: string;
}

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
  const { head, fold } = live;
  assertNotAhead(head, at);
  if (at === undefined || at === head.eventId) {
    fold.assertSound();
    return { state: fold.state.stringify(), eventIndex: head.eventId };
  }
  const { eventId: from, state: root } = loadSnapshot(reads, model, at);
  if (at - from > bounds.replayEventsMax) {
    throw new Refusal({
      code: "too_expensive",
      detail: `Event ${at} is ${at - from} events from the nearest snapshot; at most ${bounds.replayEventsMax} are replayed.`,
    });
  }
  const state = new State<object>(root);
  foldRange(reads, model, state, from, at);
  return { state: state.stringify(), eventIndex: at };
}
