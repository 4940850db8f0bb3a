import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { select } from "../../../src/client/select.ts";
import { Replica } from "../../../src/client/sync/replica.ts";
import { State } from "../../../src/model/index.ts";
import { insieme } from "../../../src/models/insieme/index.ts";
import { canonicalJson } from "../../../src/protocol/canonical.ts";
import type { Json, JsonObject, WireEvent } from "../../../src/protocol/index.ts";
import { type Any, json, perform, step, type Step } from "../../support/state-steps.ts";

/** What a selection needs of a client: its state, and who listens. */
class StateClient {
  live: State<object>;
  readonly #listeners = new Set<() => void>();

  constructor(root: object) {
    this.live = new State(root, { publishes: true });
  }

  get listeners(): number {
    return this.#listeners.size;
  }

  subscribe(listener: () => void): () => void {
    this.#listeners.add(listener);
    return () => this.#listeners.delete(listener);
  }

  notify(): void {
    for (const listener of this.#listeners) listener();
  }

  select<T>(selector: (state: Any) => T, options = {}) {
    return select(this as never, selector, options);
  }
}

/** A selector that counts its runs. */
function counted<T>(selector: (state: Any) => T): { selector: (state: Any) => T; runs: () => number } {
  let count = 0;
  return {
    selector: (state) => {
      count++;
      return selector(state);
    },
    runs: () => count,
  };
}

/** A selector by a random path: a value, a part of it, or something new that is made of it. */
function selectorOf({ path, kind }: { path: number[]; kind: number }): (state: Any) => unknown {
  return (state) => {
    let at = state;
    for (const choice of path) {
      const keys = Array.isArray(at) ? [...at.keys()] : Object.keys(at).toSorted();
      const next = keys.length === 0 ? undefined : at[keys[choice % keys.length]!];
      if (typeof next !== "object" || next === null) return [next === undefined, next];
      at = next;
    }
    switch (kind % 7) {
      case 0:
        return at;
      case 1:
        return Object.keys(at).toSorted();
      case 2:
        return Array.isArray(at) ? at.length : "a" in at;
      case 3:
        return { size: Object.keys(at).length, first: at[Object.keys(at).toSorted()[0]!] ?? null };
      case 4:
        return Array.isArray(at) ? at.map((item) => [item]) : Object.entries(at).length;
      case 5:
        return Array.isArray(at) ? at.indexOf(at[1]) : Object.hasOwn(at, "k1");
      default:
        return Array.isArray(at) ? (at[1] ?? null) : (at["k1"] ?? null);
    }
  };
}

const operations = fc.array(
  fc.oneof(
    { weight: 6, arbitrary: fc.record({ kind: fc.constant("change" as const), step }) },
    { weight: 2, arbitrary: fc.record({ kind: fc.constant("undo" as const) }) },
    { weight: 2, arbitrary: fc.record({ kind: fc.constant("again" as const) }) },
    { weight: 2, arbitrary: fc.record({ kind: fc.constant("get" as const), which: fc.nat() }) },
    { weight: 3, arbitrary: fc.record({ kind: fc.constant("notify" as const) }) },
    { weight: 1, arbitrary: fc.record({ kind: fc.constant("replace" as const), value: json }) },
  ),
  { maxLength: 25 },
);
const object = json.map((value) => ({ k1: [1, { a: 2 }, [3]], k2: { a: { b: 1 } }, rest: value }) as unknown as object);
const selectors = fc.array(fc.record({ path: fc.array(fc.nat(5), { maxLength: 3 }), kind: fc.nat() }), {
  minLength: 1,
  maxLength: 6,
});

/** The plain value with the keys in the order in which a state gives them. */
const plainOf = (state: State<object>): Any => JSON.parse(canonicalJson(JSON.parse(state.stringify()) as Json));

describe("select", () => {
  it("[CL-12] [CL-5] always has the value that the selector has for plain data, and calls listeners exactly after its changes", () => {
    fc.assert(
      fc.property(object, selectors, operations, (root, kinds, list) => {
        const client = new StateClient(structuredClone(root));
        const made = kinds.map((kind) => {
          const selector = selectorOf(kind);
          const selection = client.select(selector);
          const each = { selector, selection, calls: 0, shown: selection.get(), read: false };
          selection.subscribe(() => {
            each.calls++;
            each.shown = selection.get();
          });
          return each;
        });
        const undos: (() => void)[] = [];
        let last: Step | undefined;
        const change = (by: Step) => {
          try {
            client.live.change((draft) => perform(draft, by));
          } catch {
            return;
          }
          undos.push(client.live.takeUndo());
        };
        for (const operation of [...list, { kind: "notify" } as const]) {
          if (operation.kind === "change") change((last = operation.step));
          else if (operation.kind === "undo") undos.pop()?.();
          else if (operation.kind === "again" && last && undos.length > 0) {
            undos.pop()!();
            change(last);
          } else if (operation.kind === "replace") {
            client.live = new State({ rest: operation.value } as object, { publishes: true });
            undos.length = 0;
          } else if (operation.kind === "get") {
            const each = made[operation.which % made.length]!;
            const { selector, selection } = each;
            each.read = true;
            expect(canonicalJson(selection.get() as Json)).toBe(canonicalJson(selector(plainOf(client.live)) as Json));
          } else if (operation.kind === "notify") {
            const before = made.map(({ shown, calls }) => ({ shown, calls, text: canonicalJson(shown as Json) }));
            client.notify();
            const plain = plainOf(client.live);
            for (const [at, { selector, selection, calls, shown }] of made.entries()) {
              const text = canonicalJson(selector(plain) as Json);
              expect(canonicalJson(shown as Json)).toBe(text);
              expect(selection.get()).toBe(shown);
              const same = text === before[at]!.text;
              // Who has read a value in between hears that it has gone.
              if (made[at]!.read) expect(calls - before[at]!.calls).toBeLessThanOrEqual(1);
              else expect(calls - before[at]!.calls).toBe(same ? 0 : 1);
              if (same && !made[at]!.read) expect(shown).toBe(before[at]!.shown);
              made[at]!.read = false;
            }
          }
        }
      }),
      { numRuns: 1_000 },
    );
  });

  it("[CL-12] runs again only the selections that have read what a remote event changes, of 1,000 in a document of 100,000 nodes", () => {
    const nodes = 100_000;
    const replica = new Replica<JsonObject>(insieme, { clientId: "me", principal: "dev:me", author: undefined });
    const tree = Array.from({ length: nodes }, (_, at) => ({ id: `n${at}`, children: [] }));
    const items = Object.fromEntries(tree.map(({ id }) => [id, { text: "words" }]));
    replica.reset({ docs: { tree, items } }, 0, []);
    const listeners = new Set<() => void>();
    const client = {
      get live() {
        replica.rebase();
        return replica.live;
      },
      subscribe: (listener: () => void) => (listeners.add(listener), () => listeners.delete(listener)),
    };
    const remote = (payload: JsonObject) => {
      const eventId = replica.eventId + 1;
      const event: WireEvent = { type: "treeUpdate", payload, partition: "p", id: "e", timestamp: 1, clientId: "c" };
      replica.confirm({ eventId, event });
      for (const listener of listeners) listener();
    };
    let calls = 0;
    const made = Array.from({ length: 1_000 }, (_, at) => {
      const of = counted((state) => state.docs.items[`n${at}`]);
      const selection = select(client as never, of.selector);
      selection.subscribe(() => calls++);
      return { ...of, selection };
    });
    const runs = () => made.reduce((sum, each) => sum + each.runs(), 0);
    expect(runs()).toBe(1_000);
    remote({ target: "docs", value: { text: "other words" }, options: { id: "n7" } });
    expect([runs(), calls]).toEqual([1_001, 1]);
    expect(made[7]!.selection.get()).toEqual({ text: "other words" });
    // Nothing selects this one.
    remote({ target: "docs", value: { text: "other words" }, options: { id: "n70000" } });
    // The same value once more.
    remote({ target: "docs", value: { text: "other words" }, options: { id: "n7" } });
    expect([runs(), calls]).toEqual([1_001, 1]);
    // A draft that is taken back and applied again for a remote event is no change.
    replica.add({
      key: "k",
      mode: "single",
      queuedAt: 1,
      drafts: [{ draftId: "k", type: "set", payload: { target: "title", value: "mine" } }],
    });
    const title = counted((state) => state.title);
    const selection = select(client as never, title.selector);
    selection.subscribe(() => calls++);
    remote({ target: "docs", value: { text: "words" }, options: { id: "n7" } });
    expect([title.runs(), runs(), calls]).toEqual([1, 1_002, 2]);
    expect(selection.get()).toBe("mine");
  });

  it("[CL-12] a change in a flat object reaches only who reads its key, or its keys", () => {
    const client = new StateClient(Object.fromEntries(Array.from({ length: 100_000 }, (_, at) => [`k${at}`, at])));
    const made = [
      counted((state) => state.k1),
      counted((state) => state.k2),
      counted((state) => "k3" in state),
      counted((state) => Object.keys(state).length),
    ];
    const selections = made.map(({ selector }) => client.select(selector));
    for (const selection of selections) selection.subscribe(() => {});
    const runs = () => made.map((each) => each.runs());
    client.live.change((state: Any) => (state.k1 = "new"));
    client.notify();
    expect(runs()).toEqual([2, 1, 1, 1]);
    client.live.change((state: Any) => delete state.k3);
    client.notify();
    expect(runs()).toEqual([2, 1, 2, 2]);
    expect(selections.map(({ get }) => get())).toEqual(["new", 2, false, 99_999]);
  });

  it("[CL-12] keeps nothing of a selection without listeners", () => {
    const client = new StateClient({ a: 1, list: [1] });
    const { selector, runs } = counted((state) => [state.a, ...state.list]);
    const selection = client.select(selector);
    expect(selection.get()).toEqual([1, 1]);
    expect(selection.get()).toBe(selection.get());
    expect([runs(), client.listeners]).toEqual([1, 0]);
    const stops = [selection.subscribe(() => {}), selection.subscribe(() => {})];
    expect([runs(), client.listeners]).toEqual([1, 1]);
    for (const stop of stops) stop();
    expect(client.listeners).toBe(0);
    client.live.change((state: Any) => (state.a = 2));
    client.notify();
    expect(runs()).toBe(1);
    expect(selection.get()).toEqual([2, 1]);
    expect(runs()).toBe(2);
  });

  it("[CL-12] a selector that throws makes its readers throw, and recovers", () => {
    const client = new StateClient({ items: { a: { text: "x" } } });
    const selection = client.select((state) => state.items.a.text);
    let calls = 0;
    selection.subscribe(() => calls++);
    client.live.change((state: Any) => delete state.items.a);
    client.notify();
    expect(calls).toBe(1);
    expect(() => selection.get()).toThrow(TypeError);
    client.live.change((state: Any) => (state.items.a = { text: "y" }));
    client.notify();
    expect([calls, selection.get()]).toEqual([2, "y"]);
  });

  it("[CL-12] what was read before the listeners are called is reported to them, too", () => {
    const client = new StateClient({ a: 1 });
    const selection = client.select((state) => state.a);
    let calls = 0;
    selection.subscribe(() => calls++);
    client.live.change((state: Any) => (state.a = 2));
    expect([selection.get(), calls]).toEqual([2, 0]);
    client.notify();
    client.notify();
    expect(calls).toBe(1);
  });

  it("[CL-12] -0 and 0 are the same value, as in JSON", () => {
    const client = new StateClient({ rest: 0, list: [0] });
    const made = [client.select((state) => state.rest), client.select((state) => state)];
    const before = made.map(({ get }) => get());
    let calls = 0;
    for (const selection of made) selection.subscribe(() => calls++);
    client.live = new State({ rest: -0, list: [-0] } as object, { publishes: true });
    client.notify();
    expect(calls).toBe(0);
    expect(made.map(({ get }) => get())).toEqual(before);
    expect(made[1]!.get()).toBe(before[1]);
  });

  it("[CL-12] counts what was undone before an empty list is popped", () => {
    const client = new StateClient({ list: [] });
    client.live.change((state: Any) => state.list.push(1));
    const undo = client.live.takeUndo();
    const selection = client.select((state) => state.list.length);
    let calls = 0;
    selection.subscribe(() => calls++);
    undo();
    client.live.change((state: Any) => state.list.pop());
    client.notify();
    expect([selection.get(), calls]).toEqual([0, 1]);
  });

  it("[CL-12] keeps what is equal: by itself, to an earlier selection, and as isEqual says", () => {
    const client = new StateClient({ list: [{ id: 1 }, { id: 2 }], x: 1 });
    const all = client.select((state) => ({ list: [...state.list], x: state.x }));
    const before = all.get();
    const next = client.select((state) => ({ list: [...state.list], x: state.x }), { before: { value: before } });
    expect(next.get()).toBe(before);
    client.live.change((state: Any) => (state.list[1].id = 3));
    const after = all.get();
    expect([after === before, after.list[0] === before.list[0]]).toEqual([false, true]);
    expect(before.list[1]).toEqual({ id: 2 });
    const rough = client.select((state) => state.x, { isEqual: (a: number, b: number) => Math.abs(a - b) < 5 });
    expect(rough.get()).toBe(1);
    client.live.change((state: Any) => (state.x = 3));
    expect(rough.get()).toBe(1);
    client.live.change((state: Any) => (state.x = 6));
    expect(rough.get()).toBe(6);
  });
});
