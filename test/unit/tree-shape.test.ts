import fc from "fast-check";
import { describe, expect, it, vi } from "vitest";
import { State } from "../../src/model/index.ts";
import { TreeShape } from "../../src/models/insieme/tree-shape.ts";
import type { Json, JsonObject } from "../../src/protocol/index.ts";
import { perform } from "../support/insieme-costs.ts";
import { TestPartition } from "../support/partition.ts";

interface Node {
  id: string;
  children: Node[];
}
const ids = Array.from({ length: 7 }, (_, at) => `n${at}`);
const someId = fc.constantFrom(...ids);
const someParent = fc.constantFrom("_root", ...ids);
const somePosition = fc.oneof(
  fc.constantFrom("first", "last"),
  someId.map((id) => ({ after: id })),
  someId.map((id) => ({ before: id })),
);
const target = "ex";
const someEvent = fc.oneof(
  fc.record({ id: someId, parent: someParent, position: somePosition }).map(({ id, parent, position }) => ({
    type: "treePush" as const,
    payload: { target, value: { id }, options: { parent, position } },
  })),
  fc
    .record({ id: someId, parent: someParent, position: somePosition })
    .map((options) => ({ type: "treeMove" as const, payload: { target, options } })),
  someId.map((id) => ({ type: "treeDelete" as const, payload: { target, options: { id } } })),
);
const step = fc.oneof({ weight: 6, arbitrary: someEvent }, { weight: 2, arbitrary: fc.constant("undo" as const) });

/** What the shape of the tree says of each id. */
function known(state: State<JsonObject>): object {
  return state.read((view) => {
    const { tree } = view["ex"] as unknown as { tree: Node[] };
    const shape = state.derive(tree, "shape", (nodes, host) => new TreeShape(nodes, host));
    return ids.map((id) => [id, shape.has(id), shape.parentOf(id), shape.depthOf(id), shape.heightOf(id)]);
  });
}

/** The same, by walking through the tree. */
function walked(state: State<JsonObject>): object {
  const found = new Map<string, [string, number, number]>();
  const visit = (nodes: readonly Node[], parent: string, depth: number): number => {
    let height = 0;
    for (const { id, children } of nodes) {
      const below = visit(children, id, depth + 1);
      found.set(id, [parent, depth + 1, below + 1]);
      height = Math.max(height, below + 1);
    }
    return height;
  };
  visit((JSON.parse(state.stringify()) as { ex: { tree: Node[] } }).ex.tree, "_root", 0);
  // Of an id that is not there nothing is asked, and it counts as one level.
  return ids.map((id) => [id, found.has(id), ...(found.get(id) ?? [undefined, 1, 0])]);
}

describe("TreeShape", () => {
  it("[MD-15] [MD-9] stays what the tree is, through every change and every undo", () => {
    fc.assert(
      fc.property(fc.array(step, { minLength: 40, maxLength: 80 }), (steps) => {
        const state = new State<JsonObject>({ ex: { tree: [], items: {} } });
        const positions = [0];
        known(state);
        for (const next of steps) {
          if (next === "undo") {
            const at = Math.floor(positions.length / 2);
            state.undoTo(positions[at]!);
            positions.length = at + 1;
          } else {
            perform(state, { name: "", event: () => next as never }, 0, "wide");
            positions.push(state.position);
          }
          expect(known(state)).toEqual(walked(state));
        }
        const items = (JSON.parse(state.stringify()) as { ex: { items: object } }).ex.items;
        expect(Object.keys(items).toSorted()).toEqual(
          ids.filter((id) => JSON.stringify(walked(state)).includes(`"${id}",true`)).toSorted(),
        );
      }),
      { numRuns: 300 },
    );
  });

  it("[MD-15] sweeps removed ids, and forgets none that is there", () => {
    const state = new State<JsonObject>({ ex: { tree: [], items: {} } });
    const event = (type: "treePush" | "treeDelete", id: string) => ({
      name: "",
      event: () => ({
        type,
        payload: (type === "treePush" ? { target, value: { id } } : { target, options: { id } }) as JsonObject,
      }),
    });
    for (let at = 0; at < 4_000; at++) {
      perform(state, event("treePush", `x${at}`), 0, "wide");
      if (at >= 10) perform(state, event("treeDelete", `x${at - 10}`), 0, "wide");
      state.forget();
    }
    state.read((view) => {
      const { tree } = view["ex"] as unknown as { tree: Node[] };
      const shape = state.derive(tree, "shape", () => expect.unreachable()) as TreeShape;
      const there = Array.from({ length: 4_000 }, (_, at) => at).filter((at) => shape.has(`x${at}`));
      expect(there).toEqual(Array.from({ length: 10 }, (_, at) => 3_990 + at));
    });
  });

  it.each<[string, Json]>([
    ["an id twice", [{ id: "a", children: [{ id: "a", children: [] }] }]],
    ["the id of the top", [{ id: "_root" }]],
  ])("[MD-9] knows a tree with %s as not sound", (_, tree) => {
    const state = new State<JsonObject>({ ex: { tree, items: {} } });
    state.read((view) => {
      const nodes = (view["ex"] as unknown as { tree: Node[] }).tree;
      expect(state.derive(nodes, "shape", (raw, host) => new TreeShape(raw, host)).isSound).toBe(false);
    });
  });

  it("[MD-9] [BD-1] is derived from a tree of any depth", () => {
    let tree: Node[] = [];
    for (let at = 0; at < 50_000; at++) tree = [{ id: `n${at}`, children: tree }];
    const same = (value: never) => value;
    const host = { count() {}, wrap: same, unwrap: same, journal() {}, reads() {}, writes() {} };
    expect(new TreeShape(tree, host).heightOf("n49999")).toBe(50_000);
  });
});

describe("the shape of a tree in a partition", () => {
  it("[BD-1] [MD-15] is derived once, whatever batches are rejected", () => {
    const room = new TestPartition();
    const a = room.client("a");
    const tree = ["a", "b"].map((id) => ({ id, children: [] }));
    a.submit("tree", "set", { target: "ex", value: { tree, items: { a: {}, b: {} } } });
    room.restart();
    const again = room.client("a");
    const shapes = vi.spyOn(Map.prototype, "set");
    try {
      const batch = (batchId: string) => {
        shapes.mockClear();
        again.send("submit_events", {
          batchId,
          mode: "atomic",
          events: [
            // Before the shape is derived there is something to undo.
            { draftId: `${batchId}-1`, event: { type: "set", payload: { target: "x", value: 1 } } },
            { draftId: `${batchId}-2`, event: { type: "treeDelete", payload: { target: "ex", options: { id: "a" } } } },
            {
              draftId: `${batchId}-3`,
              event: { type: "treeDelete", payload: { target: "ex", options: { id: "no" } } },
            },
          ],
        });
        return shapes.mock.calls.filter(([key]) => key === "shape").length;
      };
      expect([batch("one"), batch("two"), batch("three")]).toEqual([1, 0, 0]);
    } finally {
      shapes.mockRestore();
    }
    // It is right, too: the rejected deletions were undone.
    expect(again.submit("move", "treeMove", { target: "ex", options: { id: "b", parent: "a" } }).type).toBe(
      "event_accepted",
    );
  });
});
