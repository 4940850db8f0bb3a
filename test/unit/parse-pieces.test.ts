import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { parsePieces } from "../../src/model/parse-pieces.ts";
import { json } from "../support/state-steps.ts";

const key = fc.oneof(fc.string(), fc.constantFrom("a,b", '"', "\\", "[", "{", "10", "2", "", "é😀", "__proto__"));
const container = fc.oneof(
  fc.dictionary(key, fc.oneof(json, fc.array(json), fc.dictionary(key, json)), { noNullPrototype: true }),
  fc.array(fc.oneof(json, fc.dictionary(key, json, { noNullPrototype: true }))),
);

/** Cuts a text at these distances, again and again. */
function* cut(text: string, distances: readonly number[]): Generator<string> {
  for (let at = 0, count = 0; at < text.length; count++) {
    const end = at + distances[count % distances.length]!;
    yield text.slice(at, end);
    at = end;
  }
}

describe("JSON text that comes in pieces", () => {
  it("[BD-3] [TX-8] is parsed as the whole text is, wherever it is cut", () => {
    fc.assert(
      fc.property(container, fc.array(fc.integer({ min: 1, max: 40 }), { minLength: 1 }), (value, distances) => {
        const text = JSON.stringify(value);
        const parsed = parsePieces(cut(text, distances));
        // With the order of keys.
        expect(JSON.stringify(parsed)).toBe(JSON.stringify(JSON.parse(text)));
      }),
      { numRuns: 2_000 },
    );
  });

  it("[BD-3] may have strings and white space that are longer than a piece", () => {
    const value = { a: ["x".repeat(1_000), { b: '\\"'.repeat(500) }, [[], {}]], c: 1 };
    for (const text of [JSON.stringify(value), JSON.stringify(value, null, 200)]) {
      for (let size = 1; size < 60; size++) expect(parsePieces(cut(text, [size]))).toEqual(value);
    }
  });

  it.each(["", "1", '"a"', "[1", '{"a":1', "[1,2]]", "[1],[2]", '{"a":1}}', "1,2", "[1,]", '{"a":[1,2}'])(
    "[TX-8] [BD-7] is refused where it is damaged: %s",
    (text) => {
      for (const size of [1, 2, 100]) expect(() => parsePieces(cut(text, [size]))).toThrow(SyntaxError);
    },
  );
});
