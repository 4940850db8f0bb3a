// A model whose events are small random programs: so its reducers, validators and invariants read and write anything.
import * as z from "zod/mini";
import { defineModel, type ReduceContext } from "../../src/model/index.ts";
import type { JsonObject } from "../../src/protocol/index.ts";
import { Random } from "../simulation/random.ts";
import type { Any } from "./state-steps.ts";

const keys = ["p", "q", "r"];
const ops = [
  "put",
  "put",
  "delete",
  "add",
  "add",
  "copy",
  "copy",
  "move",
  "nest",
  "nest",
  "push",
  "push",
  "splice",
  "item",
  "sort",
  "count",
  "list",
  "tag",
  "tagLate",
  "untag",
  "byTag",
  "hasTag",
  "fail",
] as const;
const rules = ["none", "none", "none", "needs", "lacks", "few", "oddHead", "oldest", "tagged"] as const;

const programStep = z.strictObject({
  op: z.enum(ops),
  box: z.string(),
  other: z.string(),
  key: z.string(),
  n: z.int(),
});
const payload = z.strictObject({ rule: z.enum(rules), box: z.string(), key: z.string(), steps: z.array(programStep) });

/** From tags to nodes. A node is found by it without a way through the state. */
function tags(nodes: Any, context: ReduceContext) {
  return context.index<Any, Any>(nodes, "byTag", (raw) => Object.values<Any>(raw).map((node) => [node.tag, node]));
}

function perform(state: Any, { op, box, other, key, n }: z.infer<typeof programStep>, context: ReduceContext): void {
  const [one, two] = [state.boxes[box], state.boxes[other]];
  switch (op) {
    case "put":
      one[key] = n % 2 === 0 ? { n, in: {} } : n;
      break;
    case "delete":
      delete one[key];
      break;
    case "add":
      state.sums[key] = (state.sums[key] ?? 0) + (typeof one[key] === "number" ? one[key] : 1);
      break;
    case "copy":
      if (one[key] !== undefined) two[keys[n % 3]!] = one[key];
      break;
    case "move": {
      const moved = one[key];
      if (moved === undefined) break;
      delete one[key];
      two[keys[n % 3]!] = moved;
      break;
    }
    case "nest":
      if (typeof one[key] === "object") one[key].in[box] = n;
      break;
    case "push":
      state.list.push(n % 4 === 0 ? { n } : n);
      break;
    case "splice":
      state.list.splice(n % 3, 1, key);
      break;
    case "item":
      if (typeof state.list[0] === "object") state.list[0].n++;
      break;
    case "sort":
      state.list.reverse();
      break;
    case "count":
      state.sums[key] = Object.keys(one).length;
      break;
    case "list":
      state.sums[key] = state.list.length + state.list.indexOf(key);
      break;
    case "tag": {
      const index = tags(state.nodes[box], context);
      if (index.has(key)) break;
      state.nodes[box][`${other}${key}`] = { tag: key, n };
      index.set(key, state.nodes[box][`${other}${key}`]);
      break;
    }
    case "tagLate": {
      // Changes the container first, and then uses its index.
      for (const [id, node] of Object.entries<Any>(state.nodes[box])) if (node.tag === key) delete state.nodes[box][id];
      state.nodes[box][`${other}${key}`] = { tag: key, n };
      tags(state.nodes[box], context).set(key, state.nodes[box][`${other}${key}`]);
      break;
    }
    case "untag":
      for (const [id, node] of Object.entries<Any>(state.nodes[box])) {
        if (node.tag !== key) continue;
        tags(state.nodes[box], context).delete(key);
        delete state.nodes[box][id];
      }
      break;
    case "byTag": {
      const node = tags(state.nodes[box], context).get(key);
      if (node) node.n += n;
      break;
    }
    case "hasTag":
      state.sums[key] = tags(state.nodes[box], context).has(key) ? 1 : 0;
      break;
    case "fail":
      if ((state.sums[key] ?? 0) > 5) throw new Error("too much");
  }
}

const objection = { field: "payload.rule", code: "NO", message: "no" };

const model = defineModel({
  name: "programs",
  version: 1,
  initialState: (): Any => ({
    boxes: { p: {}, q: {}, r: {} },
    sums: {},
    list: [],
    nodes: { p: {}, q: {}, r: {} },
  }),
  invariants: {
    "small sums": (state) => (state.sums.p ?? 0) < 12,
    "few in q": (state) => Object.keys(state.boxes.q).length < 3,
  },
  events: {
    program: {
      payload,
      validate(state, { payload: { rule, box, key } }, context) {
        switch (rule) {
          case "needs":
            return state.boxes[box][key] === undefined ? objection : undefined;
          case "lacks":
            return key in state.boxes[box] ? objection : undefined;
          case "few":
            return Object.values(state.boxes[box]).length > 1 ? objection : undefined;
          case "oddHead":
            return context.head % 2 === 1 ? objection : undefined;
          case "oldest":
            return state.list.includes(key) ? objection : undefined;
          case "tagged":
            return tags(state.nodes[box], context).get(key)?.n > 5 ? objection : undefined;
          default:
            return undefined;
        }
      },
      reduce(state, { payload: { steps } }, context) {
        for (const step of steps) perform(state, step, context);
      },
    },
  },
});

/** A random program that mostly touches little, so that some depend on each other and some do not. */
function propose(seed: number): { type: string; payload: JsonObject } {
  const random = new Random(seed);
  const step = () => ({
    op: random.pick(ops),
    box: random.pick(keys),
    other: random.pick(keys),
    key: random.pick(keys),
    n: random.between(0, 8),
  });
  const steps = Array.from({ length: random.between(1, 2) }, step);
  return {
    type: "program",
    payload: { rule: random.pick(rules), box: random.pick(keys), key: random.pick(keys), steps },
  };
}

export const programs = { model, propose };
