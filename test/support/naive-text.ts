/**
 * A judge of merged text: plain strings, and operations as arrays. It imports nothing, so it shares no mistake with the
 * implementation.
 */

/** Deletes `deleted` UTF-16 code units at `from`, and inserts a text there. */
type NaiveChange = readonly [from: number, deleted: number, insert: string];

/** Changes of one text, in its order, with offsets of the text before all of them. None overlaps another one. */
export type NaiveOperation = readonly NaiveChange[];

/** The operation of what is sent: numbers of units that stay, and arrays of how many are deleted and the lines instead. */
export function naiveOf(sent: readonly (number | readonly (number | string)[])[]): NaiveOperation {
  const operation: NaiveChange[] = [];
  let from = 0;
  for (const part of sent) {
    if (typeof part === "number") {
      from += part;
      continue;
    }
    const [deleted, ...lines] = part as [number, ...string[]];
    operation.push([from, deleted, lines.join("\n")]);
    from += deleted;
  }
  return operation;
}

/** The text after an operation. */
export function naiveApply(text: string, operation: NaiveOperation): string {
  let result = "";
  let end = 0;
  for (const [from, deleted, insert] of operation) {
    result += text.slice(end, from) + insert;
    end = from + deleted;
  }
  return result + text.slice(end);
}

/**
 * The text after two operations that were made on the same text, character by character: a unit is there if neither has
 * deleted it. Where both change one place, the change that deletes less comes first; where both delete as much, that of `a`
 * if `aFirst`.
 */
export function naiveMerge(text: string, a: NaiveOperation, b: NaiveOperation, aFirst: boolean): string {
  let result = "";
  for (let at = 0; at <= text.length; at++) {
    const here = [...a.map((change) => [change, 0] as const), ...b.map((change) => [change, 1] as const)]
      .filter(([[from]]) => from === at)
      .toSorted(([[, one], ofOne], [[, other], ofOther]) => one - other || (ofOne - ofOther) * (aFirst ? 1 : -1));
    for (const [[, , insert]] of here) result += insert;
    const isDeleted = [...a, ...b].some(([from, deleted]) => at >= from && at < from + deleted);
    if (!isDeleted) result += text[at] ?? "";
  }
  return result;
}

/** `a` mapped over `b`: what it does to the text after `b`. */
export function naiveMap(a: NaiveOperation, b: NaiveOperation, aFirst: boolean): NaiveOperation {
  const mapped: NaiveChange[] = [];
  /** Where `at` is after `b`, and after as many of the insertions there as come before a change of `a` that deletes `deleted`. */
  const placeOf = (at: number, deleted: number): number => {
    let place = 0;
    for (let unit = 0; unit < at; unit++) {
      if (!b.some(([from, gone]) => unit >= from && unit < from + gone)) place++;
    }
    for (const [from, gone, insert] of b) {
      if (from < at || (from === at && (gone < deleted || (gone === deleted && !aFirst)))) place += insert.length;
    }
    return place;
  };
  for (const [from, deleted, insert] of a) {
    mapped.push([placeOf(from, deleted), 0, insert]);
    for (let unit = from; unit < from + deleted; unit++) {
      if (b.some(([start, gone]) => unit >= start && unit < start + gone)) continue;
      // The unit itself is after everything that is inserted before it.
      mapped.push([placeOf(unit, Infinity), 1, ""]);
    }
  }
  return mapped;
}

/**
 * What `naiveMap` has made, in as few changes as ties need, which go by how much a change deletes: a change is one as far as
 * nothing is between its parts; and so are deletions that touch each other, and insertions at one place.
 */
export function naiveJoin(mapped: NaiveOperation): NaiveOperation {
  const changes: [number, number, string][] = [];
  for (const [from, deleted, insert] of mapped) {
    const last = changes.at(-1);
    // Each change begins with what it inserts, which may be nothing.
    if (deleted > 0 && last && last[0] + last[1] === from) last[1] += deleted;
    else changes.push([from, deleted, insert]);
  }
  const result: [number, number, string][] = [];
  for (const [from, deleted, insert] of changes) {
    const last = result.at(-1);
    if (deleted === 0 && insert === "") continue;
    if (last && insert === "" && last[2] === "" && last[0] + last[1] === from) last[1] += deleted;
    else if (last && deleted === 0 && last[1] === 0 && last[0] === from) last[2] += insert;
    else result.push([from, deleted, insert]);
  }
  return result;
}

/**
 * What an event of another client makes of drafts, each of which was made on the text with those before it: each draft is
 * mapped over the event, and the event over it. `first`: where both claim one place, the drafts come first.
 */
export function naivePass(
  drafts: readonly NaiveOperation[],
  event: NaiveOperation,
  first: boolean,
): readonly NaiveOperation[] {
  let over = event;
  return drafts.map((draft) => {
    const mapped = naiveJoin(naiveMap(draft, over, first));
    over = naiveJoin(naiveMap(over, draft, !first));
    return mapped;
  });
}

/** Whether a change begins or ends between the halves of a surrogate pair. */
export function naiveSplits(text: string, operation: NaiveOperation): boolean {
  const splits = (at: number) => /^[\ud800-\udbff][\udc00-\udfff]$/.test(text.slice(at - 1, at + 1));
  return operation.some(([from, deleted]) => splits(from) || splits(from + deleted));
}
