import type { DeepReadonly, ReduceContext } from "../../model/index.ts";

/**
 * A text as a tree of pieces, so that a change costs its own size and the depth of the tree, and not the text. Plain
 * JSON: it is the state. Its form follows from the events alone.
 */
export interface Rope {
  /** UTF-16 code units. */
  length: number;
  /** Pieces of text; or, above them, ropes. All pieces have the same depth. */
  parts: (string | Rope)[];
}

/** A rope of a state that must not be changed. */
type Reading = DeepReadonly<Rope> | Rope;

/**
 * UTF-16 code units of a piece: it is copied with each change. Larger ones cost more for each key, smaller ones more
 * memory and depth (measured: docs/decisions/0029-text.md).
 */
const pieceMax = 512;
const pieceMin = 128;
/** Parts of a rope: they are searched one by one. With 32, a text of 1 MiB has a depth of three. */
const partsMax = 32;
const partsMin = 8;
/** How full what is divided is made, so that the next changes find room. */
const fill = 0.75;

/** The rope of an empty text. */
export function emptyRope(): Rope {
  return { length: 0, parts: [] };
}

/** Replaces what is from `from` to `to` by `text`. */
export function replace(rope: Rope, from: number, to: number, text: string, context: ReduceContext): void {
  edit(rope, from, to, text, context);
  const { parts } = rope;
  while (parts.length > partsMax) deepen(rope, context);
  while (parts.length === 1 && typeof parts[0] !== "string") flatten(rope, context);
  if (rope.length === 0 && parts.length > 0) parts.splice(0, parts.length);
}

/** The text from `from` to `to`. */
export function slice(rope: Reading, from = 0, to = rope.length): string {
  const { parts } = rope;
  let text = "";
  let start = 0;
  for (let at = 0; start < to && at < parts.length; at++) {
    const part = parts[at]!;
    const { length } = part;
    if (start + length > from) {
      const [begin, end] = [Math.max(from - start, 0), Math.min(to - start, length)];
      text += typeof part === "string" ? part.slice(begin, end) : slice(part, begin, end);
    }
    start += length;
  }
  return text;
}

function edit(rope: Rope, from: number, to: number, text: string, context: ReduceContext): void {
  const { parts } = rope;
  rope.length += text.length - (to - from);
  const first = find(parts, 0, 0, from);
  const last = find(parts, first.at, first.start, to);
  const part = parts[first.at];
  if (part === undefined || typeof part === "string") {
    editPieces(parts as string[], first, last, from, to, text);
    return;
  }
  if (first.at === last.at) {
    edit(part, from - first.start, to - first.start, text, context);
  } else {
    edit(part, from - first.start, part.length, text, context);
    edit(parts[last.at] as Rope, 0, to - last.start, "", context);
    if (last.at > first.at + 1) parts.splice(first.at + 1, last.at - first.at - 1);
    balance(parts as Rope[], first.at + 1, context);
  }
  balance(parts as Rope[], first.at, context);
}

/** The part in which `offset` is, or at the end of which it is, from the part `at` on, which begins at `start`. */
function find(parts: Rope["parts"], at: number, start: number, offset: number): { at: number; start: number } {
  const last = parts.length - 1;
  while (at < last) {
    const { length } = parts[at]!;
    if (offset <= start + length) break;
    start += length;
    at++;
  }
  return { at, start };
}

function editPieces(
  parts: string[],
  first: { at: number; start: number },
  last: { at: number; start: number },
  from: number,
  to: number,
  text: string,
): void {
  let { at } = first;
  let count = parts.length === 0 ? 0 : last.at - at + 1;
  let joined =
    count === 0 ? text : parts[at]!.slice(0, from - first.start) + text + parts[last.at]!.slice(to - last.start);
  if (joined.length < pieceMin && count > 0) {
    const before = at > 0 ? parts[at - 1]! : undefined;
    const after = parts[last.at + 1];
    if (after !== undefined && joined.length + after.length <= pieceMax) {
      joined += after;
      count++;
    } else if (before !== undefined && joined.length + before.length <= pieceMax) {
      joined = before + joined;
      at--;
      count++;
    }
  }
  const pieces = piecesOf(joined);
  if (pieces.length === 1 && count === 1) parts[at] = pieces[0]!;
  else parts.splice(at, count, ...pieces);
}

/** A text in pieces of about the same size. A surrogate pair is not divided. */
function piecesOf(text: string): string[] {
  if (text.length <= pieceMax) return text === "" ? [] : [text];
  const size = Math.ceil(text.length / Math.ceil(text.length / (pieceMax * fill)));
  const pieces: string[] = [];
  for (let from = 0; from < text.length;) {
    let to = Math.min(from + size, text.length);
    if (isHigh(text.charCodeAt(to - 1)) && to < text.length) to++;
    pieces.push(text.slice(from, to));
    from = to;
  }
  return pieces;
}

/** Divides a part that has become too large, and joins one that has become too small with the next one. */
function balance(parts: Rope[], at: number, context: ReduceContext): void {
  const part = parts[at]!;
  const { length } = part.parts;
  if (length === 0) {
    if (parts.length > 1) parts.splice(at, 1);
  } else if (length > partsMax) {
    const size = Math.ceil(length / Math.ceil(length / (partsMax * fill)));
    for (let from = Math.floor((length - 1) / size) * size; from > 0; from -= size) {
      parts.splice(at + 1, 0, emptyRope());
      moveParts(part, from, parts[at + 1]!, context);
    }
  } else if (length < partsMin && parts.length > 1) {
    const left = at > 0 ? at - 1 : at;
    const right = parts[left + 1]!;
    if (parts[left]!.parts.length + right.parts.length > partsMax) return;
    moveParts(right, 0, parts[left]!, context);
    parts.splice(left + 1, 1);
  }
}

/** Moves the parts of `source` from `from` on to the end of `target`. */
function moveParts(source: Rope, from: number, target: Rope, context: ReduceContext): void {
  let moved = 0;
  for (let count = source.parts.length - from; count > 0; count--) {
    moved += source.parts[from]!.length;
    context.move(source.parts, from, target.parts, target.parts.length);
  }
  source.length -= moved;
  target.length += moved;
}

/** Puts the parts of the root into ropes of their own. */
function deepen(root: Rope, context: ReduceContext): void {
  const { parts } = root;
  const count = parts.length;
  const size = Math.ceil(count / Math.ceil(count / (partsMax * fill)));
  for (let left = count; left > 0; left -= size) {
    parts.push(emptyRope());
    const made = parts.at(-1) as Rope;
    for (let moved = Math.min(size, left); moved > 0; moved--) {
      made.length += parts[0]!.length;
      context.move(parts, 0, made.parts, made.parts.length);
    }
  }
}

/** Puts the parts of the only part of the root into the root. */
function flatten(root: Rope, context: ReduceContext): void {
  const only = root.parts[0] as Rope;
  for (let count = only.parts.length; count > 0; count--) {
    context.move(only.parts, 0, root.parts, root.parts.length);
  }
  root.parts.splice(0, 1);
}

/** Whether `offset` is between the halves of a surrogate pair. */
export function splitsPair(rope: Reading, offset: number): boolean {
  if (offset === 0 || offset >= rope.length) return false;
  const around = slice(rope, offset - 1, offset + 1);
  return isHigh(around.charCodeAt(0)) && isLow(around.charCodeAt(1));
}

function isHigh(unit: number): boolean {
  return unit >= 0xd800 && unit < 0xdc00;
}

function isLow(unit: number): boolean {
  return unit >= 0xdc00 && unit < 0xe000;
}
