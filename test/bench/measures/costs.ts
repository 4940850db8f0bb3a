import { setFlagsFromString } from "node:v8";
import { runInNewContext } from "node:vm";
import type { State } from "../../../src/model/index.ts";
import type { JsonObject } from "../../../src/protocol/index.ts";
import {
  loaded,
  type Operation,
  operations,
  perform,
  removal,
  type TreeShapeName,
  treeState,
} from "../../support/insieme-costs.ts";
import { type Bench, figure, type Row } from "../bench.ts";
import { spread } from "../stats.ts";

const small = 1_000;
const large = 100_000;
const shapes: readonly TreeShapeName[] = ["folders", "deep", "wide"];
/** Events of one sample; the least of several samples counts, because the machine does other things, too. */
const eventsOfSample = 50;

/** What each event of the model costs, in a small and in a large tree: rules, reducer, and the undo of both. */
export async function costs(bench: Bench): Promise<Row[]> {
  const samples = bench.quick ? 5 : 20;
  const texts = new Map(shapes.map((shape) => [shape, [treeState(small, shape), treeState(large, shape)] as const]));
  const trees = shapes.map((shape) => ({ shape, states: texts.get(shape)!.map(loaded) }));
  const rows = operations.map((operation): Row => {
    const all = trees.map(({ shape, states }) => {
      const [less, more] = states as [State<JsonObject>, State<JsonObject>];
      return [
        microseconds(less, operation, small, shape, samples),
        microseconds(more, operation, large, shape, samples),
      ] as const;
    });
    const text = (at: 0 | 1) => `${all.map((pair) => figure(Number(pair[at].toPrecision(2)))).join(", ")} µs`;
    const grows = all.slice(0, 2).map(([less, more]) => more / less);
    return {
      what: `${operation.name}, 100,000 nodes`,
      partita: text(1),
      floor: `1,000 nodes: ${text(0)}`,
      value: spread([Math.max(...grows)]),
      unit: "×",
      bound: { atMost: 2 },
      note: "folders, 255 levels, one list; the ratio is the larger one of the first two",
    };
  });
  return [...rows, removed(texts, bench.runs), first(texts, bench.runs)];
}

function microseconds(
  state: State<JsonObject>,
  operation: Operation,
  nodes: number,
  shape: TreeShapeName,
  samples: number,
): number {
  let least = Infinity;
  for (let sample = 0; sample < samples; sample++) {
    const from = performance.now();
    for (let at = 0; at < eventsOfSample; at++) state.undoTo(perform(state, operation, nodes, shape));
    least = Math.min(least, ((performance.now() - from) * 1_000) / eventsOfSample);
  }
  return least;
}

type Texts = ReadonlyMap<TreeShapeName, readonly [string, string]>;

/** Half of a tree is removed, and the removal is undone. */
function removed(texts: Texts, runs: number): Row {
  const all = shapes.map((shape) => {
    const state = loaded(texts.get(shape)![1]);
    let undo = Infinity;
    const remove = leastOf(
      runs,
      () => void perform(state, removal, large, shape),
      () => {
        const from = performance.now();
        // The first time there is nothing to undo.
        if (state.position > 0) {
          state.undoTo(0);
          undo = Math.min(undo, performance.now() - from);
        } else perform(state, operations.at(-1)!, large, shape);
      },
    );
    return { remove, undo };
  });
  const perNode = (ms: number) => figure(Number(((ms * 1_000) / (large / 2)).toPrecision(2)));
  return {
    what: `${removal.name}, 100,000 nodes`,
    partita: `${all.map(({ remove }) => perNode(remove)).join(", ")} µs for each node`,
    floor: "–",
    value: spread(all.map(({ remove }) => remove)),
    unit: "ms",
    bound: { atMost: (5 * (large / 2)) / 1_000 },
    note: `5 µs for each of 50,000; its undo takes ${all.map(({ undo }) => perNode(undo)).join(", ")} µs for each`,
  };
}

/** The first tree event after a load: it derives where the nodes are. */
function first(texts: Texts, runs: number): Row {
  const all = shapes.map((shape) => {
    let state: State<JsonObject>;
    return leastOf(
      runs,
      () => void perform(state, operations.at(-1)!, large, shape),
      () => (state = loaded(texts.get(shape)![1])),
    );
  });
  return {
    what: "The first tree event after a load, 100,000 nodes",
    partita: `${all.map((ms) => figure(Number(ms.toPrecision(2)))).join(", ")} ms`,
    floor: "–",
    value: spread(all),
    unit: "ms",
    bound: { atMost: 50 },
    note: "folders, 255 levels, one list",
  };
}

/** The least time of `body`, in milliseconds, with `before` before each, and without what it left to collect. */
function leastOf(runs: number, body: () => void, before: () => unknown): number {
  let least = Infinity;
  for (let run = 0; run < runs; run++) {
    before();
    collect();
    const from = performance.now();
    body();
    least = Math.min(least, performance.now() - from);
  }
  return least;
}

setFlagsFromString("--expose-gc");
const collect = runInNewContext("gc") as () => void;
