import fc from "fast-check";
import { expect, test } from "vitest";
import * as z from "zod/mini";
import { catch as caught } from "zod/mini";
import { isPlainlyValid } from "../../src/core/decide/plain-schema.ts";
import { payloadViolations } from "../../src/model/index.ts";
import { inventory } from "../../src/models/inventory/index.ts";
import { insieme } from "../../src/models/insieme/index.ts";
import type { JsonObject } from "../../src/protocol/index.ts";

/** A schema, and values of which many have it. */
interface Sample {
  schema: z.ZodMiniType;
  values: fc.Arbitrary<unknown>;
}

const words = fc.constantFrom("", "a", "b", "ab", "abc", " a", "😀", "😀😀", "__proto__");
const numbers = fc.constantFrom<unknown[]>(0, 1, 2.5, 7, 11, -1, 2 ** 53, "1");
const others = fc.oneof(words, numbers, fc.jsonValue({ maxDepth: 2 }));
const node = (schema: z.ZodMiniType, values: fc.Arbitrary<unknown>): Sample => ({
  schema,
  values: fc.oneof({ weight: 8, arbitrary: values }, { weight: 1, arbitrary: others }),
});

const leaves: Sample[] = [
  ...[
    z.string(),
    z.string().check(z.minLength(1), z.maxLength(3)),
    z.string().check(z.minLength(2)),
    z.string().check(z.regex(/^a/)),
    z.string().check(z.regex(/b/g)),
    z.string().check(z.trim()),
    z.string().check(z.refine((text) => text !== "ab")),
    z.email(),
    z.enum(["a", "b"]),
    z.prefault(z.string(), "a"),
    caught(z.string(), "a"),
    z.pipe(
      z.string(),
      z.transform((text) => text.length),
    ),
  ].map((schema) => node(schema, words)),
  ...[
    z.number(),
    z.number().check(z.minimum(0), z.lt(10)),
    z.number().check(z.multipleOf(2)),
    z.int().check(z.gt(-1), z.maximum(7)),
    z.int32(),
    z.coerce.number(),
    z.custom((value) => value === "a" || value === 1),
  ].map((schema) => node(schema, numbers)),
  node(z.boolean(), fc.boolean()),
  node(z.null(), fc.constant(null)),
  node(z.literal(["a", 1, null]), fc.constantFrom("a", 1, null)),
  node(z.readonly(z.array(z.string())), fc.array(words, { maxLength: 2 })),
  node(z.tuple([z.string()]), fc.array(words, { maxLength: 2 })),
  ...[z.unknown(), z.any(), z.json()].map((schema) => node(schema, others)),
];

/** Schemas of the kinds that models use, with those that change what they are given, or that are left to zod. */
const samples = fc.letrec<{ any: Sample }>((tie) => {
  const inner = tie("any");
  const shapes = fc.dictionary(fc.constantFrom("a", "b"), inner, { noNullPrototype: true });
  return {
    any: fc.oneof(
      { depthSize: "small" },
      { weight: 8, arbitrary: fc.constantFrom(...leaves) },
      inner.map(({ schema, values }) => node(z.optional(schema), values)),
      inner.map(({ schema, values }) => node(z.nullable(schema), fc.option(values))),
      inner.map(({ schema, values }) => node(z.array(schema), fc.array(values, { maxLength: 3 }))),
      inner.map(({ schema, values }) =>
        node(z.array(schema).check(z.minLength(1), z.maxLength(2)), fc.array(values, { maxLength: 3 })),
      ),
      fc
        .array(inner, { minLength: 1, maxLength: 3 })
        .map((of) => node(z.union(of.map(({ schema }) => schema)), fc.oneof(...of.map(({ values }) => values)))),
      inner.map(({ schema, values }) => node(z.record(z.string(), schema), fc.dictionary(words, values))),
      inner.map(({ schema, values }) =>
        node(z.record(z.string().check(z.minLength(2)), schema), fc.dictionary(words, values)),
      ),
      inner.map(({ schema, values }) =>
        node(z.partialRecord(z.enum(["a", "b"]), schema), fc.dictionary(words, values)),
      ),
      inner.map(({ schema, values }) =>
        node(
          z.strictObject({ a: schema }).check(z.refine(({ a }) => a !== "a", { error: "not this one" })),
          fc.record({ a: values }),
        ),
      ),
      fc.tuple(fc.constantFrom("strict", "loose", "strip", "catchall"), shapes).map(([kind, of]) => {
        const shape = Object.fromEntries(Object.entries(of).map(([key, { schema }]) => [key, schema]));
        const members = Object.fromEntries(Object.entries(of).map(([key, { values }]) => [key, values]));
        const values = fc
          .tuple(
            fc.record(members, { requiredKeys: [] }),
            fc.record(members),
            fc.dictionary(words, words, { maxKeys: 1 }),
          )
          .chain(([some, all, more]) => fc.constantFrom(all, all, { ...all, ...more }, some));
        if (kind === "strict") return node(z.strictObject(shape), values);
        if (kind === "loose") return node(z.looseObject(shape), values);
        return node(kind === "strip" ? z.object(shape) : z.catchall(z.object(shape), z.string()), values);
      }),
    ),
  };
}).any;

