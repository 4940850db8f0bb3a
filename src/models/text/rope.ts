import type { DeepReadonly, ReduceContext } from "../../model/index.ts";
import { countOf, type Place, placeOf, sizeAt, sizesOf, someSizes, sumsOf, withSizes } from "./sizes.ts";

/** A part of the tree of a text. */
export interface Branch {
  /** The lengths of its parts, see `sizesOf`. */
  sizes: string;
  /** Pieces of text; or, above them, branches. All pieces have the same depth. */
  parts: (string | Branch)[];
}

/**
 * A text as a tree of pieces, so that a change costs its own size and the depth of the tree, and not the text. Plain
 * JSON: it is the state. Its form follows from the events alone.
 */
export interface Rope extends Branch {
  /** UTF-16 code units. */
  length: number;
}

/** A branch of a state that must not be changed. */
type Reading = DeepReadonly<Branch> | Branch;

/**
 * UTF-16 code units of a piece: it is copied with each change. Larger ones cost more for each key, smaller ones more
 * memory and depth (measured: docs/decisions/0029-text.md).
 */
const pieceMax = 512;
const pieceMin = 128;
/** Parts of a branch. With 96, a text of 1 MiB has a depth of two, as one of 64 KiB has. */
const partsMax = 96;
const partsMin = 24;
/** How full what is divided is made, so that the next changes find room. */
const fill = 0.75;

/** The rope of an empty text. */
export function emptyRope(): Rope {
  return { length: 0, sizes: "", parts: [] };
}

/** Replaces what is from `from` to `to` by `text`. */
export function replace(rope: Rope, from: number, to: number, text: string, context: ReduceContext): void {
  let count = edit(rope, from, to, text, context);
  rope.length += text.length - (to - from);
  for (; count > partsMax; count = rope.parts.length) deepen(rope, context);
  while (count === 1 && typeof rope.parts[0] !== "string") count = flatten(rope, context);
}

/** The text from `from` to `to`; all of it, if they are not given. */
export function slice(branch: Reading, from = 0, to = Infinity): string {
  const { sizes, parts } = branch;
  const count = countOf(sizes);
  let { at, start } = placeOf(sizes, from);
  let text = "";
  for (; start < to && at < count; at++) {
    const part = parts[at]!;
    const [begin, end] = [Math.max(from - start, 0), to - start];
    text += typeof part === "string" ? part.slice(begin, end) : slice(part, begin, end);
    start += sizeAt(sizes, at);
  }
  return text;
}

/** Returns how many parts the branch has then. */
function edit(branch: Branch, from: number, to: number, text: string, context: ReduceContext): number {
  const { sizes, parts } = branch;
  const first = placeOf(sizes, from);
  const last = placeOf(sizes, to, first.at, first.start);
  const part = parts[first.at];
  if (part === undefined || typeof part === "string")
    return editPieces(branch, part ?? "", first, last, from, to, text);
  if (first.at === last.at) {
    const count = edit(part, from - first.start, to - first.start, text, context);
    const size = first.size + text.length - (to - from);
    branch.sizes = withSizes(sizes, first.at, 1, sizesOf([size]));
    return balance(branch, first.at, count, context);
  }
  edit(part, from - first.start, first.size, text, context);
  const lastCount = edit(parts[last.at] as Branch, 0, to - last.start, "", context);
  const between = last.at - first.at - 1;
  if (between > 0) parts.splice(first.at + 1, between);
  const ends = [from - first.start + text.length, last.start + last.size - to];
  branch.sizes = withSizes(sizes, first.at, between + 2, sizesOf(ends));
  // The later one first, because it may join the earlier one.
  balance(branch, first.at + 1, lastCount, context);
  return balance(branch, first.at, countOf((parts[first.at] as Branch).sizes), context);
}

