import { beforeEach, describe, expect, it } from "vitest";
import * as z from "zod/mini";
import { Replica } from "../../../src/client/sync/replica.ts";
import { selective as rebaser } from "../../../src/client/sync/selective.ts";
import { defineModel, type ReduceContext } from "../../../src/model/index.ts";
import { insieme } from "../../../src/models/insieme/index.ts";
import { canonicalJson } from "../../../src/protocol/canonical.ts";
import type { Json, JsonObject, WireEvent } from "../../../src/protocol/index.ts";

type Node = { tag: string; n: number };
interface Shape {
  nodes: Record<string, Node>;
  copies: Record<string, Record<string, Node> | Node>;
  found: Record<string, number>;
}

let builds = 0;
const byTag = (nodes: Shape["nodes"], context: ReduceContext) =>
  context.index(nodes, "byTag", (raw) => {
    builds++;
    return Object.values(raw).map((node): [string, Node] => [node.tag, node]);
  });
const named = z.strictObject({ id: z.string(), n: z.int() });

const tagged = defineModel({
  name: "tagged",
  version: 1,
  initialState: (): Shape => ({ nodes: {}, copies: {}, found: {} }),
  events: {
    put: {
      payload: named,
      reduce(state, { payload: { id, n } }, context) {
        // Before the index is used: so an index that is built here has the change already.
        state.nodes[id] = { tag: `t${id}`, n };
        byTag(state.nodes, context).set(`t${id}`, state.nodes[id]);
      },
    },
    add: {
      payload: named,
      validate: (state, { payload: { id } }, context) =>
        byTag(state.nodes as Shape["nodes"], context).has(`t${id}`)
          ? undefined
          : { field: "payload.id", code: "NONE", message: "none" },
      reduce(state, { payload: { id, n } }, context) {
        byTag(state.nodes, context).get(`t${id}`)!.n += n;
      },
    },
    copy: {
      payload: named,
      reduce(state, { payload: { id } }) {
        state.copies[id] = state.nodes;
      },
    },
    all: {
      payload: named,
      reduce(state, { payload: { id } }) {
        state.found[id] = Object.values(state.nodes).length;
      },
    },
    head: {
      payload: named,
      validate: (_, { payload }, { head }) =>
        head > payload.n ? { field: "payload.n", code: "LATE", message: "late" } : undefined,
      reduce(state, { payload: { id, n } }) {
        state.found[id] = n;
      },
    },
  },
});

/** A replica of which the applied drafts are counted. */
class Counted {
  readonly replica: Replica<object>;
  applied: string[] = [];
  #keys = 0;

  constructor(model: typeof tagged | typeof insieme, { selective }: { selective: boolean }) {
    const watched = {
      ...model,
      eventType: (type: string) => {
        const definition = model.eventType(type)!;
        return {
          ...definition,
          reduce: (state: never, event: { payload: { id?: string; options?: { id: string } } }, context: never) => {
            if ("clientId" in event && event.clientId === "me") {
              this.applied.push(event.payload.id ?? event.payload.options?.id ?? "");
            }
            definition.reduce(state, event as never, context);
          },
        };
      },
    };
    this.replica = new Replica(watched as never, { clientId: "me", principal: "dev:me", author: undefined });
    this.replica.reset(model.initialState(), 0, []);
    if (selective) this.replica.rebaseBy(rebaser);
  }

  draft(type: string, payload: JsonObject): string {
    const key = `k${++this.#keys}`;
    this.replica.add({ key, mode: "single", queuedAt: 1, drafts: [{ draftId: key, type, payload }] });
    return key;
  }

  remote(type: string, payload: JsonObject): string[] {
    this.applied = [];
    const eventId = this.replica.eventId + 1;
    const event: WireEvent = { type, payload, partition: "p", id: `e${eventId}`, timestamp: 1, clientId: "other" };
    this.replica.confirm({ eventId, event });
    this.replica.rebase();
    return this.applied;
  }

  settle(key: string): string[] {
    this.applied = [];
    this.replica.settle(key);
    this.replica.rebase();
    return this.applied;
  }

  get view(): string {
    return this.replica.read((state) => canonicalJson(state as Json));
  }
}

/** Does the same with a selective replica and a full one, and compares their views. */
function both(model: typeof tagged | typeof insieme, act: (one: Counted) => void): Counted {
  const [selective, full] = [new Counted(model, { selective: true }), new Counted(model, { selective: false })];
  act(selective);
  act(full);
  expect(selective.view).toBe(full.view);
  expect(selective.replica.pending).toEqual(full.replica.pending);
  return selective;
}

