import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { type StateView, ViewLost } from "../../src/model/state-view.ts";
import { WeighedState } from "../../src/model/weighed-state.ts";
import { canonicalJson } from "../../src/protocol/canonical.ts";
import { bounds, type Json } from "../../src/protocol/index.ts";
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

  it("[BD-3] of an object with many keys goes through one list, while keys are added, deleted and added again", () => {
    const key = fc.nat(40).map((at) => `k${at * 150}`);
    const change = fc.record({
      key,
      value: fc.option(fc.nat(9), { nil: undefined }),
      span: fc.constantFrom(1, 1, 3_000),
    });
    fc.assert(
      fc.property(fc.array(fc.tuple(fc.array(change, { maxLength: 4 }), fc.nat(4))), (rounds) => {
        const many = Array.from({ length: 6_000 }, (_, at) => [`k${at}`, `value ${at} ${"x".repeat(40)}`]);
        const state = new WeighedState<Record<string, Record<string, Json>>>({
          first: { a: "x".repeat(70_000) },
          map: Object.fromEntries(many) as Record<string, Json>,
        });
        const open: { view: StateView; text: string; expected: string }[] = [];
        for (const [changes, fate] of rounds) {
          if (fate < 2 && open.length < 3) open.push({ view: state.view(), text: "", expected: state.canonical() });
          state.change(({ map }) => {
            for (const { key: name, value, span } of changes) {
              for (let at = Number(name.slice(1)), end = at + span; at < end; at++) {
                if (value === undefined) delete map![`k${at}`];
                else map![`k${at}`] = value;
              }
            }
          });
          if (fate === 3) state.undoTo(0);
          else state.forget();
          if (fate > 1) read(open);
        }
        for (const one of open) {
          one.text += [...one.view].join("");
          expect(canonicalJson(JSON.parse(one.text) as Json)).toBe(one.expected);
          // Each key once.
          expect(one.text.match(/"k\d+":/g)?.length ?? 0).toBe(
            Object.keys((JSON.parse(one.text) as { map: object }).map).length,
          );
        }
      }),
      { numRuns: 40 },
    );
  });

  it("[BD-2] all views together keep a bounded amount: the largest is lost", () => {
    const value = () => Array.from({ length: 15_000 }, () => ({}));
    const state = new WeighedState<Record<string, Json>>({ a: value() as Json });
    const views: StateView[] = [];
    for (let at = 0; at < 20; at++) {
      views.push(state.view());
      // Each view keeps what it had, which is another value than that of the view before.
      state.replay((draft) => void (draft["a"] = value() as Json));
      const kept = views.reduce((sum, { savedBytes, done }) => sum + (done ? 0 : savedBytes), 0);
      expect(kept).toBeLessThanOrEqual(bounds.viewsSavedBytesMax + 2_000_000);
    }
    const lost = views.filter((view) => {
      try {
        view.next();
        return false;
      } catch {
        return true;
      }
    });
    expect(lost.length).toBeGreaterThan(10);
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
