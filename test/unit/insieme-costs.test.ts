import { describe, expect, it } from "vitest";
import { State } from "../../src/model/index.ts";
import { bounds, type JsonObject } from "../../src/protocol/index.ts";
import { loaded, type Operation, operations, perform, removal, treeState } from "../support/insieme-costs.ts";

const sizes = [1_000, 10_000, 100_000] as const;
const texts = new Map<string, string>();
function stateOf(nodes: number, shape: "folders" | "deep" | "wide"): State<JsonObject> {
  const name = `${nodes} ${shape}`;
  if (!texts.has(name)) texts.set(name, treeState(nodes, shape));
  return loaded(texts.get(name)!);
}

/** The units of an operation. */
function unitsOf(state: State<JsonObject>, operation: Operation, nodes: number, shape: "folders" | "deep" | "wide") {
  const before = state.work;
  const position = perform(state, operation, nodes, shape);
  const units = state.work - before;
  state.undoTo(position);
  return units;
}

describe("the work of insieme's events", () => {
  it.each(["folders", "deep"] as const)(
    "[MD-15] [BD-1] in %s no event takes more than twice as much with 100,000 nodes as with 1,000",
    (shape) => {
      const states = sizes.map((nodes) => stateOf(nodes, shape));
      const growing = operations.filter((operation) => {
        const units = sizes.map((nodes, at) => unitsOf(states[at]!, operation, nodes, shape));
        return Math.min(...units) <= 0 || Math.max(...units) > 2 * units[0]!;
      });
      expect(growing).toEqual([]);
    },
  );

  it("[MD-15] [BD-1] in a list of 100,000 nodes an event takes at most a unit more for 250 of them", () => {
    const [small, large] = [1_000, 100_000];
    const states = [stateOf(small, "wide"), stateOf(large, "wide")] as const;
    const growing = operations.filter((operation) => {
      const least = unitsOf(states[0], operation, small, "wide");
      return unitsOf(states[1], operation, large, "wide") - least > large / 250;
    });
    expect(growing).toEqual([]);
  });

  it.each(["folders", "deep", "wide"] as const)(
    "[MD-15] in %s a removal takes 2 units for each removed node and its data",
    (shape) => {
      for (const nodes of sizes) {
        const units = unitsOf(stateOf(nodes, shape), removal, nodes, shape);
        expect(units / (nodes / 2)).toBeLessThanOrEqual(2.1);
      }
    },
  );

  it.each(["folders", "deep", "wide"] as const)(
    "[MD-15] in %s the work is the same whether anything was used before or not",
    (shape) => {
      const nodes = 10_000;
      const warm = stateOf(nodes, shape);
      for (const operation of [...operations, removal]) unitsOf(warm, operation, nodes, shape);
      const differing = [...operations, removal].filter(
        (operation) =>
          unitsOf(stateOf(nodes, shape), operation, nodes, shape) !== unitsOf(warm, operation, nodes, shape),
      );
      expect(differing).toEqual([]);
    },
  );

  it("[MD-15] the heaviest batches that are meant to pass do: 256 pushes, and 256 moves, in a list of 100,000", () => {
    const nodes = 100_000;
    const state = stateOf(nodes, "wide");
    const refused = operations.filter(
      (operation) => 256 * unitsOf(state, operation, nodes, "wide") > bounds.batchWorkMax,
    );
    expect(refused).toEqual([]);
  });
});
