import { types } from "node:util";
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import * as z from "zod/mini";
import {
  type AnyModel,
  type Compensation,
  defineModel,
  foldEvent,
  type ModelEvent,
  payloadViolations,
  ruleViolations,
  State,
  StateError,
} from "../../src/model/index.ts";
import { compensationOf } from "../../src/model/compensate.ts";
import { insieme } from "../../src/models/insieme/index.ts";
import { canonicalJson } from "../../src/protocol/canonical.ts";
import { isJsonObject, type Json, type JsonObject, bounds, type Violation } from "../../src/protocol/index.ts";

const eventOf = ({ type, payload }: Compensation): ModelEvent<JsonObject> => ({
  type,
  payload,
  timestamp: 1,
  clientId: "me",
});

/** How an event violates the model in this state: first its schema, then its rules. */
function violations(model: AnyModel, state: State<object>, draft: Compensation, head: number): Violation[] {
  const definition = model.eventType(draft.type)!;
  const shape = payloadViolations(definition, draft.payload);
  if (shape.length > 0) return shape;
  return ruleViolations(definition as never, state, eventOf(draft), { head, principal: "dev:me" });
}

const stateOf = (value: Json): State<object> => new State<object>(structuredClone(value) as object);
const canonical = (state: State<object>): string => canonicalJson(JSON.parse(state.stringify()) as Json);

/** Whether `value` contains no proxy of a state. */
function isPlain(value: unknown): boolean {
  if (typeof value !== "object" || value === null) return true;
  return !types.isProxy(value) && Object.values(value).every(isPlain);
}

/** A value without its empty containers: those that an event creates on its path are not removed by an undo. */
function withoutEmpty(value: Json): Json {
  if (Array.isArray(value)) return value.map(withoutEmpty);
  if (!isJsonObject(value)) return value;
  const kept = Object.entries(value).map(([key, inside]) => [key, withoutEmpty(inside)] as const);
  return Object.fromEntries(
    kept.filter(([, inside]) => canonicalJson(inside) !== "{}" && canonicalJson(inside) !== "[]"),
  );
}

/** Applies `draft` and its compensation; the state is then the same, except for empty containers. */
function applyAndUndo(state: State<object>, draft: Compensation): Compensation[] | undefined {
  const before = canonical(state);
  const drafts = compensationOf(insieme, state, eventOf(draft));
  expect(canonical(state)).toBe(before);
  if (!Array.isArray(drafts)) return undefined;
  expect(isPlain(drafts)).toBe(true);
  foldEvent(insieme, state, eventOf(draft));
  for (const back of drafts) {
    expect(violations(insieme, state, back, 1), `${JSON.stringify(back)} after ${JSON.stringify(draft)}`).toEqual([]);
    foldEvent(insieme, state, eventOf(back));
  }
  const [there, back] = [before, canonical(state)].map((text) => canonicalJson(withoutEmpty(JSON.parse(text) as Json)));
  expect(back, `${JSON.stringify(drafts)} after ${JSON.stringify(draft)}`).toBe(there);
  return drafts;
}

/** Whether the model accepts `draft`: it has no violation, and its reducer does not throw. */
function accepts(state: State<object>, draft: Compensation, head: number): boolean {
  if (violations(insieme, state, draft, head).length > 0) return false;
  const { reduce } = insieme.eventType(draft.type)!;
  try {
    state.undoTo(state.change((root) => reduce(root as JsonObject, eventOf(draft), state.context)));
    return true;
  } catch {
    return false;
  }
}

/** Runs `drafts` as a log; each accepted one is applied and undone, on the current state and on a fresh copy. */
function tryAll(
  drafts: readonly Compensation[],
  each: (back: Compensation[] | undefined, draft: Compensation) => void,
) {
  const state = new State<object>(insieme.initialState());
  let head = 0;
  for (const draft of drafts) {
    if (!accepts(state, draft, head)) continue;
    applyAndUndo(stateOf(JSON.parse(state.stringify()) as Json), draft);
    each(applyAndUndo(state, draft), draft);
    foldEvent(insieme, state, eventOf(draft));
    head++;
  }
}

