import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { State } from "../../src/model/index.ts";
import { insieme } from "../../src/models/insieme/index.ts";
import { type Message, type TestConnection, TestPartition } from "../support/partition.ts";

function tree(): { room: TestPartition; a: TestConnection } {
  const room = new TestPartition();
  const a = room.client("a");
  a.submit("0", "set", { target: "ex", value: {} });
  for (const [id, parent] of [
    ["a", "_root"],
    ["b", "_root"],
    ["a1", "a"],
    ["a2", "a"],
    ["a11", "a1"],
  ] as const) {
    a.submit(`push-${id}`, "treePush", {
      target: "ex",
      value: { id, name: id },
      options: { parent, position: "last" },
    });
  }
  return { room, a };
}

interface Node {
  id: string;
  children: Node[];
}
/** The tree of `ex` as nested text: `a(a1(a11)a2)b`. */
function shape(room: TestPartition): string {
  const render = (nodes: Node[]): string =>
    nodes.map(({ id, children }) => id + (children.length > 0 ? `(${render(children)})` : "")).join(" ");
  return render((room.state() as { ex: { tree: Node[] } }).ex.tree);
}
const codes = (answer: Message): string[] => (answer.payload.errors ?? []).map(({ code }: { code: string }) => code);

describe("insieme: rejections where the library would ignore or corrupt", () => {
  it.each<[string, object, string, string]>([
    ["init", { value: {} }, "ALREADY_INITIALIZED", "payload.value"],
    ["treePush", { target: "no", value: { id: "x" } }, "TARGET_NOT_FOUND", "payload.target"],
    ["treePush", { target: "ex.items.a.name", value: { id: "x" } }, "TARGET_NOT_FOUND", "payload.target"],
    ["treePush", { target: "ex", value: { id: "a" } }, "DUPLICATE_ID", "payload.value.id"],
    [
      "treePush",
      { target: "ex", value: { id: "x" }, options: { parent: "no" } },
      "PARENT_NOT_FOUND",
      "payload.options.parent",
    ],
    ["treePush", { target: "ex", value: { id: "_root" } }, "SCHEMA_ERROR", "payload.value.id"],
    ["treePush", { target: "ex", value: { id: "__proto__" } }, "SCHEMA_ERROR", "payload.value.id"],
    [
      "treePush",
      { target: "ex", value: { id: "x" }, options: { position: {} } },
      "SCHEMA_ERROR",
      "payload.options.position",
    ],
    [
      "treePush",
      { target: "ex", value: { id: "x" }, options: { position: "middle" } },
      "SCHEMA_ERROR",
      "payload.options.position",
    ],
    [
      "treePush",
      { target: "ex", value: { id: "x" }, options: { under: "a" } },
      "SCHEMA_ERROR",
      "payload.options.under",
    ],
    ["treeUpdate", { target: "ex", value: { n: 1 }, options: { id: "no" } }, "NODE_NOT_FOUND", "payload.options.id"],
    ["treeUpdate", { target: "no", value: { n: 1 }, options: { id: "a" } }, "TARGET_NOT_FOUND", "payload.target"],
    ["treeMove", { target: "ex", options: { id: "no" } }, "NODE_NOT_FOUND", "payload.options.id"],
    ["treeMove", { target: "ex", options: { id: "a", parent: "no" } }, "PARENT_NOT_FOUND", "payload.options.parent"],
    ["treeMove", { target: "ex", options: { id: "a", parent: "a" } }, "CYCLE", "payload.options.parent"],
    ["treeMove", { target: "ex", options: { id: "a", parent: "a11" } }, "CYCLE", "payload.options.parent"],
    ["treeDelete", { target: "ex", options: { id: "no" } }, "NODE_NOT_FOUND", "payload.options.id"],
    ["treeDelete", { target: "no", options: { id: "a" } }, "TARGET_NOT_FOUND", "payload.target"],
    ["set", { target: "a.__proto__.b", value: 1 }, "SCHEMA_ERROR", "payload.target"],
    ["set", { target: "constructor", value: 1 }, "SCHEMA_ERROR", "payload.target"],
    ["set", { target: Array(33).fill("a").join("."), value: 1 }, "SCHEMA_ERROR", "payload.target"],
    ["set", { target: "list", value: [1] }, "SCHEMA_ERROR", "payload.value"],
    ["set", { target: "ex.items.a.name.first", value: 1 }, "TARGET_NOT_FOUND", "payload.target"],
    ["set", { target: "ex.tree.0.id", value: "z" }, "SCHEMA_ERROR", "payload.target"],
    ["unset", { target: "no" }, "TARGET_NOT_FOUND", "payload.target"],
    ["unset", { target: "ex.no.deeper" }, "TARGET_NOT_FOUND", "payload.target"],
    ["unset", { target: "ex.tree.0" }, "SCHEMA_ERROR", "payload.target"],
  ])("[MD-9] %s %j: %s", (type, payload, code, field) => {
    const { room, a } = tree();
    const before = room.state();
    const answer = a.submit("d", type, payload);
    expect(answer.payload.errors).toEqual([expect.objectContaining({ code, field })]);
    expect(room.state()).toEqual(before);
  });

  it("[MD-9] [ER-3] lists all violations of a push", () => {
    const { a } = tree();
    expect(codes(a.submit("d", "treePush", { target: "ex", value: { id: "a" }, options: { parent: "no" } }))).toEqual([
      "DUPLICATE_ID",
      "PARENT_NOT_FOUND",
    ]);
  });

  it("[MD-9] init is accepted as the first event only", () => {
    const room = new TestPartition();
    const a = room.client("a");
    expect(a.submit("d1", "init", { value: { deep: { er: 1 } } }).type).toBe("event_accepted");
    expect(room.state()).toEqual({ deep: { er: 1 } });
    expect(codes(a.submit("d2", "init", { value: {} }))).toEqual(["ALREADY_INITIALIZED"]);
  });

  it("[MD-9] [AU-10] a tree has at most 256 levels, by push or by move", () => {
    const room = new TestPartition();
    const a = room.client("a");
    a.submit("0", "set", { target: "ex", value: {} });
    const push = (id: string, parent: string) =>
      a.submit(id, "treePush", { target: "ex", value: { id }, options: { parent } });
    for (let level = 1; level <= 256; level++)
      expect(push(`n${level}`, level === 1 ? "_root" : `n${level - 1}`).type).toBe("event_accepted");
    expect(codes(push("n257", "n256"))).toEqual(["SCHEMA_ERROR"]);
    push("x", "_root");
    push("y", "x");
    const move = (parent: string) =>
      a.submit(`to-${parent}`, "treeMove", { target: "ex", options: { id: "x", parent } });
    expect(codes(move("n255"))).toEqual(["SCHEMA_ERROR"]);
    expect(move("n254").type).toBe("event_accepted");
  });
});

