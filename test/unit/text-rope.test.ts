import * as fc from "fast-check";
import { describe, expect, it } from "vitest";
import { State } from "../../src/model/index.ts";
import { type Branch, emptyRope, replace, type Rope, slice, splitsPair } from "../../src/models/text/rope.ts";
import { sizesOf } from "../../src/models/text/sizes.ts";

const state = () => new State<{ rope: Rope }>({ rope: emptyRope() });

/** A change of a text of any length: fractions of it. */
const change = fc.record({
  at: fc.double({ min: 0, max: 1, noNaN: true }),
  deleted: fc.oneof({ weight: 4, arbitrary: fc.nat(8) }, fc.nat(6_000)),
  insert: fc.oneof(
    { weight: 6, arbitrary: fc.string({ maxLength: 6 }) },
    fc.string({ unit: "grapheme", maxLength: 4 }),
    fc.nat(9_000).map((length) => "0123456789".repeat(length / 10)),
  ),
});

function apply(of: State<{ rope: Rope }>, from: number, to: number, insert: string): void {
  of.change(({ rope }) => replace(rope, from, to, insert, of.context));
}

/** What every rope is: no part is too long or empty, the sizes are those of the parts, and pieces are at one depth. */
function assertSound(branch: Branch, depth = 0): { depth: number; length: number } {
  expect(branch.parts.length).toBeLessThanOrEqual(96);
  const parts = branch.parts.map((part) => {
    if (typeof part !== "string") return assertSound(part, depth + 1);
    expect(part.length).toBeLessThanOrEqual(513);
    return { depth, length: part.length };
  });
  expect(branch.sizes).toBe(sizesOf(parts.map(({ length }) => length)));
  const depths = new Set(parts.map((part) => part.depth));
  expect(depths.size).toBeLessThanOrEqual(1);
  for (const { length } of parts) expect(length).toBeGreaterThan(0);
  return { depth: parts[0]?.depth ?? depth, length: parts.reduce((sum, { length }) => sum + length, 0) };
}

describe("the rope of a text", () => {
  it("[MD-9] has after any changes the text that a string would have, also after they are undone", () => {
    fc.assert(
      fc.property(fc.array(change, { maxLength: 60 }), (changes) => {
        const rope = state();
        let text = "";
        const before: { text: string; position: number }[] = [];
        for (const { at, deleted, insert } of changes) {
          before.push({ text, position: rope.position });
          const from = Math.floor(at * text.length);
          const to = Math.min(from + deleted, text.length);
          apply(rope, from, to, insert);
          text = text.slice(0, from) + insert + text.slice(to);
        }
        const now = JSON.parse(rope.stringify()) as { rope: Rope };
        expect(slice(now.rope)).toBe(text);
        expect(assertSound(now.rope).length).toBe(now.rope.length);
        expect(now.rope.length).toBe(text.length);
        const middle = text.length >> 1;
        expect(rope.read(({ rope: read }) => slice(read, middle, middle + 700))).toBe(text.slice(middle, middle + 700));
        for (const { text: earlier, position } of before.toReversed()) {
          rope.undoTo(position);
          expect(rope.read(({ rope: read }) => slice(read))).toBe(earlier);
        }
      }),
      { numRuns: 100 },
    );
  });

  it("[CL-12] [MD-15] takes about the same work for a key in 1 KB, 100 KB and 1 MB", () => {
    const works = [1_000, 100_000, 1_000_000].map((length) => {
      const rope = state();
      apply(rope, 0, 0, "a".repeat(length));
      const { work } = rope;
      for (let key = 0; key < 200; key++) apply(rope, (key * 7_919) % length, (key * 7_919) % length, "b");
      return (rope.work - work) / 200;
    });
    expect(Math.max(...works)).toBeLessThanOrEqual(2 * Math.min(...works));
    expect(Math.max(...works)).toBeLessThan(40);
  });

  it("[MD-9] divides no surrogate pair, and knows where one would be divided", () => {
    const rope = state();
    apply(rope, 0, 0, `a${"😀".repeat(2_000)}`);
    const { rope: plain } = JSON.parse(rope.stringify()) as { rope: Rope };
    const pieces = (of: Branch): string[] =>
      of.parts.flatMap((part) => (typeof part === "string" ? part : pieces(part)));
    for (const piece of pieces(plain)) expect(piece.isWellFormed()).toBe(true);
    const splits = Array.from({ length: 12 }, (_, offset) => splitsPair(plain, offset));
    expect(splits).toEqual([false, false, true, false, true, false, true, false, true, false, true, false]);
    expect(splitsPair(plain, plain.length)).toBe(false);
  });
});
