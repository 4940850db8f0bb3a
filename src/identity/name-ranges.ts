import type { NameRange } from "../platform/directory-api.ts";

/** The character after all of a name, and the one before all. */
const afterAll = "\x7f";
const beforeAll = " ";

/**
 * The names that begin with `prefix` and that one of `patterns` allows (`Subject.partitions`), as ranges in order of which
 * no two have a common name.
 */
export function nameRanges(patterns: readonly string[], prefix: string): NameRange[] {
  const wanted = { from: prefix, to: prefix + afterAll };
  const ranges = patterns
    .map((pattern): NameRange =>
      pattern.endsWith("*")
        ? { from: pattern.slice(0, -1), to: pattern.slice(0, -1) + afterAll }
        : { from: pattern, to: pattern + beforeAll },
    )
    .map(({ from, to }) => ({ from: from > wanted.from ? from : wanted.from, to: to < wanted.to ? to : wanted.to }))
    .filter(({ from, to }) => from < to)
    .toSorted((a, b) => (a.from < b.from ? -1 : 1));
  const merged: NameRange[] = [];
  for (const range of ranges) {
    const last = merged.at(-1);
    if (!last || range.from > last.to) merged.push(range);
    else if (range.to > last.to) last.to = range.to;
  }
  return merged;
}
