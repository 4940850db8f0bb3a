import { statSync } from "node:fs";
import { bounds } from "../../../src/protocol/bounds.ts";
import type { Arena } from "../arena.ts";
import { type Case, frameBound, only } from "../case.ts";
import { databaseOf } from "../prepared.ts";
import { type Answers, count } from "../socket.ts";
import type { Principal } from "../tokens.ts";

/** Containers of one event: `{},` takes three bytes. */
const containers = 20_000;
/** More than a state can hold. */
const fillingsMax = 390;
/** What the object may take at all its bounds at once (BD-2). */
const objectMiB = 96;
const readers = 6;
/** Reads of other partitions, after which the process has the size at which it works. */
const warmReads = 30;
const rejections = 300;
/** What the rejections of one principal may take on the disk, with the log of SQLite. */
const storedMiB = 32;

/** Fills the state with empty containers until it is refused. */
async function fill(arena: Arena, who: Principal, partition: string): Promise<{ sent: number; answers: Answers }> {
  const answers: Answers = {};
  const value = Array.from({ length: containers }, () => ({}));
  let sent = 0;
  for (let kind = "201"; sent < fillingsMax && kind === "201"; sent++) {
    const event = { type: "set", payload: { target: `e${sent}`, value, options: { replace: true } } };
    ({ kind } = await arena.submit(who, partition, `fill-${sent}`, event));
    count(answers, kind);
  }
  return { sent, answers };
}

/** A batch whose rejection is several times as large as itself: each of its drafts has a problem of its own. */
const wrongBatch = (key: string): object => ({
  mode: "atomic",
  events: Array.from({ length: bounds.batchEventsMax }, (_, at) => ({
    draftId: `${key}-${at}`,
    event: { type: "treeDelete", payload: { target: "nothing", options: { id: "x" } } },
  })),
});

const megabytesOf = (file: string): number =>
  [file, `${file}-wal`].reduce((sum, name) => sum + (statSync(name, { throwIfNoEntry: false })?.size ?? 0), 0) /
  1_024 /
  1_024;

export const storage: readonly Case[] = [
  {
    name: "empty-objects",
    what: "A state of empty objects up to its bound; then a load, six readers, and a draft that shrinks it",
    boundBy: "`stateBytesMax`, the weight of a state",
    bound: { memoryMiB: objectMiB },
    rounds: 1,
    beside: false,
    async prepare(arena) {
      const partition = arena.fresh("empty");
      const who = await arena.unlimited();
      return {
        async strike() {
          const { sent, answers } = await fill(arena, who, partition);
          return { frames: sent, answers };
        },
        judge: (answers) => ("state_too_large" in answers ? undefined : "the state is not refused"),
        async aftermath() {
          await arena.server.restart();
          // What the process takes before it serves anything, and its code compiled, is no part of it.
          const small = await arena.unlimited();
          for (let at = 0; at < warmReads; at++)
            await arena.http(small, `/v1/partitions/${arena.fresh("small")}/state`);
          await arena.meter.settle();
          arena.meter.resetPeak();
          const before = arena.meter.residentMiB;
          const state = () => arena.http(who, `/v1/partitions/${partition}/state`);
          const read = await Promise.all(Array.from({ length: readers }, state));
          const answers: Answers = {};
          for (const { kind } of read) count(answers, kind);
          const unset = { type: "unset", payload: { target: "e0" } };
          const shrunk = await arena.submit(who, partition, "shrink", unset);
          const growth = arena.meter.peakMiB - before;
          const wrong = [
            ...(shrunk.status === 201 ? [] : [`what shrinks it is answered ${shrunk.kind}`]),
            ...(Object.keys(answers).join() === "200" ? [] : [`readers are answered ${Object.keys(answers).join()}`]),
            ...(growth <= objectMiB ? [] : [`a load and ${readers} readers take ${growth.toFixed(0)} MiB`]),
          ];
          return wrong.length === 0 ? undefined : wrong.join("; ");
        },
      };
    },
  },
  {
    name: "replay-full",
    what: "A replay of an accepted draft in a partition whose state is full",
    boundBy: "the stored answer comes before every refusal (BD-6)",
    bound: {},
    rounds: 1,
    beside: false,
    async prepare(arena) {
      const partition = arena.fresh("full");
      const who = await arena.unlimited();
      const small = { type: "set", payload: { target: "n", value: 1 } };
      const first = await arena.submit(who, partition, "first", small);
      await fill(arena, who, partition);
      let wrong: string | undefined;
      return {
        async strike() {
          const again = await arena.submit(who, partition, "first", small);
          if (!again.body.equals(first.body)) wrong = `a replay is answered ${again.kind}`;
          return { frames: 1, answers: { [again.kind]: 1 } };
        },
        judge: () => wrong,
      };
    },
  },
  {
    name: "many-rejections",
    what: `${rejections} rejections of atomic batches of ${bounds.batchEventsMax} drafts, of one principal`,
    boundBy: "`rejectionBytesPerPrincipalMax`, `rejectionsPerPrincipalMax`",
    bound: { cpuMs: frameBound.cpuMs, memoryMiB: objectMiB },
    again: true,
    rounds: 1,
    beside: false,
    async prepare(arena) {
      const partition = arena.fresh("rejections");
      const founder = await arena.unlimited();
      await arena.submit(founder, partition, "first", { type: "set", payload: { target: "n", value: 1 } });
      let principals = 0;
      return {
        async strike() {
          const who = await arena.unlimited();
          principals++;
          const answers: Answers = {};
          for (let at = 0; at < rejections; at++) {
            count(answers, (await arena.submit(who, partition, `r${at}`, wrongBatch(`r${at}`))).kind);
          }
          return { frames: rejections, answers };
        },
        judge: only("200", "rate_limited"),
        async aftermath() {
          const stored = megabytesOf(databaseOf(arena.folder, partition, "unlimited"));
          return stored < storedMiB * principals ? undefined : `${stored.toFixed(0)} MiB are stored`;
        },
      };
    },
  },
];
