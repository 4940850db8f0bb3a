import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { State, StateError } from "../../src/model/index.ts";
import { canonicalJson } from "../../src/protocol/canonical.ts";
import type { Json } from "../../src/protocol/index.ts";
import { type Any, json, perform, step } from "../support/state-steps.ts";

const text = (state: State<object>) => canonicalJson(JSON.parse(state.stringify()) as Json);
const document = fc.dictionary(
  fc.string({ maxLength: 3 }).filter((key) => key !== "__proto__"),
  json,
  { maxKeys: 5 },
);

describe("State", () => {
  it("[MD-1] [TX-8] behaves like plain JavaScript, both journaled and replayed", () => {
    fc.assert(
      fc.property(document, fc.array(step, { maxLength: 30 }), (start, steps) => {
        const plain = JSON.parse(JSON.stringify(start)) as Json;
        const live = new State<object>(JSON.parse(JSON.stringify(start)) as object);
        const replayed = new State<object>(JSON.parse(JSON.stringify(start)) as object);
        for (const one of steps) {
          perform(plain, one);
          live.change((state) => perform(state, one));
          replayed.replay((state) => perform(state, one));
        }
        const expected = canonicalJson(JSON.parse(JSON.stringify(plain)) as Json);
        expect(text(live)).toBe(expected);
        expect(text(replayed)).toBe(expected);
      }),
      { numRuns: 1_000 },
    );
  });

  it("[TX-2] [TX-3] undoes exactly the changes after any position", () => {
    fc.assert(
      fc.property(document, fc.array(step, { minLength: 1, maxLength: 20 }), (start, steps) => {
        const state = new State<object>(JSON.parse(JSON.stringify(start)) as object);
        const past: { position: number; text: string }[] = [];
        for (const one of steps) {
          const before = text(state);
          past.push({ position: state.change((draft) => perform(draft, one)), text: before });
        }
        for (const { position, text: before } of past.toReversed()) {
          state.undoTo(position);
          expect(text(state)).toBe(before);
        }
      }),
      { numRuns: 1_000 },
    );
  });

  it("[TX-3] undoes everything when the reducer throws half-way", () => {
    const state = new State({ list: [1, 2], map: { a: { n: 1 } } as Record<string, { n: number }> });
    expect(() =>
      state.change((draft) => {
        draft.list.push(3);
        draft.map["a"]!.n = 2;
        delete draft.map["a"];
        draft.map["b"] = { n: 9 };
        throw new Error("no");
      }),
    ).toThrow("no");
    expect(state.stringify()).toBe('{"list":[1,2],"map":{"a":{"n":1}}}');
  });

  it("[TX-8] copies what is assigned, so that nothing is shared with its source", () => {
    const payload = { value: { tags: ["x"] } };
    const state = new State<{ a?: { tags: string[] }; b?: { tags: string[] } }>({});
    state.change((draft) => {
      draft.a = payload.value;
      draft.b = draft.a;
      draft.a.tags.push("y");
    });
    payload.value.tags.push("z");
    expect(state.stringify()).toBe('{"a":{"tags":["x","y"]},"b":{"tags":["x"]}}');
  });

  it("[TX-8] moves a subtree without a copy, and refuses a cycle", () => {
    const state = new State({ from: [{ id: "a", below: [] as unknown[] }], to: [] as unknown[] });
    let same = false;
    state.change((draft) => {
      const node = draft.from[0]!;
      const [taken] = draft.from.splice(0, 1);
      draft.to.push(taken);
      same = draft.to[0] === node;
    });
    expect(same).toBe(true);
    expect(state.stringify()).toBe('{"from":[],"to":[{"id":"a","below":[]}]}');
    expect(() =>
      state.change((draft) => {
        const [node] = draft.to.splice(0, 1) as [{ below: unknown[] }];
        node.below.push(node);
      }),
    ).toThrow(StateError);
    expect(state.stringify()).toBe('{"from":[],"to":[{"id":"a","below":[]}]}');
  });

  it.each<[string, (draft: Any) => void]>([
    ["a Date", (draft) => (draft.x = new Date(0))],
    ["a Map", (draft) => (draft.x = new Map())],
    ["a function", (draft) => (draft.x = () => 1)],
    ["NaN", (draft) => (draft.x = Number.NaN)],
    ["an infinite number", (draft) => (draft.x = 1 / 0)],
    ["a hole", (draft) => (draft.list[5] = 1)],
    ["a longer length", (draft) => (draft.list.length = 9)],
    ["undefined in an array", (draft) => draft.list.push(undefined)],
    ["a deleted index", (draft) => delete draft.list[0]],
    ["__proto__", (draft) => (draft.x = JSON.parse('{"__proto__":{"a":1}}'))],
    ["constructor", (draft) => (draft["constructor"] = 1)],
    ["a property descriptor", (draft) => Object.defineProperty(draft, "x", { get: () => 1 })],
  ])("[AU-10] [TX-8] refuses %s, and does not change", (_, change) => {
    const state = new State<object>({ list: [1] });
    expect(() => state.change(change)).toThrow(TypeError);
    expect(state.stringify()).toBe('{"list":[1]}');
  });

  it("[TX-9] refuses changes outside a step and while reading", () => {
    const state = new State<{ n: number; list: number[] }>({ n: 1, list: [] });
    let leaked: Any;
    state.change((draft) => void (leaked = draft));
    expect(() => (leaked.n = 2)).toThrow(StateError);
    expect(() => leaked.list.push(1)).toThrow(StateError);
    expect(() => state.read((view) => (view.n = 2))).toThrow(StateError);
    expect(state.stringify()).toBe('{"n":1,"list":[]}');
  });

  it("[TX-8] shows keys sorted, so that a reducer cannot depend on the order of earlier changes", () => {
    const state = new State<Record<string, number>>({ b: 1, a: 2, "10": 3, "9": 4 });
    expect(state.read((view) => Object.keys(view))).toEqual(["10", "9", "a", "b"]);
  });

  it("[MD-1] compares containers by identity", () => {
    const state = new State({ list: [{ id: 1 }, { id: 2 }] });
    state.read((view) => {
      const second = view.list.find(({ id }) => id === 2)!;
      expect(view.list.indexOf(second)).toBe(1);
      expect(view.list.includes(second)).toBe(true);
      expect(view.list[1] === second).toBe(true);
    });
  });

  it("[TX-8] an array's methods work only on arrays of the same state", () => {
    const [state, other] = [new State({ list: [1], more: [2] }), new State({ list: [7] })];
    let foreign!: number[];
    other.read((view) => void (foreign = view.list));
    state.change((draft) => {
      const { push } = draft.list;
      push.call(draft.more, 3);
      expect(() => push.call(foreign, 8)).toThrow(StateError);
      expect(() => push.call([], 8)).toThrow(StateError);
      expect(() => draft.list.includes.call(foreign, 7)).toThrow(StateError);
    });
    expect(state.stringify()).toBe('{"list":[1],"more":[2,3]}');
    expect(other.stringify()).toBe('{"list":[7]}');
  });

  it("[TX-8] refuses an array with holes, at any depth", () => {
    const state = new State<{ list: unknown[] }>({ list: [] });
    const holes: unknown[] = [1];
    holes[2] = 3;
    expect(() => state.change((draft) => (draft.list = holes))).toThrow(StateError);
    expect(() => state.change((draft) => void draft.list.push({ inside: [holes] }))).toThrow(StateError);
    expect(state.stringify()).toBe('{"list":[]}');
  });

  it("[TX-3] splices more items than a call can have arguments", () => {
    const state = new State<{ list: number[] }>({ list: [] });
    const many = Array.from({ length: 300_000 }, (_, index) => index);
    state.change((draft) => void (draft.list = many));
    const before = state.change((draft) => void (draft.list.length = 0));
    state.undoTo(before);
    expect(JSON.parse(state.stringify())).toEqual({ list: many });
  });
});