describe("insieme: trees", () => {
  it.each<[object, string]>([
    [{ id: "b", parent: "a" }, "a(b a1(a11) a2)"],
    [{ id: "b", parent: "a", position: "last" }, "a(a1(a11) a2 b)"],
    [{ id: "b", parent: "a", position: { after: "a1" } }, "a(a1(a11) b a2)"],
    [{ id: "b", parent: "a", position: { before: "a2" } }, "a(a1(a11) b a2)"],
    [{ id: "b", parent: "a", position: { after: "a11" } }, "a(a1(a11) a2 b)"],
    [{ id: "b", parent: "a", position: { before: "nobody" } }, "a(b a1(a11) a2)"],
    [{ id: "b", parent: "a", position: null }, "a(b a1(a11) a2)"],
    [{ id: "a1" }, "a1(a11) a(a2) b"],
    [{ id: "a1", parent: "b" }, "a(a2) b(a1(a11))"],
    [{ id: "a1", parent: "a", position: "last" }, "a(a2 a1(a11)) b"],
    [{ id: "a1", parent: "a", position: { after: "a1" } }, "a(a2 a1(a11)) b"],
    [{ id: "a", parent: "_root", position: { after: "b" } }, "b a(a1(a11) a2)"],
  ])("[MD-9] treeMove %j gives %s", (options, expected) => {
    const { room, a } = tree();
    expect(a.submit("d", "treeMove", { target: "ex", options }).type).toBe("event_accepted");
    expect(shape(room)).toBe(expected);
    // The indexes are updated: the moved node is found, with the nodes below it.
    a.submit("e", "treeDelete", { target: "ex", options: { id: "a1" } });
    expect(JSON.stringify(room.state())).not.toMatch(/"a1"|"a11"/);
  });

  it("[MD-9] treeDelete removes the subtree and its items", () => {
    const { room, a } = tree();
    a.submit("d", "treeDelete", { target: "ex", options: { id: "a" } });
    expect(room.state()).toEqual({ ex: { tree: [{ id: "b", children: [] }], items: { b: { name: "b" } } } });
    expect(a.submit("e", "treePush", { target: "ex", value: { id: "a11" } }).type).toBe("event_accepted");
  });

  it("[MD-9] [BD-1] a reducer that gets what the rules reject ends, where a node would be below itself", () => {
    const tree = [{ id: "a", children: [{ id: "b", children: [] }] }];
    const state = new State<object>({ ex: { tree, items: { a: {}, b: {} } } });
    const { reduce } = insieme.eventType("treePush")!;
    for (const parent of ["a", "b"]) {
      const payload = { target: "ex", value: { id: "a" }, options: { parent } };
      const event = { type: "treePush", payload, timestamp: 0, clientId: "c" };
      const push = () => state.change((root) => reduce(root as never, event as never, state.context));
      expect(push).toThrow("a node cannot go below itself");
    }
  });

  it("[MD-9] the nodes of a tree that was set as a whole are found by id", () => {
    const { room, a } = tree();
    const value = { tree: [{ id: "q", children: [{ id: "r" }, "junk", { id: 5 }] }], items: { q: {}, r: 1 } };
    a.submit("d", "set", { target: "ex", value, options: { replace: true } });
    expect(codes(a.submit("e", "treePush", { target: "ex", value: { id: "r" } }))).toEqual(["DUPLICATE_ID"]);
    expect(a.submit("f", "treePush", { target: "ex", value: { id: "s" }, options: { parent: "r" } }).type).toBe(
      "event_accepted",
    );
    expect(a.submit("g", "treeUpdate", { target: "ex", value: { n: 1, id: "zzz" }, options: { id: "r" } }).type).toBe(
      "event_accepted",
    );
    expect(room.state()).toEqual({
      ex: {
        tree: [{ id: "q", children: [{ id: "r", children: [{ id: "s", children: [] }] }, "junk", { id: 5 }] }],
        items: { q: {}, r: { n: 1 }, s: {} },
      },
    });
  });

  it("[MD-9] [TX-8] after any tree events, live state, fold, and indexes agree", () => {
    const id = fc.constantFrom("a", "b", "c", "d", "e", "f", "g");
    const place = fc.oneof(fc.constantFrom("first", "last"), fc.record({ after: id }), fc.record({ before: id }));
    const event = fc.oneof(
      fc.record({ type: fc.constant("treePush"), id, parent: fc.oneof(id, fc.constant("_root")), position: place }),
      fc.record({ type: fc.constant("treeMove"), id, parent: fc.oneof(id, fc.constant("_root")), position: place }),
      fc.record({ type: fc.constant("treeDelete"), id }),
      fc.record({ type: fc.constant("treeUpdate"), id }),
    );
    fc.assert(
      fc.property(fc.array(event, { maxLength: 40 }), (events) => {
        const room = new TestPartition();
        const a = room.client("a");
        a.submit("0", "set", { target: "ex", value: {} });
        for (const [at, { type, id, ...options }] of events.entries()) {
          const payload =
            type === "treePush"
              ? { target: "ex", value: { id, at }, options }
              : type === "treeUpdate"
                ? { target: "ex", value: { at }, options: { id } }
                : { target: "ex", options: { id, ...options } };
          const answer = a.submit(`d${at}`, type, payload);
          expect(["event_accepted", "event_rejected"]).toContain(answer.type);
          expect(codes(answer)).not.toContain("SCHEMA_ERROR");
        }
        const { ex } = room.state() as { ex: { tree?: Node[]; items?: object } };
        const found: string[] = [];
        const collect = (nodes: Node[]) => nodes.forEach((node) => (found.push(node.id), collect(node.children)));
        collect(ex.tree ?? []);
        // Every node has its item, every item its node, and no id occurs twice.
        expect(found.toSorted()).toEqual(Object.keys(ex.items ?? {}).toSorted());
        const live = room.state();
        room.restart();
        expect(room.state()).toEqual(live);
      }),
      { numRuns: 300 },
    );
  });
});

