import type { ChangeSet } from "@codemirror/state";

/** Offsets of a selection; equal ones are a caret. The head is the end that moves. */
export interface Selection {
  readonly anchor: number;
  readonly head: number;
}

/** Where another client has its cursor or its selection, as offsets in `value`. */
export interface Cursor extends Selection {
  /** Which connection; one person may have several. */
  readonly peerId: string;
  /** What it shows of itself. */
  readonly more?: { readonly [key: string]: unknown };
}

/** Text that was typed here, and that is not in the text, because its change was rejected. */
export interface LostText {
  readonly key: string;
  /** What would have been inserted; what was inserted at several places, in lines of their own. */
  readonly text: string;
  /** Why it was rejected: for who looks into it, and empty where that is not known. */
  readonly reason: string;
}

/** What has made a change: `undo` or `redo` of this text, or anything else. */
export type Origin = "own" | "remote";

/** Called for each change of a text; see `TextSource.subscribe`. */
export type TextListener = (changes: ChangeSet | undefined, origin: Origin) => void;

/**
 * A text that others edit, too, as a binding of an editor uses it. Offsets are UTF-16 code units; lines end with a line
 * feed.
 */
export interface TextSource {
  /** The text, with the own changes that are not confirmed. */
  readonly value: string;
  /** Its length. */
  readonly length: number;
  /**
   * Changes `value` at once. `by`: the listener that has the change already, where others have to be called, as those of a
   * second editor of the text; without it none is called.
   */
  submit(changes: ChangeSet, by?: TextListener): unknown;
  /**
   * Calls `listener` for each change of `value` that it does not have (see `submit`), against the value before it, in order
   * and at once. `own`: by `undo` and `redo`. Undefined: the text was replaced; read `value`. Returns a function that ends it.
   */
  subscribe(listener: TextListener): () => void;
  /** Takes the last own changes back, and leaves those of others. False: there are none. */
  undo?(): boolean;
  /** Takes the last `undo` back. False: there is none, or there was a change after it. */
  redo?(): boolean;
  /** The cursors of the others; undefined: they are not known. */
  readonly cursors?: readonly Cursor[];
  /** Calls `listener` after `cursors` has changed. Returns a function that ends it. */
  onCursors?(listener: () => void): () => void;
  /** Shows the others the own selection; null: none. */
  select?(selection: Selection | null): void;
  /** What was typed here and was not taken, oldest first: the user would lose it otherwise. */
  readonly lost?: readonly LostText[];
  /** Calls `listener` after `lost` has changed. Returns a function that ends it. */
  onLost?(listener: () => void): () => void;
  /** Takes it out of `lost`. */
  discard?(key: string): void;
}

/** Submits what was typed. That there is no client any more, its status says, and not a rejection that nobody handles. */
export function submitTyped(text: TextSource, changes: ChangeSet, by: TextListener): void {
  void Promise.resolve(text.submit(changes, by)).catch(() => {});
}
