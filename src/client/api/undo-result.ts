import type * as z from "zod/mini";
import type { Failure } from "../../protocol/index.ts";
import type { BatchVerdict, Verdict } from "../sync/verdict.ts";
import type { EventOf, EventType, Payloads } from "./drafts.ts";

/** A draft that would have undone something, and was not submitted. */
export interface Skipped<P extends Payloads> {
  draft: { [Type in EventType<P>]: { type: Type; payload: z.core.input<P[Type]> } }[EventType<P>];
  /**
   * `changed`: what it takes back is not as this client has left it, because others have changed it since; so it stays.
   * `rejected`: the rules of the model reject it now.
   */
  why: "changed" | "rejected";
  /** Of `rejected`. */
  failure?: Failure;
}

/** What `undo` or `redo` has done. */
export interface UndoResult<P extends Payloads> {
  /**
   * `accepted`: all that was submitted for it is in the log. `withdrawn`: the change was never sent, and never will be: there
   * is no event. `nothing`: there was nothing to submit, because the change was rejected, or all of it was skipped.
   * `rejected`, `parked`, `expired`, `undecided`: at least one of the verdicts is that, and it was not tried again.
   */
  status: Verdict["status"] | "nothing";
  /** The label of the group. */
  label: string | undefined;
  /** What could not be undone. */
  skipped: readonly Skipped<P>[];
  /**
   * The verdicts of what was submitted, in its order. Several: one batch would be too large, or others have changed the
   * same data before it was decided, so that it was made again.
   */
  verdicts: readonly (Verdict<EventOf<P>> | BatchVerdict<EventOf<P>>)[];
}

/** An undo or redo was submitted. */
export interface UndoReport {
  what: "undo" | "redo";
  label: string | undefined;
  /** How many drafts were submitted for it, and as how many entries: a large one takes several batches, each accepted or rejected for itself. */
  drafts: number;
  entries: number;
  /** How many drafts were skipped, see `UndoResult`. */
  skipped: number;
}