describe("Selective", () => {
  beforeEach(() => {
    builds = 0;
  });

  it("[CL-12] a remote event under 5,000 drafts applies again only those that it affects, and what depends on them", () => {
    const drafts = 5_000;
    const document = () => ({
      docs: {
        tree: Array.from({ length: drafts }, (_, at) => ({ id: `n${at}`, children: [] })),
        items: Object.fromEntries(Array.from({ length: drafts }, (_, at) => [`n${at}`, { text: "words" }])),
      },
    });
    const update = (id: string, value: JsonObject) => ({ target: "docs", value, options: { id } });
    const one = new Counted(insieme, { selective: true });
    one.replica.reset(document(), 0, []);
    const keys = Array.from({ length: drafts }, (_, at) => one.draft("treeUpdate", update(`n${at}`, { mine: at })));
    // Two more of the same node, of which one writes the same key.
    one.draft("treeUpdate", update("n7", { mine: "again" }));
    one.draft("treeUpdate", update("n7", { other: 1 }));
    expect(one.remote("treeUpdate", update("n9", { text: "yours" }))).toEqual([]);
    expect(one.remote("set", { target: "title", value: "new" })).toEqual([]);
    expect(one.remote("treeUpdate", update("n7", { mine: "yours" }))).toEqual(["n7", "n7"]);
    expect(one.remote("treeDelete", { target: "docs", options: { id: "n8" } })).toEqual([]);
    expect(one.replica.pending[8]!.failure).toMatchObject({ code: "validation_failed" });
    expect(one.settle(keys[4_000]!)).toEqual([]);
    expect(one.settle(keys[7]!)).toEqual(["n7"]);
    expect(one.remote("set", { target: "docs", value: {}, options: { replace: true } })).toEqual([]);
    expect(one.replica.pending.every(({ failure }) => failure)).toBe(true);
  });

  it("[CL-12] follows what is copied, enumerated, found by an index, and the head", () => {
    const affected: string[][] = [];
    both(tagged, (one) => {
      one.remote("put", { id: "a", n: 1 });
      one.remote("put", { id: "b", n: 1 });
      one.draft("copy", { id: "copy", n: 0 });
      one.draft("all", { id: "all", n: 0 });
      one.draft("add", { id: "a", n: 10 });
      one.draft("head", { id: "head", n: 6 });
      affected.push(one.remote("add", { id: "b", n: 1 }));
      affected.push(one.remote("put", { id: "c", n: 1 }));
      affected.push(one.remote("add", { id: "a", n: 1 }));
      expect(one.replica.pending[3]!.failure).toBeDefined();
    });
    expect(affected).toEqual([
      // The head grows with each event. The copy has read what the draft after it writes: that comes after it again.
      ["copy", "copy", "a", "head"],
      // What was enumerated was read, also where only the number was used.
      ["copy", "copy", "all", "a"],
      ["copy", "a"],
      // The full one applies all.
      ["copy", "all", "a", "head"],
      ["copy", "all", "a"],
      ["copy", "all", "a"],
    ]);
  });

  it("[CL-12] an index that a draft builds is kept, also where it was built after a change", () => {
    for (const selective of [true, false]) {
      builds = 0;
      const one = new Counted(tagged, { selective });
      const keys = ["x", "y", "z"].map((id) => one.draft("put", { id, n: 1 }));
      one.draft("add", { id: "y", n: 1 });
      expect(builds).toBe(1);
      for (let round = 0; round < 5; round++) one.remote("put", { id: "x", n: round });
      // Once more without the first draft.
      expect(builds).toBe(2);
      one.settle(keys[0]!);
      one.remote("put", { id: "y", n: 5 });
      expect(builds).toBe(2);
      expect(JSON.parse(one.view)).toMatchObject({ nodes: { x: { n: 4 }, y: { n: 2 }, z: { n: 1 } } });
    }
  });

  it("[CL-12] an index that is built again with a draft takes those with it that have used it", () => {
    both(tagged, (one) => {
      const first = one.draft("put", { id: "x", n: 1 });
      one.draft("put", { id: "y", n: 1 });
      const last = one.draft("put", { id: "z", n: 1 });
      one.settle(first);
      one.settle(last);
      one.remote("put", { id: "y", n: 2 });
      // Found by the index, if it is there.
      one.remote("add", { id: "y", n: 1 });
      one.draft("add", { id: "z", n: 1 });
    });
  });

  it("[CL-12] beyond what it may remember, all drafts are applied again, and it starts again with half of them", () => {
    const nodes = 1_000;
    const one = new Counted(tagged, { selective: true });
    for (let at = 0; at < nodes; at++) one.remote("put", { id: `n${at}`, n: 1 });
    // Each of them reads each node.
    const keys = Array.from({ length: 140 }, (_, at) => one.draft("copy", { id: `c${at}`, n: 0 }));
    expect(one.remote("head", { id: "x", n: 2_000 })).toHaveLength(140);
    for (const key of keys.slice(60)) one.replica.settle(key);
    one.replica.rebase();
    // The first time to find out.
    expect(one.remote("head", { id: "y", n: 3_000 })).toHaveLength(60);
    expect(one.remote("head", { id: "z", n: 4_000 })).toEqual([]);
    expect(Object.keys((JSON.parse(one.view) as Shape).copies)).toHaveLength(60);
  });

  it("[CL-12] is loaded for a long queue, and changes nothing in the view", async () => {
    const one = new Counted(tagged, { selective: false });
    one.remote("put", { id: "a", n: 1 });
    for (let at = 0; at < 70; at++) one.draft("put", { id: `n${at}`, n: at });
    const before = one.view;
    expect(one.remote("head", { id: "x", n: 0 })).toHaveLength(70);
    const { found: _, ...rest } = JSON.parse(before) as Shape;
    while (one.remote("head", { id: "x", n: 0 }).length > 0) await new Promise((resolve) => setTimeout(resolve, 1));
    expect(JSON.parse(one.view)).toEqual({ ...rest, found: { x: 0 } });
  });
});