test("[MD-2] what passes as plainly valid has no violation by its schema, whatever the schema", () => {
  let passed = 0;
  const cases = samples.chain(({ schema, values }) => values.map((value) => ({ schema, value })));
  fc.assert(
    fc.property(cases, ({ schema, value }) => {
      if (!isPlainlyValid(schema, value)) return;
      passed++;
      expect(payloadViolations({ payload: schema }, value as JsonObject)).toEqual([]);
    }),
    { numRuns: 4_000 },
  );
  // Otherwise little was compared.
  expect(passed).toBeGreaterThan(300);
});

test("[MD-2] a schema that contains itself is left to zod", () => {
  const tree = z.strictObject({
    get below() {
      return z.optional(z.array(tree));
    },
  });
  expect(isPlainlyValid(tree, { below: [] })).toBe(false);
  expect(isPlainlyValid(tree, {})).toBe(false);
});

test("[MD-2] an object that removes members is left to zod where another option of a union would keep them", () => {
  const bare = z.object({ a: z.string() });
  const payload = { p: { a: "x", b: 1 } };
  for (const keeps of [z.looseObject({}), z.record(z.string(), z.unknown()), z.unknown()]) {
    for (const first of [bare, z.nullable(bare), z.union([z.string(), bare])]) {
      const schema = z.strictObject({ p: z.union([first, keeps]) });
      expect(payloadViolations({ payload: schema }, payload)).toHaveLength(1);
      expect(isPlainlyValid(schema, payload)).toBe(false);
    }
  }
  expect(isPlainlyValid(z.strictObject({ p: z.array(bare) }), { p: [{ a: "x" }] })).toBe(true);
});

test("[MD-2] what has no length is left to zod where a length is bounded", () => {
  for (const length of [z.maxLength(3), z.minLength(1)]) {
    const schema = z.strictObject({ p: z.any().check(length) });
    for (const p of [null, 7]) {
      expect(isPlainlyValid(schema, { p })).toBe(false);
      expect(payloadViolations({ payload: schema }, { p })).toEqual([]);
    }
  }
});

test("[MD-2] a member that would replace the prototype is not plainly valid", () => {
  const payload = JSON.parse('{"a":{"__proto__":{"b":1}}}') as JsonObject;
  const schema = z.strictObject({ a: z.record(z.string(), z.unknown()) });
  expect(payloadViolations({ payload: schema }, payload)).toHaveLength(1);
  expect(isPlainlyValid(schema, payload)).toBe(false);
});

test("[BD-1] the usual events of the models are judged without zod", () => {
  const events = { ...insieme.events, ...inventory.events } as Record<string, { payload: z.ZodMiniType }>;
  const usual: [string, object][] = [
    ["set", { target: "a", value: { b: 1 } }],
    ["unset", { target: "a" }],
    ["treePush", { target: "t", value: { id: "n", text: "x" }, options: { parent: "_root", position: "last" } }],
    ["treePush", { target: "t", value: { id: "n" }, options: { parent: "_root", position: { after: "m" } } }],
    ["treeUpdate", { target: "t", value: { text: "y" }, options: { id: "n" } }],
    ["treeMove", { target: "t", options: { id: "n", parent: "m" } }],
    ["treeDelete", { target: "t", options: { id: "n" } }],
  ];
  for (const [type, payload] of usual) {
    expect({ type, plain: isPlainlyValid(events[type]!.payload, payload) }).toEqual({ type, plain: true });
  }
});
