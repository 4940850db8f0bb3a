import type { State } from "../../model/index.ts";
import type { Failure, NumberedEvent } from "../../protocol/index.ts";
import type { QueuedDraft, QueueEntry } from "../stores/store.ts";
import type { Recorder } from "./recorder.ts";

/** An undecided entry of the queue. */
export interface Group {
  entry: QueueEntry;
  /** Its place in the queue. */
  readonly order: number;
  /** Its drafts that are not confirmed, in their order. */
  readonly members: Pending[];
  /** Why it is not in the view, or not completely. */
  failure?: Failure | undefined;
  /** Whether it was in the view when the application was last informed. */
  reportedFitting: boolean;
  /** Its events may already be in the confirmed state: it is not shown until it is decided. */
  doubtful?: boolean;
  /** It was accepted, and its events will not come into the confirmed state. */
  decided?: boolean;
  /** It will be undone: it is not shown until it is decided. */
  undoing?: boolean;
  readonly recorder: Recorder | undefined;
  /** It is not in the view, and has to be applied. */
  stale?: boolean;
  /** A validator has read the head of the log, which counts the drafts before it. */
  headed?: boolean;
}

/** Finds what a change affects, so that only that is applied again. See `Selective`, which is loaded for long queues, and `Chains`. */
export interface Rebaser {
  /** Applies an entry that is not in the view, at its place. */
  apply(group: Group): void;
  /** Removes an entry and what depends on it from the view. False: everything after it has to be removed. */
  takeBack(group: Group): boolean;
  /**
   * Folds an event by `change`, and removes from the view what it affects; or finds that the view has it already. `own`,
   * `draft`: the entry and the draft that it may be of. False: it is not folded, and everything has to be removed before.
   */
  fold(
    change: (state: Pick<State<object>, "replay" | "context">) => void,
    own: Group | undefined,
    event: NumberedEvent["event"],
    draft: Pending | undefined,
  ): boolean;
  /** The entry has left the queue. */
  forget(group: Group): void;
}

/** The parts of a replica that a rebaser uses. */
export interface RebasedReplica {
  readonly live: State<object>;
  /** The undecided entries, by key, in the order of the queue. */
  readonly groups: ReadonlyMap<string, Group>;
  /** Applies an entry on the view as it is. */
  evaluate(group: Group): void;
  /** Removes one entry from the view. It has to be applied again. */
  setAside(group: Group): void;
  /** Removes the entries from `first` on, or all, from the view. */
  takeBack(first?: Group): void;
}

/** Makes one for a replica of which everything was removed from the view. */
export type NewRebaser = (replica: RebasedReplica) => Rebaser;

export interface Pending {
  /** As it is in the view: mapped over what has come since, if its type is merged. */
  draft: QueuedDraft;
  readonly group: Group;
  /** Removes it from the view. Undefined: the draft is not in the view. */
  undo?: (() => void) | undefined;
  /** What its event does may differ from what is shown: the model has read its timestamp, and the server sets another one; or it is not shown before it is decided. */
  differs?: boolean;
  /** Whether its payload has passed the schema. */
  shaped?: boolean;
}