const draft = <P>(type: string, payload: fc.Arbitrary<P>) =>
  payload.map((payload): Compensation => ({ type, payload: payload as JsonObject }));

const json = fc
  .jsonValue({ maxDepth: 2 })
  .filter((value) => !/"(__proto__|constructor|prototype)"/.test(JSON.stringify(value))) as fc.Arbitrary<Json>;

/** The events of the trees at `target`, for nodes of these ids with these keys in their data. */
function treeEvents(target: fc.Arbitrary<string>, id: fc.Arbitrary<string>, key: fc.Arbitrary<string>) {
  const data = fc.dictionary(key, fc.oneof(fc.nat(9), fc.constant(["x", { y: 1 }])), { maxKeys: 3 });
  const parent = fc.oneof(fc.constant("_root"), id, id);
  const position = fc.oneof(
    fc.constantFrom("first", "last", null),
    fc.record({ after: id }),
    fc.record({ before: id }),
  );
  const value = fc.tuple(data, id).map(([data, id]) => Object.assign(data, { id }));
  const place = fc.record({ parent, position }, { requiredKeys: [] });
  const change = fc.record({ id, replace: fc.boolean() }, { requiredKeys: ["id"] });
  const move = fc.record({ id, parent, position }, { requiredKeys: ["id"] });
  return fc.oneof(
    { weight: 5, arbitrary: draft("treePush", fc.record({ target, value, options: place })) },
    { weight: 2, arbitrary: draft("treeUpdate", fc.record({ target, value: data, options: change })) },
    { weight: 2, arbitrary: draft("treeMove", fc.record({ target, options: move })) },
    { weight: 1, arbitrary: draft("treeDelete", fc.record({ target, options: fc.record({ id }) })) },
  );
}

/** Sets, unsets and merges at `target`. */
function valueEvents(target: fc.Arbitrary<string>, value: fc.Arbitrary<Json>) {
  return fc.oneof(
    draft("set", fc.record({ target, value })),
    draft("set", fc.record({ target, value, options: fc.record({ replace: fc.constant(true) }) })),
    draft("unset", fc.record({ target })),
  );
}

const letter = fc.constantFrom("a", "b", "c", "d", "e", "f");

const start: Compensation[] = [
  { type: "set", payload: { target: "ex", value: {} } },
  { type: "set", payload: { target: "doc.t", value: {} } },
];
const member = fc.dictionary(fc.constantFrom("x", "y", "z"), fc.oneof(json, fc.constant({ x: { y: 1 } })));
const usualEvent = fc.oneof(
  treeEvents(fc.constantFrom("ex", "ex", "ex", "doc.t"), letter, fc.constantFrom("n", "text", "tags")),
  valueEvents(
    fc.array(fc.constantFrom("x", "y", "z"), { minLength: 1, maxLength: 3 }).map((path) => `doc.${path.join(".")}`),
    fc.oneof(json, member),
  ),
);

// The results of sets into and over trees: nodes and data that no push creates, and keys that no target can name.
const oddKey = fc.constantFrom("", "a", "b", "a.b", "tree", "items", "id", "0", "1", "n");
const oddId = fc.oneof(letter, letter, fc.constant("a.b"));
const tooLong = "x".repeat(1_025);
const oddNode = fc.memo((depth): fc.Arbitrary<Json> => {
  const id = fc.oneof({ weight: 9, arbitrary: oddId }, { weight: 1, arbitrary: fc.constantFrom("", tooLong) });
  const children: fc.Arbitrary<Json[]> = depth > 1 ? fc.array(oddNode(depth - 1), { maxLength: 3 }) : fc.constant([]);
  return fc.oneof(
    { weight: 8, arbitrary: fc.record({ id, children }) },
    { weight: 1, arbitrary: fc.record({ id, children, extra: fc.constant(1) }, { requiredKeys: ["id"] }) },
    { weight: 1, arbitrary: fc.record({ id }) },
    { weight: 1, arbitrary: fc.constantFrom<Json[]>("junk", {}, { id: 5 }) },
  );
});
/** The nodes without those of an earlier id: tree events need ids that name one node. */
function distinct(nodes: Json[], seen = new Set<Json>()): Json[] {
  return nodes.flatMap((node) => {
    if (!isJsonObject(node) || node["id"] === undefined) return [node];
    if (seen.has(node["id"])) return [];
    seen.add(node["id"]);
    const { children } = node;
    return [Array.isArray(children) ? { ...node, children: distinct(children, seen) } : node];
  });
}
const oddData = fc.oneof(
  { weight: 5, arbitrary: fc.constantFrom<Json[]>({}, { n: 1 }, { n: { deep: 1 }, "a.b": 2 }) },
  { weight: 1, arbitrary: fc.constantFrom<Json[]>({ id: "own" }, 5, ["list"]) },
);
const idsOf = (nodes: Json[]): string[] =>
  nodes.flatMap((node) =>
    isJsonObject(node) ? [node["id"] as string, ...idsOf((node["children"] as Json[] | undefined) ?? [])] : [],
  );