describe("a tree that was set by hand", () => {
  const leaf = (id: string, ...children: unknown[]) => ({ id, children });
  it.each([[[leaf("a", leaf("a"))]], [[leaf("p", leaf("x")), leaf("p")]], [[leaf("_root", leaf("a")), leaf("p")]]])(
    "[MD-9] [AU-10] tree events are rejected, and terminate, on a tree where an id does not name exactly one node: %j",
    (tree) => {
      const room = new TestPartition();
      const a = room.client("a");
      a.submit("0", "set", { target: "ex", value: { tree, items: { a: {}, p: {} } } });
      const before = room.state();
      for (const [type, payload] of [
        ["treePush", { target: "ex", value: { id: "new" }, options: { parent: "a" } }],
        ["treeMove", { target: "ex", options: { id: "p", parent: "a" } }],
        ["treeDelete", { target: "ex", options: { id: "a" } }],
      ] as const) {
        expect(a.submit(type, type, payload).payload.errors).toEqual([
          expect.objectContaining({ code: "TARGET_NOT_FOUND" }),
        ]);
      }
      expect(room.state()).toEqual(before);
    },
  );

  it("[MD-9] invalid nodes inside a tree are moved and deleted with their parent", () => {
    const room = new TestPartition();
    const a = room.client("a");
    const tree = [{ id: "a", children: [null, 7, { id: 5 }, { id: "b", children: 7 }] }, leaf("c")];
    a.submit("0", "set", { target: "ex", value: { tree, items: { a: {}, b: {}, c: {}, "5": {} } } });
    expect(a.submit("1", "treeMove", { target: "ex", options: { id: "a", parent: "c" } }).type).toBe("event_accepted");
    expect(a.submit("2", "treeDelete", { target: "ex", options: { id: "a" } }).type).toBe("event_accepted");
    expect(room.state()).toEqual({ ex: { tree: [leaf("c")], items: { c: {}, "5": {} } } });
  });
});
