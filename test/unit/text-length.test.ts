import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { textExceeds } from "../../src/model/text-length.ts";

describe("the length of JSON text", () => {
  it("[BD-1] is known without the text: never more than it has, and exact where nothing is escaped", () => {
    const plain = fc.string({ unit: fc.constantFrom("a", "b", "é", "0"), maxLength: 9 });
    const value = fc.letrec((tie) => ({
      value: fc.oneof(
        plain,
        fc.integer(),
        fc.boolean(),
        fc.constant(null),
        fc.array(tie("value"), { maxLength: 4 }),
        fc.dictionary(plain, tie("value"), { maxKeys: 4 }),
      ),
    })).value;
    fc.assert(
      fc.property(value, (given) => {
        const { length } = JSON.stringify(given);
        expect(textExceeds(given, length)).toBe(false);
        expect(textExceeds(given, length - 1 - emptyIn(given))).toBe(true);
      }),
    );
  });

  it("[BD-1] stops where the bound is exceeded", () => {
    let read = 0;
    const items = Array.from({ length: 1_000 }, () => {
      const item = {};
      Object.defineProperty(item, "n", { enumerable: true, get: () => ++read });
      return item;
    });
    expect(textExceeds(items, 100)).toBe(true);
    expect(read).toBeLessThan(20);
  });
});

/** How many empty containers there are: each may be counted as one character too few. */
function emptyIn(value: unknown): number {
  if (typeof value !== "object" || value === null) return 0;
  const members = Object.values(value);
  return members.reduce((sum: number, member) => sum + emptyIn(member), members.length === 0 ? 1 : 0);
}