const oddTree: fc.Arbitrary<Json> = fc
  .array(oddNode(3), { maxLength: 4, size: "max" })
  .map((nodes) => distinct(nodes))
  .chain((tree) => {
    const items = Object.fromEntries(idsOf(tree).map((id) => [String(id), oddData]));
    const some = fc.oneof(fc.record(items), fc.record(items, { requiredKeys: [] })) as fc.Arbitrary<JsonObject>;
    return fc.record({ tree: fc.constant(tree), items: some });
  });
const oddPlace = fc.oneof(
  fc.array(oddKey, { minLength: 1, maxLength: 4 }).map((path) => path.join(".")),
  fc.array(oddKey, { minLength: 1, maxLength: 3 }).map((path) => ["ex", ...path].join(".")),
  fc.constantFrom("ex", "ex.items", "ex.tree", "doc", "list", "list.0", "ex.tree.0", Array(32).fill("x").join(".")),
);
const oddTarget = fc.constantFrom("ex", "ex", "ex", "ex", "list.0", "ex.tree.0", Array(32).fill("x").join("."));
const oddValue = fc.oneof(
  oddTree,
  json,
  fc.dictionary(oddKey, json),
  fc.constant({}),
  fc.array(oddTree, { maxLength: 2 }),
);
const oddEvent = fc.oneof(
  {
    weight: 3,
    arbitrary: treeEvents(
      oddTarget,
      oddId,
      oddKey.filter((key) => key !== "id"),
    ),
  },
  { weight: 1, arbitrary: valueEvents(oddPlace, oddValue) },
);
const setWhole = (target: string) => (value: Json) => ({
  type: "set",
  payload: { target, value, options: { replace: true } },
});

