import { ChangeSet, Text } from "@codemirror/state";
import type { DeepReadonly, EventDefinition, Objection } from "../../model/index.ts";
import { changesOf, editOf } from "./changes.ts";
import { emptyRope, isHigh, isLow, replace, type Rope, slice, splitsPair } from "./rope.ts";
import { type TextEdit, textEdit as payload } from "./shapes.ts";

/** UTF-16 code units of a text. */
const textLengthMax = 1024 * 1024;

/** Texts by their names. A document that was never changed is empty, and not there. */
export interface Texts {
  [doc: string]: Rope;
}

/** The definition of an event type that changes texts. */
type TextEvent<S> = Omit<EventDefinition<S, typeof payload>, "compensate" | "internal">;

/**
 * The definition of an event type that changes texts in the state of a model: concurrent changes are merged. `textsOf`
 * returns the part of the state that has the texts; no other event type may change it.
 *
 * @example
 * const board = defineModel({
 *   name: "board",
 *   version: 1,
 *   initialState: () => ({ cards: {}, notes: {} as Texts }),
 *   events: { editNote: textEvent((state) => state.notes) },
 * });
 */
export function textEvent<S extends object>(textsOf: (state: S) => Texts): TextEvent<S> {
  const textOf = (state: DeepReadonly<S>, doc: string) => textIn(textsOf(state as S), doc);
  const ropeIn = (state: DeepReadonly<S>, doc: string) => textsOf(state as S)[doc];
  return {
    payload,
    conflict: "transform",
    entity: ({ payload: { doc } }) => doc,
    validate: (state, { payload: edit }) => objectionTo(ropeIn(state, edit.doc), edit),
    reduce(state, { payload: edit }, context) {
      const texts = textsOf(state);
      const { doc } = edit;
      if (!texts[doc]) texts[doc] = emptyRope();
      const rope = texts[doc];
      // In the order of the text: what is before `at` has been replaced.
      changesOf(edit).iterChanges((from, to, at, _, inserted) => {
        replace(rope, at, at + to - from, inserted.toString(), context);
      }, true);
    },
    transform: {
      map(edit, { payload: other }, first) {
        const over = other as unknown as TextEdit;
        if (over.doc !== edit.doc) return edit;
        const own = changesOf(edit);
        const others = changesOf(over);
        if (own.length !== others.length) return [wrongLength(others.length, own.length)];
        return editOf(edit.doc, own.map(others, first));
      },
      // A line that is inserted is a part, too: it is copied.
      size: ({ changes }) =>
        changes.reduce<number>((sum, part) => sum + (typeof part === "number" ? 1 : part.length), 1),
      compose: (earlier, later) => editOf(earlier.doc, changesOf(earlier).compose(changesOf(later))),
      invert: (state, edit) => editOf(edit.doc, inverseIn(textsOf(state as S), edit.doc, changesOf(edit))),
      between: (before, after, { doc }) => editOf(doc, difference(textOf(before, doc), textOf(after, doc))),
    },
  };
}

/** The text of a document; empty if it was never changed. */
export function textIn(texts: DeepReadonly<Texts>, doc: string): string {
  const rope = ropeOf(texts, doc);
  return rope ? slice(rope) : "";
}

/** The length of the text of a document, in UTF-16 code units. */
export function lengthIn(texts: DeepReadonly<Texts>, doc: string): number {
  return ropeOf(texts, doc)?.length ?? 0;
}

/** A plain object has more properties than its documents: `toString`, for example. */
function ropeOf(texts: DeepReadonly<Texts>, doc: string): DeepReadonly<Rope> | undefined {
  const rope = texts[doc];
  return typeof rope?.sizes === "string" ? rope : undefined;
}

/** What takes `changes` of a document back, where `texts` are those before it. It costs as much as the change. */
export function inverseIn(texts: DeepReadonly<Texts>, doc: string, changes: ChangeSet): ChangeSet {
  const rope = ropeOf(texts, doc) ?? emptyRope();
  const back: { from: number; to: number; insert: Text }[] = [];
  changes.iterChanges((fromA, toA, from, to) => {
    back.push({ from, to, insert: Text.of(slice(rope, fromA, toA).split("\n")) });
  }, true);
  return ChangeSet.of(back, changes.newLength);
}

/** What leads from one text to another: what is between their common beginning and their common end is replaced. */
function difference(before: string, after: string): ChangeSet {
  const most = Math.min(before.length, after.length);
  let from = 0;
  while (from < most && before[from] === after[from]) from++;
  let same = 0;
  while (same < most - from && before.at(-1 - same) === after.at(-1 - same)) same++;
  // No half of a surrogate pair.
  if (from > 0 && isHigh(before.charCodeAt(from - 1))) from--;
  if (same > 0 && isLow(before.charCodeAt(before.length - same))) same--;
  const insert = Text.of(after.slice(from, after.length - same).split("\n"));
  return ChangeSet.of({ from, to: before.length - same, insert }, before.length);
}

function objectionTo(rope: DeepReadonly<Rope> | undefined, edit: TextEdit): Objection | undefined {
  const set = changesOf(edit);
  const length = rope?.length ?? 0;
  if (set.length !== length) return wrongLength(length, set.length);
  if (set.newLength > textLengthMax && set.newLength > length) {
    return {
      field: "payload.changes",
      code: "TEXT_TOO_LONG",
      message: `A text may have at most ${textLengthMax} units, and this would make it ${set.newLength}.`,
    };
  }
  if (!rope) return undefined;
  let split: number | undefined;
  set.iterChangedRanges((from, to) => {
    if (split !== undefined) return;
    if (splitsPair(rope, from)) split = from;
    else if (to !== from && splitsPair(rope, to)) split = to;
  }, true);
  if (split === undefined) return undefined;
  const message = `Offset ${split} is inside a character, between the halves of a surrogate pair.`;
  return { field: "payload.changes", code: "SPLIT_CHARACTER", message };
}

function wrongLength(length: number, given: number): Objection {
  return {
    field: "payload.changes",
    code: "WRONG_LENGTH",
    message: `The text has ${length} units, and the changes are of one with ${given}.`,
  };
}
