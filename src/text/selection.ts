import type { ChangeDesc } from "@codemirror/state";
import type { Selection } from "./source.ts";

/**
 * Where a selection is after a change, as in CodeMirror: what is inserted at its ends is outside of it. `side` of a caret: 1
 * puts it after what is inserted there, as that of who has inserted it. Undefined: it is not of that text.
 */
export function movedOver({ anchor, head }: Selection, changes: ChangeDesc, side: -1 | 1): Selection | undefined {
  if (Math.max(anchor, head) > changes.length) return undefined;
  if (anchor === head) {
    const at = changes.mapPos(head, side);
    return { anchor: at, head: at };
  }
  const from = changes.mapPos(Math.min(anchor, head), 1);
  const to = Math.max(from, changes.mapPos(Math.max(anchor, head), -1));
  return anchor < head ? { anchor: from, head: to } : { anchor: to, head: from };
}

export function sameSelection(one: Selection | undefined, other: Selection | undefined): boolean {
  return one?.anchor === other?.anchor && one?.head === other?.head;
}

/** Behind the last change, in the text with it. */
export function endOf(changes: ChangeDesc): number {
  let end = 0;
  changes.iterChangedRanges((_, __, ___, to) => (end = to));
  return end;
}