describe("insieme: compensations", () => {
  it("[MD-12] every event of a tree, and of a document beside it, can be undone exactly", { timeout: 60_000 }, () => {
    fc.assert(
      fc.property(fc.array(usualEvent, { maxLength: 60, size: "max" }), (drafts) => {
        tryAll([...start, ...drafts], (back, { payload }) => {
          // To merge nothing changes nothing.
          if (canonicalJson(payload["value"] ?? null) === "{}") expect(back).toBeDefined();
          else expect(back?.length).toBeGreaterThan(0);
        });
      }),
      { numRuns: 200 },
    );
  });

  it("[MD-12] after any sets: a compensation undoes its event exactly, or there is none", { timeout: 60_000 }, () => {
    const begin = fc.tuple(oddTree.map(setWhole("ex")), fc.array(oddTree, { maxLength: 2 }).map(setWhole("list")));
    fc.assert(
      fc.property(begin, fc.array(oddEvent, { maxLength: 20, size: "max" }), (begin, drafts) => {
        tryAll([...begin, ...drafts], () => {});
      }),
      { numRuns: 500 },
    );
  });

  const leaf = (id: string, ...children: Json[]): Json => ({ id, children });
  const known: JsonObject = {
    ex: {
      tree: [leaf("a", leaf("a1", leaf("a11")), leaf("a2")), leaf("b"), leaf("c")],
      items: { a: { n: 1 }, a1: { n: { deep: 1 } }, a11: { tags: ["x"] }, a2: {}, b: { "n.m": 1 }, c: {} },
    },
    empty: {},
    bare: {
      tree: [leaf("r"), { id: "p" }, "junk", leaf("q"), "junk", leaf("s", null), "junk", leaf("end")],
      items: { p: { id: "own" }, q: 5, r: {}, s: {}, end: {} },
    },
    trees: [{ tree: [leaf("a")], items: { a: { n: 1 } } }, {}],
    doc: { list: [{ x: 1 }], text: "old", nothing: null, part: { x: 1, y: { deep: 1 } } },
    "": null,
  };
  const set = (target: string, value: Json) => ({ type: "set", payload: { target, value } });
  const replaced = (target: string, value: Json) => setWhole(target)(value);
  const unset = (target: string) => ({ type: "unset", payload: { target } });
  const push = (target: string, value: JsonObject, options: JsonObject) => ({
    type: "treePush",
    payload: { target, value, options },
  });
  const on = (type: string, target: string, options: JsonObject, value?: JsonObject) => ({
    type,
    payload: { target, ...(value ? { value } : {}), options },
  });

  it.each<[string, Compensation, Compensation[]]>([
    ["a value that was there", set("doc.text", "new"), [replaced("doc.text", "old")]],
    ["a value that was not there", set("doc.fresh", 1), [unset("doc.fresh")]],
    [
      "what is set, but not the containers on its path, which others may use",
      set("doc.one.two.three", 1),
      [unset("doc.one.two.three")],
    ],
    ["a null that a set replaces by an object", set("doc.nothing.two", 1), [replaced("doc.nothing", null)]],
    ["an array that a set replaces by an object", set("doc.list.0.x", 2), [replaced("doc.list", [{ x: 1 }])]],
    [
      "of a merge only the keys that it changes",
      set("doc.part", { x: 2, z: 1 }),
      [set("doc.part", { x: 1 }), unset("doc.part.z")],
    ],
    [
      "of a merge each key by itself, because others may have changed some of them since",
      set("doc.part", { x: 2, y: 2 }),
      [set("doc.part", { x: 1 }), set("doc.part", { y: { deep: 1 } })],
    ],
    ["of a merge only the keys that it adds", set("doc.part", { z: 1 }), [unset("doc.part.z")]],
    [
      "a merge of a key that no target can name",
      set("doc.part", { "a.b": 1 }),
      [replaced("doc.part", { x: 1, y: { deep: 1 } })],
    ],
    [
      "a merge of more keys than a batch can have drafts",
      set("doc.part", keys(257)),
      Object.keys(keys(257)).map((key) => unset(`doc.part.${key}`)),
    ],
    ["a merge of nothing", set("doc.part", {}), []],
    ["what was unset", unset("doc.part"), [replaced("doc.part", { x: 1, y: { deep: 1 } })]],
    ["a push", push("ex", { id: "z" }, { parent: "a1" }), [on("treeDelete", "ex", { id: "z" })]],
    [
      "the first push, and not the tree that others may have pushed to since",
      push("empty", { id: "z" }, {}),
      [on("treeDelete", "empty", { id: "z" })],
    ],
    [
      "of an update only the keys that it changes",
      on("treeUpdate", "ex", { id: "a1" }, { n: 2, id: "a1", z: 1 }),
      [on("treeUpdate", "ex", { id: "a1" }, { n: { deep: 1 } }), unset("ex.items.a1.z")],
    ],
    [
      "an update that replaces",
      on("treeUpdate", "ex", { id: "a1", replace: true }, { z: 1 }),
      [on("treeUpdate", "ex", { id: "a1", replace: true }, { n: { deep: 1 } })],
    ],
    [
      "an update that adds a key that no target can name",
      on("treeUpdate", "ex", { id: "a1" }, { "a.b": 1 }),
      [on("treeUpdate", "ex", { id: "a1", replace: true }, { n: { deep: 1 } })],
    ],
    [
      "an update of data that is not the result of an update",
      on("treeUpdate", "bare", { id: "p" }, { n: 1 }),
      [replaced("bare.items.p", { id: "own" })],
    ],
    [
      "a move from the first place",
      on("treeMove", "ex", { id: "a1", parent: "b" }),
      [on("treeMove", "ex", { id: "a1", parent: "a", position: "first" })],
    ],
    [
      "a move from behind a sibling",
      on("treeMove", "ex", { id: "c", parent: "a" }),
      [on("treeMove", "ex", { id: "c", parent: "_root", position: { after: "b" } })],
    ],
    [
      "a move among siblings",
      on("treeMove", "ex", { id: "b", position: "last" }),
      [on("treeMove", "ex", { id: "b", parent: "_root", position: { after: "a" } })],
    ],
    [
      "a move from behind an invalid node",
      on("treeMove", "bare", { id: "end", parent: "r" }),
      [on("treeMove", "bare", { id: "end", parent: "_root", position: "last" })],
    ],
    [
      "a deletion of a node with all nodes below it",
      on("treeDelete", "ex", { id: "a" }),
      [
        push("ex", { id: "a", n: 1 }, { parent: "_root", position: "first" }),
        push("ex", { id: "a1", n: { deep: 1 } }, { parent: "a", position: "last" }),
        push("ex", { id: "a2" }, { parent: "a", position: "last" }),
        push("ex", { id: "a11", tags: ["x"] }, { parent: "a1", position: "last" }),
      ],
    ],
  ])("[MD-12] undoes %s", (_, draft, expected) => {
    const state = stateOf(known);
    expect(violations(insieme, state, draft, 1)).toEqual([]);
    expect(applyAndUndo(state, draft)).toEqual(expected);
  });

  it.each<[string, Compensation]>([
    ["init", { type: "init", payload: { value: { doc: 1 } } }],
    ["a set through an empty key at the top, which no target can name", set(".x", 1)],
    ["a push that creates its parent's list of children", push("bare", { id: "z" }, { parent: "p" })],
    ["a move that creates its parent's list of children", on("treeMove", "bare", { id: "r", parent: "p" })],
    ["a move from between invalid nodes", on("treeMove", "bare", { id: "q" })],
    ["an invalid node, deleted with its parent", on("treeDelete", "bare", { id: "s" })],
    ["a deletion of data that no push creates", on("treeDelete", "bare", { id: "p" })],
  ])("[MD-12] does not undo %s", (_, draft) => {
    const state = stateOf(known);
    expect(violations(insieme, state, draft, 0)).toEqual([]);
    const block = insieme.eventType(draft.type)!.compensate ? "irreversible" : undefined;
    expect(compensationOf(insieme, state, eventOf(draft))).toBe(block);
  });

  it("[MD-12] returns nothing if two nodes have one id", () => {
    const back = (tree: Json[], draft: Compensation) => {
      const items = { p: {}, v: {}, w: {} };
      return compensationOf(insieme, stateOf({ ex: { tree, items } }), eventOf(draft));
    };
    const move = on("treeMove", "ex", { id: "v" });
    expect(back([leaf("p", leaf("v")), leaf("p")], move)).toBe("irreversible");
    expect(back([leaf("p", leaf("v")), { id: "p" }], move)).toBe("irreversible");
    expect(back([leaf("w", leaf("v"), leaf("v"))], on("treeDelete", "ex", { id: "w" }))).toBe("irreversible");
    expect(back([leaf("w", leaf("p"), leaf("v")), leaf("p")], move)).toEqual([
      on("treeMove", "ex", { id: "v", parent: "w", position: "last" }),
    ]);
  });

  it("[MD-12] [MD-11] a deleted subtree is restored whatever its size: its drafts may be several batches", () => {
    const wide = (nodes: number) => {
      const ids = Object.keys(keys(nodes - 1));
      const items = Object.fromEntries(["top", ...ids].map((id) => [id, {}]));
      return stateOf({ ex: { tree: [leaf("top", ...ids.map((id) => leaf(id)))], items } });
    };
    const draft = on("treeDelete", "ex", { id: "top" });
    expect(applyAndUndo(wide(bounds.batchEventsMax), draft)).toHaveLength(bounds.batchEventsMax);
    expect(applyAndUndo(wide(bounds.batchEventsMax * 5), draft)).toHaveLength(bounds.batchEventsMax * 5);
  });
});

