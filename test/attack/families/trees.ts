import type { Arena } from "../arena.ts";
import { type Case, frameBound, only, removedNodeMs } from "../case.ts";
import { treeLog } from "../logs.ts";
import { type AttackSocket, over } from "../socket.ts";

/** The drafts of the largest batch that a principal's burst allows. */
const moves = 250;

const update = (text: string) => ({
  type: "treeUpdate",
  payload: { target: "t", value: { text }, options: { id: "b" } },
});
const move = (at: number) => ({
  type: "treeMove",
  payload: { target: "t", options: { id: "a", parent: at % 2 === 0 ? "b" : "c" } },
});
const remove = (id: string) => ({ type: "treeDelete", payload: { target: "t", options: { id } } });

function tree(arena: Arena, nodes: number): string {
  return arena.prepared(`tree-${nodes}`, () => treeLog(nodes));
}

/** Sends one batch. */
async function batch(socket: AttackSocket, events: readonly object[]) {
  const id = crypto.randomUUID();
  await socket.ask("submit_events", {
    batchId: id,
    mode: "atomic",
    events: events.map((event, at) => ({ draftId: `${id}-${at}`, event })),
  });
  return { frames: 1, answers: socket.take() };
}

const moving = (nodes: number, quickNodes: number): Case => ({
  name: `tree-move-${nodes / 1_000}k`,
  what: `${moves} moves of a subtree of ${nodes.toLocaleString("en")} nodes, in one frame`,
  boundBy: "`batchWorkMax`; a move costs what it changes",
  bound: frameBound,
  tested: nodes === 20_000,
  async prepare(arena) {
    const partition = tree(arena, arena.size(nodes, quickNodes));
    await arena.load(partition, update("loaded"));
    return {
      ...over(arena, partition, (socket) =>
        batch(
          socket,
          Array.from({ length: moves }, (_, at) => move(at)),
        ),
      ),
      judge: only("accepted", "rate_limited"),
    };
  },
});

const deleting = (nodes: number): Case => ({
  name: `tree-delete-${nodes / 1_000}k`,
  what: `treeDelete of ${nodes.toLocaleString("en")} nodes`,
  boundBy: "5 µs a removed node",
  bound: { cpuMs: Math.max(frameBound.cpuMs, nodes * removedNodeMs) },
  rounds: 2,
  beside: false,
  async prepare(arena) {
    const partition = tree(arena, nodes);
    await arena.load(partition, update("loaded"));
    return { ...over(arena, partition, (socket) => batch(socket, [remove("a")])), judge: only("accepted") };
  },
});

const nodes = 20_000;
const nodesMost = 100_000;

export const trees: readonly Case[] = [
  moving(nodes, 2_000),
  moving(nodesMost, 2_000),
  deleting(nodes),
  deleting(nodesMost),
  {
    name: "rejected-delete",
    what: `A rejected batch that deletes ${nodes.toLocaleString("en")} nodes first`,
    boundBy: "5 µs a removed node, and as much for its undo; `rejectedWorkFactor`",
    // Each takes longer than a hundredth of four seconds; the rate of the principal allows few of them.
    besideMs: 40_000,
    bound: { cpuMs: 2 * nodes * removedNodeMs },
    tested: true,
    async prepare(arena) {
      const partition = tree(arena, arena.size(nodes, 2_000));
      await arena.load(partition, update("loaded"));
      return {
        ...over(arena, partition, (socket) => batch(socket, [remove("a"), remove("nowhere")])),
        judge: only("validation_failed", "rate_limited"),
      };
    },
  },
  {
    name: "first-tree-event",
    what: `The first tree event after a load of ${nodesMost.toLocaleString("en")} nodes`,
    boundBy: "an index that is built in one pass",
    bound: frameBound,
    rounds: 2,
    beside: false,
    async prepare(arena) {
      const partition = tree(arena, arena.size(nodesMost, 2_000));
      await arena.load(partition);
      return { ...over(arena, partition, (socket) => batch(socket, [update("first")])), judge: only("accepted") };
    },
  },
  {
    name: "rejected-index",
    what: `Rejected batches that replace a tree of ${nodesMost.toLocaleString("en")} nodes, each followed by a tree event`,
    boundBy: "an undo that keeps the indexes",
    bound: frameBound,
    tested: true,
    async prepare(arena) {
      const partition = tree(arena, arena.size(nodesMost, 2_000));
      await arena.load(partition, update("loaded"));
      return {
        ...over(arena, partition, async (socket) => {
          const push = { type: "treePush", payload: { target: "t", value: { id: "x" } } };
          const rejected = await batch(socket, [push, move(0), remove("nowhere")]);
          const followed = await batch(socket, [update(crypto.randomUUID())]);
          return { frames: 2, answers: { ...rejected.answers, ...followed.answers } };
        }),
        judge: only("validation_failed", "accepted", "rate_limited"),
      };
    },
  },
];
