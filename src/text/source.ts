import type { ChangeSet } from "@codemirror/state";

/** Where another client has its cursor or its selection, as offsets in `value`. */
export interface Cursor {
  /** Which connection; one person may have several. */
  readonly peerId: string;
  readonly anchor: number;
  readonly head: number;
  /** What it shows of itself. */
  readonly more?: { readonly [key: string]: unknown };
}

/**
 * A text that others edit, too, as a binding of an editor uses it. Offsets are UTF-16 code units; lines end with a line
 * feed.
 */
export interface TextSource {
  /** The text, with the own changes that are not confirmed. */
  readonly value: string;
  /** Its length. */
  readonly length: number;
  /** Changes `value` at once. */
  submit(changes: ChangeSet): unknown;
  /**
   * Calls `listener` for each change of `value` that `submit` has not made, against the value before it, in order and at
   * once. Undefined: the text was replaced; read `value`. Returns a function that ends it.
   */
  subscribe(listener: (changes: ChangeSet | undefined) => void): () => void;
  /** The cursors of the others; undefined: they are not known. */
  readonly cursors?: readonly Cursor[];
  /** Calls `listener` after `cursors` has changed. Returns a function that ends it. */
  onCursors?(listener: () => void): () => void;
  /** Shows the others the own selection; null: none. */
  select?(selection: { anchor: number; head: number } | null): void;
}
