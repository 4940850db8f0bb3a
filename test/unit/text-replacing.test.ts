import { Text } from "@codemirror/state";
import * as fc from "fast-check";
import { describe, expect, it } from "vitest";
import { changeBetween } from "../../src/text/replacing.ts";

const words = fc
  .array(fc.constantFrom("a", "aa", "b", "\n", "😀", "😁", "e\u0301"), { maxLength: 8 })
  .map((parts) => parts.join(""));

describe("the change between two texts", () => {
  it("[MD-9] makes the later text of the earlier one, and divides no surrogate pair", () => {
    fc.assert(
      fc.property(words, words, fc.nat(16), fc.nat(16), (before, after, was, is) => {
        const cursor = { before: Math.min(was, before.length), after: Math.min(is, after.length) };
        const change = changeBetween(before, after, cursor);
        expect(change === undefined).toBe(before === after);
        if (!change) return;
        expect(change.apply(Text.of(before.split("\n"))).toString()).toBe(after);
        change.iterChanges((from, to) => {
          for (const at of [from, to]) expect(/[\ud800-\udbff]$/.test(before.slice(0, at))).toBe(false);
        }, true);
      }),
      { numRuns: 1_000 },
    );
  });

  it("[MD-9] of equal characters is the one that was typed at the cursor", () => {
    expect(changeBetween("aaaa", "aaaaa", { before: 1, after: 2 })!.toJSON()).toEqual([1, [0, "a"], 3]);
    expect(changeBetween("aaaa", "aaa", { before: 2, after: 1 })!.toJSON()).toEqual([1, [1], 2]);
  });

  it("[MD-9] [BD-1] is one replacement of what differs, where both texts are long and have little in common", () => {
    const [before, after] = [`same${"a".repeat(200_000)}end`, `same${"b".repeat(200_000)}end`];
    expect(changeBetween(before, after)!.toJSON()).toEqual([4, [200_000, "b".repeat(200_000)], 3]);
  });
});
