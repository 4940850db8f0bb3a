import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { type StateView, ViewLost } from "../../src/model/state-view.ts";
import { WeighedState } from "../../src/model/weighed-state.ts";
import { bounds, canonicalJson, type Json } from "../../src/protocol/index.ts";
import { json, perform, step } from "../support/state-steps.ts";

const clone = (value: unknown) => JSON.parse(JSON.stringify(value)) as Json;
const large = (at: number) =>
  Array.from({ length: 700 }, (_, item) => ({ id: `${at}-${item}`, text: "é😀".repeat(20) }));
const root = fc
  .dictionary(
    fc.constantFrom("a", "b", "c", "7", "z"),
    fc.oneof(
      json,
      fc.nat(9).map(large),
      fc.nat(9).map((at) => ({ [`k${at}`]: large(at), "": [[], {}] })),
      fc.nat(30_000).map((length) => '"😀'.repeat(length)),
    ),
    { minKeys: 1 },
  )
  .map((value) => clone(value) as object);

/** Reads the next piece of each view, if there is one. */
const read = (open: { view: StateView; text: string; expected: string }[]) => {
  for (const one of open) one.text += one.view.next() ?? "";
};

describe("a view of a state", () => {
  it("[BD-3] is the text of the state when it was opened, whatever is changed and undone meanwhile", () => {
    const program = fc.array(fc.tuple(fc.array(step, { maxLength: 4 }), fc.nat(5)), { maxLength: 12 });
    fc.assert(
      fc.property(root, program, (start, rounds) => {
        const state = new WeighedState<object>(start);
        const open: { view: StateView; text: string; expected: string }[] = [];
        for (const [steps, fate] of rounds) {
          if (fate < 2) open.push({ view: state.view(), text: "", expected: state.stringify() });
          const before = state.position;
          state.change((draft) => {
            for (const one of steps) perform(draft, one);
          });
          if (fate === 3) state.undoTo(before);
          read(open);
          if (fate === 4) state.undoTo(0);
          if (fate === 5) state.forget();
        }
        for (const one of open) {
          one.text += [...one.view].join("");
          // In its own order a key that was changed meanwhile comes last.
          const [text, expected] = [one.text, one.expected].map((json) => canonicalJson(JSON.parse(json) as Json));
          expect(text).toBe(expected);
        }
      }),
      { numRuns: 100 },
    );
  });

  it("[BD-3] gives the text of JSON.stringify while nothing is changed, in pieces of a bounded size", () => {
    fc.assert(
      fc.property(root, (start) => {
        const state = new WeighedState<object>(start);
        const pieces = [...state.view()];
        expect(pieces.join("")).toBe(state.stringify());
        for (const piece of pieces) {
          expect(piece.length).toBeLessThan(200_000);
          expect(piece.isWellFormed()).toBe(true);
        }
        for (const piece of pieces.slice(0, -1)) expect(piece.length).toBeGreaterThanOrEqual(64 * 1024);
      }),
      { numRuns: 100 },
    );
  });

  it("[BD-2] [BD-3] keeps a change of a large object by its key, and copies a large array once", () => {
    const many = Array.from({ length: 100_000 }, (_, at) => at);
    const state = new WeighedState<Record<string, Json>>({
      list: many,
      map: Object.fromEntries(many.map((at) => [`k${at}`, at])),
    });
    const view = state.view();
    view.next();
    for (let at = 0; at < 100; at++) {
      state.replay((draft) => {
        (draft["map"] as Record<string, Json>)[`k${at}`] = "changed";
        (draft["list"] as Json[]).push(at);
      });
    }
    expect(view.savedBytes).toBeLessThan(900_000);
    view.close();
    expect(view.savedBytes).toBeLessThan(900_000);
  });

  it("[BD-2] is lost when it would keep too much in memory, and the state goes on", () => {
    const value = { list: Array.from({ length: 100_000 }, () => ({})) };
    const state = new WeighedState<Record<string, Json>>({ value: value as Json, other: 1 });
    const view = state.view();
    state.change((draft) => void delete draft["value"]);
    expect(() => view.next()).toThrow(ViewLost);
    expect([...state.view()].join("")).toBe('{"other":1}');
    expect(bounds.viewSavedBytesMax).toBeLessThan(7_000_000);
  });
});
