// Measures the state: proxies with and without a journal, against the two alternatives of
// docs/decisions/0001-state.md: the bare state, and an explicit edit cursor.
// Run: node --expose-gc test/bench/state.ts
import { State } from "../../src/model/index.ts";

interface Node {
  id: string;
  children: Node[];
}
interface Tree {
  tree: Node[];
  items: Record<string, unknown>;
}
interface Push {
  value: { id: string; [key: string]: unknown };
  parent?: string;
}

const events = 100_000;
const runs = 5;
/** Pushes of about 200 bytes into 100 folders. */
const pushes = Array.from({ length: events }, (_, at) =>
  JSON.stringify({
    target: "ex",
    value: {
      id: `n${at}`,
      name: `File number ${at}`,
      type: "file",
      tags: ["a", "b"],
      meta: { size: at, owner: "someone" },
    },
    ...(at < 100 ? {} : { parent: `n${at % 100}` }),
  }),
);
const adds = Array.from({ length: events }, () => '{"by":1}');

/** The minimum of several runs, in microseconds per event. */
function measure(name: string, run: () => void): void {
  let least = Number.POSITIVE_INFINITY;
  for (let at = 0; at < runs; at++) {
    const start = performance.now();
    run();
    least = Math.min(least, performance.now() - start);
  }
  console.log(`${name.padEnd(44)} ${((least * 1_000) / events).toFixed(2)} µs/event`);
}

const empty = (): Tree => ({ tree: [], items: {} });

/** The reducer, as an application writes it. */
function push(
  state: Tree,
  { value, parent }: Push,
  nodes: { get(id: string): Node | undefined; set(id: string, node: Node): void },
): void {
  const { id, ...data } = value;
  state.items[id] = data;
  const siblings = parent === undefined ? state.tree : nodes.get(parent)!.children;
  siblings.push({ id, children: [] });
  nodes.set(id, siblings.at(-1)!);
}

measure("push: JSON.parse alone", () => {
  for (const text of pushes) JSON.parse(text);
});
measure("push: bare state", () => {
  const state = empty();
  const nodes = new Map<string, Node>();
  for (const text of pushes) push(state, JSON.parse(text) as Push, nodes);
});
for (const mode of ["replay", "change"] as const) {
  measure(`push: proxies, ${mode === "replay" ? "no journal" : "journal"}`, () => {
    const state = new State(empty());
    for (const text of pushes) {
      const event = JSON.parse(text) as Push;
      state[mode]((draft) =>
        push(
          draft,
          event,
          state.index(draft.tree, "nodes", (): [string, Node][] => []),
        ),
      );
      state.forget();
    }
  });
}

/** The alternative: explicit operations that copy values and journal changes. */
class Cursor {
  readonly journal: unknown[] = [];
  set(container: Record<string, unknown>, key: string, value: unknown): void {
    this.journal.push(container, key, container[key]);
    container[key] = structuredCopy(value);
  }
  push<T>(array: T[], value: T): T {
    this.journal.push(array, array.length);
    const own = structuredCopy(value) as T;
    array.push(own);
    return own;
  }
}
function structuredCopy(value: unknown): unknown {
  if (typeof value !== "object" || value === null) return value;
  if (Array.isArray(value)) return value.map(structuredCopy);
  return Object.fromEntries(Object.entries(value).map(([key, member]) => [key, structuredCopy(member)]));
}
measure("push: edit cursor, journal", () => {
  const state = empty();
  const nodes = new Map<string, Node>();
  for (const text of pushes) {
    const { value, parent } = JSON.parse(text) as Push;
    const { id, ...data } = value;
    const edit = new Cursor();
    edit.set(state.items, id, data);
    nodes.set(id, edit.push(parent === undefined ? state.tree : nodes.get(parent)!.children, { id, children: [] }));
  }
});

measure("add: bare state", () => {
  const state = { deep: { counter: { n: 0 } } };
  for (const text of adds) state.deep.counter.n += (JSON.parse(text) as { by: number }).by;
});
measure("add: proxies, journal", () => {
  const state = new State({ deep: { counter: { n: 0 } } });
  for (const text of adds) {
    const { by } = JSON.parse(text) as { by: number };
    state.change((draft) => void (draft.deep.counter.n += by));
    state.forget();
  }
});

const large = new State(empty());
for (const text of pushes) {
  large.replay((draft) =>
    push(
      draft,
      JSON.parse(text) as Push,
      large.index(draft.tree, "nodes", (): [string, Node][] => []),
    ),
  );
}
const loaded = new State(JSON.parse(large.stringify()) as Tree);
const start = performance.now();
loaded.read((view) =>
  loaded.index(view.tree, "nodes", function* walk(nodes: readonly Node[]): Generator<[string, Node]> {
    for (const node of nodes) {
      yield [node.id, node];
      yield* walk(node.children);
    }
  }),
);
console.log(`${"index over 100,000 nodes, built once".padEnd(44)} ${(performance.now() - start).toFixed(0)} ms`);
const undo = performance.now();
for (let at = 0; at < 1_000; at++)
  large.undoTo(large.change((draft) => void draft.tree.unshift({ id: "x", children: [] })));
console.log(`${"change and undo in a tree of 100,000".padEnd(44)} ${(performance.now() - undo).toFixed(2)} µs`);
