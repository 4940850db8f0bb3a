import { ChangeSet, Text } from "@codemirror/state";
import diff from "fast-diff";

/** UTF-16 code units of both texts up to which they are compared. A larger change is one replacement, because comparing is quadratic. */
const comparedMax = 20_000;

/**
 * The smallest change that makes `after` of `before`. `cursor`: where the cursor was and is; it says which of several equal
 * characters was typed. Undefined: there is no change. A surrogate pair is not divided.
 */
export function changeBetween(
  before: string,
  after: string,
  cursor?: { readonly before: number; readonly after: number },
): ChangeSet | undefined {
  if (before === after) return undefined;
  const ends = differingPart(before, after);
  const [old, now] = [before.slice(ends.from, ends.to), after.slice(ends.from, ends.toAfter)];
  if (old.length + now.length > comparedMax) {
    return ChangeSet.of({ from: ends.from, to: ends.to, insert: textOf(now) }, before.length);
  }
  const at = cursor && {
    oldRange: { index: cursor.before, length: 0 },
    newRange: { index: cursor.after, length: 0 },
  };
  const changes: { from: number; to: number; insert: Text }[] = [];
  let from = 0;
  for (const [kind, part] of diff(before, after, at as never)) {
    if (kind === diff.INSERT) changes.push({ from, to: from, insert: textOf(part) });
    else {
      if (kind === diff.DELETE) changes.push({ from, to: from + part.length, insert: Text.empty });
      from += part.length;
    }
  }
  return ChangeSet.of(changes, before.length);
}

const textOf = (text: string) => Text.of(text.split("\n"));

/** What differs, without what is the same before and after it. */
function differingPart(before: string, after: string): { from: number; to: number; toAfter: number } {
  const shorter = Math.min(before.length, after.length);
  let from = 0;
  while (from < shorter && before[from] === after[from]) from++;
  if (isHigh(before.charCodeAt(from - 1))) from--;
  let same = 0;
  while (same < shorter - from && before.at(-1 - same) === after.at(-1 - same)) same++;
  if (isLow(before.charCodeAt(before.length - same))) same--;
  return { from, to: before.length - same, toAfter: after.length - same };
}

const isHigh = (unit: number) => unit >= 0xd800 && unit < 0xdc00;
const isLow = (unit: number) => unit >= 0xdc00 && unit < 0xe000;