function editPieces(
  branch: Branch,
  piece: string,
  first: Place,
  last: Place,
  from: number,
  to: number,
  text: string,
): number {
  const { sizes } = branch;
  const parts = branch.parts as string[];
  const whole = countOf(sizes);
  let { at } = first;
  let count = whole === 0 ? 0 : last.at - at + 1;
  const end = last.at === at ? piece : parts[last.at]!;
  let joined = piece.slice(0, from - first.start) + text + end.slice(to - last.start);
  if (joined.length < pieceMin && count > 0) {
    if (last.at + 1 < whole && joined.length + sizeAt(sizes, last.at + 1) <= pieceMax) {
      joined += parts[last.at + 1]!;
      count++;
    } else if (at > 0 && joined.length + sizeAt(sizes, at - 1) <= pieceMax) {
      joined = parts[--at]! + joined;
      count++;
    }
  }
  const pieces = piecesOf(joined);
  if (pieces.length === 1 && count === 1) parts[at] = pieces[0]!;
  else parts.splice(at, count, ...pieces);
  branch.sizes = withSizes(sizes, at, count, sizesOf(pieces.map(({ length }) => length)));
  return whole - count + pieces.length;
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

/**
 * Divides a branch of `count` parts that has become too large, and joins one that has become too small with the one
 * beside it. Returns how many parts the branch above it has then.
 */
function balance(above: Branch, at: number, count: number, context: ReduceContext): number {
  const { sizes } = above;
  const siblings = countOf(sizes);
  if (count >= partsMin && count <= partsMax) return siblings;
  const parts = above.parts as Branch[];
  if (count === 0) {
    parts.splice(at, 1);
    above.sizes = withSizes(sizes, at, 1, "");
    return siblings - 1;
  }
  if (count > partsMax) {
    const part = parts[at]!;
    const step = evenly(count);
    const made = sumsOf(part.sizes, step);
    for (let from = (made.length - 1) * step; from > 0; from -= step) {
      parts.splice(at + 1, 0, { sizes: "", parts: [] });
      moveParts(part, from, parts[at + 1]!, context);
    }
    above.sizes = withSizes(sizes, at, 1, sizesOf(made));
    return siblings + made.length - 1;
  }
  if (siblings === 1) return siblings;
  const left = at > 0 ? at - 1 : at;
  const [one, other] = [parts[left]!, parts[left + 1]!];
  if (countOf(one.sizes) + countOf(other.sizes) > partsMax) return siblings;
  moveParts(other, 0, one, context);
  parts.splice(left + 1, 1);
  above.sizes = withSizes(sizes, left, 2, sizesOf(sumsOf(someSizes(sizes, left, 2), 2)));
  return siblings - 1;
}

/** How many parts each branch gets where `count` are divided. */
function evenly(count: number): number {
  return Math.ceil(count / Math.ceil(count / (partsMax * fill)));
}

/** Moves the parts of `source` from `from` on to the end of `target`. */
function moveParts(source: Branch, from: number, target: Branch, context: ReduceContext): void {
  const { sizes } = source;
  const moved = someSizes(sizes, from);
  let end = countOf(target.sizes);
  for (let count = countOf(moved); count > 0; count--) context.move(source.parts, from, target.parts, end++);
  source.sizes = someSizes(sizes, 0, from);
  target.sizes += moved;
}

/** Puts the parts of the root into branches of their own. */
function deepen(root: Rope, context: ReduceContext): void {
  const { sizes, parts } = root;
  const count = countOf(sizes);
  const step = evenly(count);
  for (let from = 0; from < count; from += step) {
    const own = someSizes(sizes, from, step);
    parts.push({ sizes: own, parts: [] });
    const made = parts.at(-1) as Branch;
    for (let at = 0; at < countOf(own); at++) context.move(parts, 0, made.parts, at);
  }
  root.sizes = sizesOf(sumsOf(sizes, step));
}

/** Puts the parts of the only part of the root into the root. Returns how many they are. */
function flatten(root: Rope, context: ReduceContext): number {
  const { sizes, parts } = root.parts[0] as Branch;
  const count = countOf(sizes);
  for (let at = 1; at <= count; at++) context.move(parts, 0, root.parts, at);
  root.parts.splice(0, 1);
  root.sizes = sizes;
  return count;
}

/** Whether `offset` is between the halves of a surrogate pair. */
export function splitsPair(rope: DeepReadonly<Rope> | Rope, offset: number): boolean {
  if (offset === 0 || offset >= rope.length) return false;
  const around = slice(rope, offset - 1, offset + 1);
  return isHigh(around.charCodeAt(0)) && isLow(around.charCodeAt(1));
}

export function isHigh(unit: number): boolean {
  return unit >= 0xd800 && unit < 0xdc00;
}

export function isLow(unit: number): boolean {
  return unit >= 0xdc00 && unit < 0xe000;
}
