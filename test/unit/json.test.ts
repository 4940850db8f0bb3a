import fc from "fast-check";
import { describe, expect, it, vi } from "vitest";
import { canonicalJson } from "../../src/protocol/canonical.ts";
import { exceedsUtf8, type Json, parseJson, unsendableIn, utf8Length } from "../../src/protocol/index.ts";

const nested = (depth: number) => "[".repeat(depth) + "]".repeat(depth);

describe("parseJson", () => {
  it.each<[string, string, { field: string; code: string }[]]>([
    ["not JSON", "{", [{ field: "", code: "invalid_json" }]],
    ["an empty frame", "", [{ field: "", code: "invalid_json" }]],
    ["duplicate keys", '{"a":{"b":1,"b":2}}', [{ field: "a.b", code: "duplicate_key" }]],
    ["keys that are equal once decoded", '{"a":1,"\\u0061":2}', [{ field: "a", code: "duplicate_key" }]],
    ["__proto__", '{"a":[{"__proto__":{}}]}', [{ field: "a[0].__proto__", code: "forbidden_key" }]],
    ["an escaped __proto__", '{"\\u005f_proto__":1}', [{ field: "__proto__", code: "forbidden_key" }]],
    [
      "constructor and prototype",
      '{"constructor":{"prototype":1}}',
      [
        { field: "constructor", code: "forbidden_key" },
        { field: "constructor.prototype", code: "forbidden_key" },
      ],
    ],
    ["a lone surrogate, escaped", '{"a":["x","\\ud800"]}', [{ field: "a[1]", code: "lone_surrogate" }]],
    ["a lone surrogate, raw", `{"a":"\udc00"}`, [{ field: "a", code: "lone_surrogate" }]],
    ["a lone surrogate in a key", '{"\\ud800":1}', [{ field: "\ufffd", code: "lone_surrogate" }]],
    ["1e400", '{"a":1e400}', [{ field: "a", code: "number_out_of_range" }]],
    ["-1e400", "[-1E400]", [{ field: "[0]", code: "number_out_of_range" }]],
    ["2^60", '{"a":{"b":1152921504606846976}}', [{ field: "a.b", code: "number_out_of_range" }]],
    ["6e23: by value it is an integer, too", "6e23", [{ field: "", code: "number_out_of_range" }]],
    ["2^53", "[1,9007199254740992]", [{ field: "[1]", code: "number_out_of_range" }]],
    ["33 levels", nested(33), [{ field: "[0]".repeat(32), code: "too_deep" }]],
    ["10,000 levels", `{"a":${nested(10_000)}}`, [{ field: `a${"[0]".repeat(31)}`, code: "too_deep" }]],
  ])("[AU-10] [WP-8] refuses %s, and says where", (_, text, expected) => {
    const result = parseJson(text);
    expect(result.ok).toBe(false);
    expect(result.ok ? [] : result.violations.map(({ field, code }) => ({ field, code }))).toEqual(expected);
  });

  it.each(["9007199254740991", "-9007199254740991", "1.5e-300", "0.1", '"\\u0000"', '"\\ud83d\\ude00"', nested(32)])(
    "[AU-10] accepts %s",
    (text) => expect(parseJson(text)).toEqual({ ok: true, value: JSON.parse(text) }),
  );

  it.each(["-0", "-0.0", '{"a":[-0e5]}'])("[AU-10] makes %s a plain zero", (text) => {
    const result = parseJson(text);
    expect(result.ok && JSON.stringify(result.value)).toBe(JSON.stringify(JSON.parse(text)));
    const zero = result.value as Json | { a: Json[] };
    expect(Object.is(typeof zero === "object" ? (zero as { a: Json[] }).a[0] : zero, 0)).toBe(true);
  });

  it("[ER-3] lists what is wrong all at once, up to a bound", () => {
    const many = parseJson(`{${Array.from({ length: 50 }, () => '"a":1e999').join(",")}}`);
    expect(many.ok ? 0 : many.violations.length).toBe(20);
  });

  it("[AU-10] agrees with JSON.parse on everything that is harmless", () => {
    fc.assert(
      fc.property(fc.json({ maxDepth: 6 }), (text) => {
        const result = parseJson(text);
        const value = JSON.parse(text) as Json;
        if (result.ok) expect(JSON.stringify(result.value)).toBe(JSON.stringify(value));
        else expect(result.violations.every(({ code }) => code !== "invalid_json")).toBe(true);
      }),
      { numRuns: 2_000 },
    );
  });
});

