import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { State } from "../../src/model/index.ts";
import { WeighedState } from "../../src/model/weighed-state.ts";
import { Weight, weightOf } from "../../src/model/weight.ts";
import { bounds, type Json } from "../../src/protocol/index.ts";
import { perform, step } from "../support/state-steps.ts";

const wide = fc
  .uniqueArray(fc.oneof(fc.string({ minLength: 1, maxLength: 3 }), fc.nat(2_000).map(String)), { maxLength: 24 })
  .map((keys) => Object.fromEntries(keys.filter((key) => key !== "__proto__").map((key, at) => [key, at + 0.5])));
const root = fc.dictionary(fc.constantFrom("a", "b", "c", "7"), fc.oneof(wide, fc.constant([]), fc.constant("é→")));

/** A state that is weighed, and its root. */
function weighed(value: object) {
  // Not a structured clone, which would keep shared references.
  const own = JSON.parse(JSON.stringify(value)) as object;
  const weight = new Weight();
  weight.added(own as Record<string, unknown>);
  return { state: new State<object>(own, { watcher: weight }), weight, root: own };
}

describe("the proxies of a state", () => {
  it("[BD-2] are not kept for all containers that were ever visited, and are the same ones within a step", () => {
    const rows = 1_000;
    const state = new WeighedState<{ rows: number[][] }>({ rows: Array.from({ length: rows }, () => []) });
    const { proxies } = state;
    let visits = 0;
    for (; state.proxies === proxies; visits++) {
      state.change(({ rows: all }) => {
        for (const row of all) row.push(visits);
        // What holds a proxy within a step has the one that is found again.
        expect(all.indexOf(all[rows - 1]!)).toBe(rows - 1);
      });
      state.forget();
      expect(visits).toBeLessThan(bounds.stateProxiesMax / rows);
    }
    state.change((draft) => void draft.rows[0]!.push(-1));
    expect(JSON.parse(state.stringify()).rows[0]).toHaveLength(visits + 1);
  });
});

describe("the weight of a state", () => {
  it("[BD-2] is that of the state weighed from scratch, after any changes, undos and moves", () => {
    fc.assert(
      fc.property(root, fc.array(fc.tuple(fc.array(step, { maxLength: 4 }), fc.nat(3))), (start, rounds) => {
        const { state, weight, root: own } = weighed(start);
        const positions: { at: number; weight: number }[] = [];
        for (const [steps, fate] of rounds) {
          const before = { at: state.position, weight: weight.total };
          try {
            state.change((draft) => {
              for (const one of steps) perform(draft, one);
              if (fate === 3) throw new Error("refused");
            });
          } catch {
            expect(weight.total).toBe(before.weight);
          }
          expect(weight.total).toBe(weightOf(own));
          if (fate === 1) {
            state.undoTo(before.at);
            expect(weight.total).toBe(before.weight);
          } else if (fate === 2) {
            state.forget();
            positions.length = 0;
          } else positions.push(before);
        }
        const first = positions[0];
        if (first) {
          state.undoTo(first.at);
          expect(weight.total).toBe(first.weight);
        }
        expect(weight.total).toBe(weightOf(own));
      }),
      { numRuns: 1_000 },
    );
  });

  it("[BD-2] counts what replay changes", () => {
    fc.assert(
      fc.property(root, fc.array(step, { maxLength: 8 }), (start, steps) => {
        const { state, weight, root: own } = weighed(start);
        for (const one of steps) {
          try {
            state.replay((draft) => perform(draft, one));
          } catch {
            // Half changed, as a replay that fails is; what is in the state is weighed.
          }
        }
        expect(weight.total).toBe(weightOf(own));
      }),
    );
  });

  it("[BD-2] counts each kind of object, also where keys are chosen that a hash takes for the same", () => {
    // "Aa" and "BB" have the same hash in 31s, and so have all texts of these.
    const pairs = ["Aa", "BB"];
    const names = Array.from({ length: 256 }, (_, at) =>
      Array.from({ length: 8 }, (_unused, bit) => pairs[(at >> bit) & 1]).join(""),
    );
    const one = weightOf([{ [names[0]!]: 1 }]) - weightOf([{}]);
    expect(weightOf(names.map((name) => ({ [name]: 1 }))) - weightOf(names.map(() => ({})))).toBe(256 * one);
    const parted = [
      { "a\0b": 1, c: 1 },
      { a: 1, "b\0c": 1 },
    ];
    expect(weightOf(parted)).toBeGreaterThan(weightOf([parted[0], parted[0]]));
  });

  it("[BD-2] a move is not weighed again: its cost does not depend on what is moved", () => {
    const { state, weight } = weighed({ from: { big: Array.from({ length: 1_000 }, () => ({ a: 1 })) }, to: {} });
    let containers = 0;
    const { added } = weight;
    weight.added = (container) => {
      containers++;
      added.call(weight, container);
    };
    const to = (of: State<object>) => (JSON.parse(of.stringify()) as { to: { big?: unknown[] } }).to.big?.length ?? 0;
    state.change((draft) => {
      const { from, to } = draft as unknown as Record<string, Record<string, Json>>;
      const moved = from!["big"]!;
      delete from!["big"];
      to!["big"] = moved;
    });
    expect(to(state)).toBe(1_000);
    state.undoTo(0);
    expect(to(state)).toBe(0);
    expect(containers).toBe(0);
  });

  it.each([
    ["an array that cannot be inserted", (list: unknown[]) => list.push({ a: 1 }, Symbol("no") as never)],
    ["a moved container beside one that cannot", (list: unknown[]) => list.push(list.shift(), () => {})],
  ])("[BD-2] %s leaves no weight behind", (_, change) => {
    const { state, weight, root: own } = weighed({ list: [{ b: "long enough" }] });
    const { total } = weight;
    state.change((draft) => {
      try {
        change((draft as { list: unknown[] }).list);
      } catch {
        // As a reducer may.
      }
    });
    expect(weight.total).toBe(weightOf(own));
    state.undoTo(0);
    expect(weight.total).toBe(total);
  });
});