describe("State.index", () => {
  type Tree = { list: { id: string }[] };
  const byId = (state: State<Tree>, draft: Tree) =>
    state.index(draft.list, "byId", (list) => list.map((item) => [item.id, item] as const));

  it("[TX-3] is journaled with the state", () => {
    const state = new State<Tree>({ list: [{ id: "a" }] });
    state.read((view) => expect(byId(state, view).has("a")).toBe(true));
    const before = state.change((draft) => {
      draft.list.push({ id: "b" });
      byId(state, draft).set("b", draft.list[1]!);
      byId(state, draft).delete("a");
    });
    state.read((view) => expect(byId(state, view).get("b")).toBe(view.list[1]));
    state.undoTo(before);
    state.read((view) => {
      expect(byId(state, view).has("b")).toBe(false);
      expect(byId(state, view).get("a")).toBe(view.list[0]);
    });
  });

  it("[TX-3] is deleted with the changes that it includes", () => {
    const state = new State<Tree>({ list: [] });
    const before = state.change((draft) => {
      draft.list.push({ id: "a" });
      expect(byId(state, draft).has("a")).toBe(true);
    });
    state.undoTo(before);
    state.read((view) => expect(byId(state, view).has("a")).toBe(false));
  });

  it("[CL-12] is built once more when its changes are undone, and then stays", () => {
    const state = new State<Tree>({ list: [{ id: "b" }] });
    let builds = 0;
    const counted = (draft: Tree) =>
      state.index(draft.list, "byId", (list) => {
        builds++;
        return list.map((item) => [item.id, item] as const);
      });
    for (let round = 0; round < 3; round++) {
      const { work } = state;
      state.change((draft) => {
        draft.list.push({ id: "a" });
        counted(draft).set("a", draft.list[1]!);
      });
      const undo = state.takeUndo();
      undo();
      state.read((view) => {
        expect(counted(view).has("a")).toBe(false);
        expect(counted(view).get("b")).toBe(view.list[0]);
      });
      expect(builds).toBe(2);
      // What an undo does is no work of a model.
      expect(state.work - work).toBeLessThan(100);
    }
  });

  it("[TX-9] refuses changes while reading", () => {
    const state = new State<Tree>({ list: [] });
    expect(() => state.read((view) => byId(state, view).delete("a"))).toThrow(StateError);
  });
});