/** An object with `count` keys. */
function keys(count: number): JsonObject {
  return Object.fromEntries(Array.from({ length: count }, (_, at) => [`k${at}`, at]));
}

describe("an application's model", () => {
  const shelf = defineModel({
    name: "shelf",
    version: 1,
    initialState: () => ({ books: { a: { tags: ["x"] } } as Record<string, { tags: string[] }>, count: 0 }),
    events: {
      add: {
        payload: z.strictObject({ by: z.int() }),
        reduce(state, { payload }) {
          state.count += payload.by;
        },
        compensate: (state, { payload }) => {
          // @ts-expect-error a compensation cannot change the state
          if (payload.by === 13) state.count = 0;
          return { type: "add", payload: { by: -payload.by } };
        },
      },
      put: {
        payload: z.strictObject({ book: z.string(), tags: z.array(z.string()) }),
        reduce: (state, { payload: { book, tags } }) => void (state.books[book] = { tags }),
      },
      burn: { payload: z.strictObject({}), reduce: (state) => void (state.books = {}) },
      drop: {
        payload: z.strictObject({ book: z.string(), times: z.int() }),
        reduce: (state, { payload }) => void delete state.books[payload.book],
        compensate(state, { payload }) {
          const { tags } = state.books[payload.book]!;
          const put = { type: "put" as const, payload: { book: payload.book, tags: tags as string[] } };
          return payload.times < 0 ? undefined : Array.from({ length: payload.times }, () => put);
        },
      },
    },
  });
  const back = (type: string, payload: JsonObject, state = new State<object>(shelf.initialState())) =>
    compensationOf(shelf, state, eventOf({ type, payload }));

  it("[MD-12] declares a compensation: one draft, several, or none", () => {
    expect(back("add", { by: 3 })).toEqual([{ type: "add", payload: { by: -3 } }]);
    const put = { type: "put", payload: { book: "a", tags: ["x"] } };
    expect(back("drop", { book: "a", times: 2 })).toEqual([put, put]);
    expect(back("drop", { book: "a", times: 0 })).toEqual([]);
    expect(back("drop", { book: "a", times: -1 })).toBe("irreversible");
    expect(back("burn", {})).toBeUndefined();
    expect(back("unheard-of", {})).toBeUndefined();
  });

  it("[MD-12] a compensation is plain JSON that shares nothing with the state", () => {
    const state = new State<object>(shelf.initialState());
    const drafts = back("drop", { book: "a", times: 2 }, state) as Compensation[];
    expect(isPlain(drafts)).toBe(true);
    (drafts[0]!.payload["tags"] as string[]).push("more");
    expect(drafts[1]!.payload).toEqual({ book: "a", tags: ["x"] });
    expect(state.stringify()).toBe(JSON.stringify(shelf.initialState()));
  });

  it("[MD-12] a compensation cannot change the state, and its errors are thrown to the caller", () => {
    expect(() => back("add", { by: 13 })).toThrow(StateError);
    expect(() => back("drop", { book: "none", times: 1 })).toThrow(TypeError);
  });

  it("[MD-12] [MD-11] a compensation may be several batches; one draft that does not fit a frame is too large", () => {
    const times = bounds.batchEventsMax + 1;
    expect(back("drop", { book: "a", times })).toHaveLength(times);
    const tagged = (length: number) => new State<object>({ books: { a: { tags: ["x".repeat(length)] } }, count: 0 });
    const [draft] = back("drop", { book: "a", times: 1 }, tagged(0)) as Compensation[];
    const most = bounds.frameBytesMax - 1_024 - JSON.stringify(draft).length;
    expect(back("drop", { book: "a", times: 1 }, tagged(most))).toHaveLength(1);
    expect(back("drop", { book: "a", times: 1 }, tagged(most + 1))).toBe("too_large");
    expect(back("drop", { book: "a", times: 80 }, tagged(most))).toBe("too_large");
  });
});