describe("unsendableIn", () => {
  /** What JSON can carry, with everything that `parseJson` refuses of it. */
  const { value: carried } = fc.letrec<{ value: unknown }>((tie) => ({
    value: fc.oneof(
      { maxDepth: 5, withCrossShrink: true },
      fc.jsonValue({ maxDepth: 2 }),
      fc.string({ unit: "binary" }),
      fc.constantFrom("\ud800", "\udc00x", "\\", '"', 2 ** 53, -(2 ** 60), 6e23, -0, 0.1),
      fc.dictionary(
        fc.oneof(fc.string(), fc.constantFrom("__proto__", "constructor", "prototype", "\ud800")),
        tie("value"),
      ),
      fc.array(tie("value"), { maxLength: 4 }),
      fc.integer({ min: 25, max: 36 }).map((levels) => JSON.parse(nested(levels)) as Json),
    ),
  }));

  it("[CL-13] [AU-10] refuses what the server refuses of the text of a value, with the same words", () => {
    fc.assert(
      fc.property(carried, (value) => {
        const parsed = parseJson(JSON.stringify({ payload: value }));
        const refused = parsed.ok ? [] : parsed.violations;
        const found = unsendableIn({ payload: value });
        // The server reads no further than what is too deep.
        const deep = refused.findIndex(({ code }) => code === "too_deep");
        expect(deep < 0 ? found : found.slice(0, deep + 1)).toEqual(refused);
      }),
      { numRuns: 2_000 },
    );
  });
});

describe("canonicalJson", () => {
  const shuffled = (value: Json): Json => {
    if (typeof value !== "object" || value === null) return value;
    if (Array.isArray(value)) return value.map(shuffled);
    return Object.fromEntries(
      Object.entries(value)
        .toReversed()
        .map(([key, member]) => [key, shuffled(member)]),
    );
  };

  it("[ID-7] is the same for equal content whatever the order of keys, and another for other content", () => {
    fc.assert(
      fc.property(fc.jsonValue(), fc.jsonValue(), (a, b) => {
        expect(canonicalJson(shuffled(a as Json))).toBe(canonicalJson(a as Json));
        expect(JSON.parse(canonicalJson(a as Json))).toEqual(JSON.parse(JSON.stringify(a)));
        if (canonicalJson(a as Json) === canonicalJson(b as Json))
          expect(JSON.parse(JSON.stringify(a))).toEqual(JSON.parse(JSON.stringify(b)));
      }),
    );
  });
});

describe("utf8Length", () => {
  it("[WP-8] counts as the encoder does", () => {
    fc.assert(
      fc.property(fc.string({ unit: "binary" }), (text) => {
        expect(utf8Length(text)).toBe(new TextEncoder().encode(text).length);
      }),
    );
  });
});

/** Objects of objects as [key, value] pairs: with duplicate keys, wide enough for sets, in any nesting. */
const pairs = fc.letrec<{ object: readonly (readonly [string, unknown])[] }>((tie) => ({
  object: fc.oneof(
    { maxDepth: 3, withCrossShrink: true },
    fc.constant([]),
    fc
      .tuple(
        fc.array(fc.tuple(fc.string({ maxLength: 2 }), fc.oneof(fc.constant(1), tie("object"))), { maxLength: 4 }),
        fc.integer({ min: 0, max: 80 }),
        fc.array(fc.tuple(fc.string({ maxLength: 2 }), fc.oneof(fc.constant(1), tie("object"))), { maxLength: 4 }),
      )
      .map(([before, filling, after]) =>
        before.concat(
          Array.from({ length: filling }, (_, at) => [`f${at}`, 1]),
          after,
        ),
      ),
  ),
})).object;

const textOf = (value: unknown): string =>
  Array.isArray(value)
    ? `{${value.map(([key, inside]) => `${JSON.stringify(key)}:${textOf(inside)}`).join(",")}}`
    : String(value);

