import { type ModelEvent, ruleViolations, State } from "../../src/model/index.ts";
import { insieme } from "../../src/models/insieme/index.ts";
import type { JsonObject } from "../../src/protocol/index.ts";

interface Node {
  id: string;
  children: Node[];
}

/** The shapes of trees that are measured, as the parent of each node; undefined: the top. */
const treeShapes = {
  /** Folders of a hundred nodes in folders. */
  folders: (at: number) => (at < 100 ? undefined : Math.floor(at / 100) - 1),
  /** All in one list. */
  wide: () => undefined,
  /** Chains of 254 nodes: with the node that half of them are below, 255 levels. */
  deep: (at: number) => (at % chain === 0 ? undefined : at - 1),
} satisfies Record<string, (at: number) => number | undefined>;
const chain = 254;
export type TreeShapeName = keyof typeof treeShapes;

/** A state with a tree of `nodes` nodes, `n0` to `n<nodes - 1>`, half of them below `half`, and data for each; as JSON text. */
export function treeState(nodes: number, shape: TreeShapeName): string {
  const top: Node[] = [];
  const items: JsonObject = {};
  const grow = (prefix: string, count: number, list: Node[]) => {
    const made: Node[] = [];
    const parentOf: (at: number) => number | undefined = treeShapes[shape];
    for (let at = 0; at < count; at++) {
      const id = `${prefix}${at}`;
      const parent = parentOf(at);
      const node = { id, children: [] };
      made.push(node);
      (parent === undefined ? list : made[parent]!.children).push(node);
      items[id] = { name: `node ${at}`, size: at };
    }
  };
  const half: Node = { id: "half", children: [] };
  items["half"] = { name: "half" };
  grow("h", Math.floor(nodes / 2), half.children);
  grow("n", Math.ceil(nodes / 2), top);
  return JSON.stringify({ doc: { title: "x" }, ex: { tree: [...top, half], items } });
}

/** An event on such a state. */
export interface Operation {
  readonly name: string;
  readonly event: (nodes: number, shape: TreeShapeName) => { type: keyof typeof insieme.events; payload: JsonObject };
}

const target = "ex";
const title = { target: "doc.title", value: "y" };
/** The last node, of a deep tree the lowest one. */
const leaf = (nodes: number, shape: TreeShapeName) => `${shape === "deep" ? chain - 1 : Math.ceil(nodes / 2) - 1}`;
/** What is above the leaf. */
const folder = (nodes: number, shape: TreeShapeName) => {
  const parentOf: (at: number) => number | undefined = treeShapes[shape];
  const parent = parentOf(Number(leaf(nodes, shape)));
  return parent === undefined ? "_root" : `n${parent}`;
};
/** Each push has an id of its own: an object that gets and loses the same key thousands of times becomes slow in V8. */
let pushes = 0;
const push = (options: JsonObject): ReturnType<Operation["event"]> => ({
  type: "treePush",
  payload: { target, value: { id: `new${pushes++}`, name: "new" }, options },
});

/** Every operation of the model, at the places where it is most expensive. */
export const operations: readonly Operation[] = [
  { name: "`set` of a property", event: () => ({ type: "set", payload: title }) },
  {
    name: "`set` over the tree",
    event: () => ({ type: "set", payload: { target, value: {}, options: { replace: true } } }),
  },
  { name: "`unset` of the tree", event: () => ({ type: "unset", payload: { target } }) },
  { name: "`treePush` before all", event: () => push({ position: "first" }) },
  {
    name: "`treePush` after a leaf",
    event: (...tree) => push({ parent: folder(...tree), position: { after: `n${leaf(...tree)}` } }),
  },
  { name: "`treePush` below a leaf", event: (...tree) => push({ parent: `n${leaf(...tree)}` }) },
  {
    name: "`treeUpdate`",
    event: (...tree) => ({
      type: "treeUpdate",
      payload: { target, value: { name: "other" }, options: { id: `n${leaf(...tree)}` } },
    }),
  },
  {
    name: "`treeMove` of a leaf",
    event: (...tree) => ({
      type: "treeMove",
      payload: { target, options: { id: `n${leaf(...tree)}`, parent: "half" } },
    }),
  },
  {
    name: "`treeMove` of half of the tree",
    event: () => ({
      type: "treeMove",
      payload: { target, options: { id: "half", parent: "_root", position: "first" } },
    }),
  },
  {
    name: "`treeMove` below itself, rejected",
    event: (...tree) => ({
      type: "treeMove",
      payload: { target, options: { id: "half", parent: `h${leaf(...tree)}` } },
    }),
  },
  {
    name: "`treeDelete` of a leaf",
    event: (...tree) => ({ type: "treeDelete", payload: { target, options: { id: `n${leaf(...tree)}` } } }),
  },
];

/** Removes half of the tree. */
export const removal: Operation = {
  name: "`treeDelete` of half of the tree",
  event: () => ({ type: "treeDelete", payload: { target, options: { id: "half" } } }),
};

/** Reviews and applies the operation, as the core does. Returns where to undo it to. */
export function perform(state: State<JsonObject>, { event }: Operation, nodes: number, shape: TreeShapeName): number {
  const { type, payload } = event(nodes, shape);
  const definition = insieme.events[type] as never;
  const full: ModelEvent<JsonObject> = { type, payload, timestamp: 1, clientId: "a" };
  const before = state.position;
  const violations = ruleViolations(definition, state as State<object>, full, { head: 1, principal: "a" });
  if (violations.length > 0) return before;
  state.change((draft) => insieme.eventType(type)!.reduce(draft, full as never, state.context));
  return before;
}

/** The state, loaded as from a snapshot. */
export function loaded(text: string): State<JsonObject> {
  return new State(JSON.parse(text) as JsonObject);
}