/** How many keys repeat one of their own object. */
function repeated(value: unknown): number {
  if (!Array.isArray(value)) return 0;
  const keys = value.map(([key]) => key as string);
  const here = keys.filter((key, at) => keys.indexOf(key) < at).length;
  return value.reduce((sum: number, [, inside]) => sum + repeated(inside), here);
}

describe("the cost of hostile input", () => {
  it("[AU-10] [BD-1] finds each duplicate key, whatever the nesting", () => {
    fc.assert(
      fc.property(pairs, (object) => {
        const result = parseJson(textOf(object));
        const found = result.ok ? 0 : result.violations.filter(({ code }) => code === "duplicate_key").length;
        expect(found).toBe(Math.min(repeated(object), 20));
      }),
    );
  });

  /** Members whose numbers have more or fewer characters than they need, with spaces or without. */
  const written = fc.array(
    fc.tuple(
      fc.constantFrom("a", "b", "c", "d"),
      fc.oneof(
        fc.constantFrom(
          "1",
          "0",
          "10",
          "1000",
          "1e3",
          "-1E3",
          "100",
          "1e2",
          "1e8",
          "100000000",
          "0.5",
          "5e-1",
          "0.5e1",
        ),
        fc.constantFrom(
          "0.01",
          "1e-2",
          "0.00000001",
          "1e-8",
          "1.50",
          "-12.5",
          "9007199254740991",
          '"x"',
          "[]",
          "{}",
          "[1,2e3]",
        ),
        fc.maxSafeInteger().map(String),
        fc
          .double({
            noNaN: true,
            noDefaultInfinity: true,
            maxExcluded: true,
            max: 2 ** 53,
            minExcluded: true,
            min: -(2 ** 53),
          })
          .map(String),
        fc.constantFrom("null", "true", "false"),
      ),
      fc.constantFrom("", "", "", " "),
    ),
    { maxLength: 6 },
  );

  it("[AU-10] finds a duplicate key, whatever the form of the numbers beside it", () => {
    fc.assert(
      fc.property(written, (members) => {
        const text = `{${members.map(([key, number, space]) => `"${key}":${space}${number}`).join(",")}}`;
        const isRepeated = new Set(members.map(([key]) => key)).size < members.length;
        expect(parseJson(text).ok).toBe(!isRepeated);
      }),
      { numRuns: 5_000 },
    );
  });

  it.each(['{"a":1,"a":1e8}', '{"a":1,"b":-1e8,"a":1}', '{"a":1,"a":[1e-5,1e-5]}', '{"a":1,"a":[1e8]}'])(
    "[AU-10] finds the duplicate key of %s, which is as short as a text without one",
    (text) => expect(parseJson(text).ok).toBe(false),
  );

  it("[BD-1] looks for duplicate keys once a key, where wide objects interrupt a wide object", () => {
    const members = (count: number, name: string) => Array.from({ length: count }, (_, at) => `"${name}${at}":1`);
    const inner = `{${members(40, "i").join(",")}}`;
    const interrupted = Array.from({ length: 60 }, (_, at) => `"o${at}":${inner}`);
    // An escape, so that the quick check does not decide.
    const text = `{"\\u0061":1,${[...members(2_000, "m"), ...interrupted].join(",")}}`;
    const add = vi.spyOn(Set.prototype, "add");
    try {
      expect(parseJson(text).ok).toBe(true);
      expect(add.mock.calls.length).toBeLessThanOrEqual(1 + 2_000 + 60 * 41);
    } finally {
      add.mockRestore();
    }
  });

  it("[WP-8] exceedsUtf8 is a comparison with the length in UTF-8", () => {
    fc.assert(
      fc.property(fc.string({ unit: "grapheme", maxLength: 20 }), fc.integer({ min: 0, max: 60 }), (text, most) => {
        expect(exceedsUtf8(text, most)).toBe(new TextEncoder().encode(text).length > most);
      }),
    );
  });

  it.each(["a", "é", "€"])("[BD-1] does not count an oversized text of %s to its end", (unit) => {
    const text = unit.repeat(200_000);
    const read = vi.spyOn(String.prototype, "charCodeAt");
    try {
      expect(exceedsUtf8(text, 65_536)).toBe(true);
      expect(read.mock.calls.length).toBeLessThanOrEqual(65_536);
    } finally {
      read.mockRestore();
    }
  });
});
