import { bounds } from "../../../src/protocol/bounds.ts";
import type { Arena } from "../arena.ts";
import { type Case, frameBound, only } from "../case.ts";
import { largeEventsLog, largeStateLog } from "../logs.ts";
import { type Answers, type AttackSocket, count, over } from "../socket.ts";

const stateMiB = 5;
const eventBytes = 60_000;
/** Readers of a large state at the same time. */
const readers = 6;
/** What the object may take at all its bounds at once (BD-2). */
const objectMiB = 96;

const largeState = (arena: Arena) => {
  const mebibytes = arena.size(stateMiB, 1);
  return arena.shared(`state-${mebibytes}`, () => largeStateLog(mebibytes));
};
const pages = (arena: Arena) => arena.shared("pages", () => largeEventsLog(arena.size(200, 50), eventBytes));

/** A flood of one kind of request over HTTP. */
const requests = (
  name: string,
  what: string,
  boundBy: string,
  place: (arena: Arena) => string,
  path: string,
): Case => ({
  name,
  what,
  boundBy,
  bound: frameBound,
  tested: true,
  async prepare(arena) {
    const partition = place(arena);
    await arena.load(partition);
    return {
      async strike(who) {
        const { kind } = await arena.http(who, `/v1/partitions/${partition}/${path}`);
        return { frames: 1, answers: { [kind]: 1 } };
      },
      judge: only("200", "rate_limited"),
    };
  },
});

const answered = (answers: Answers): string | undefined => ("no answer" in answers ? "no answer" : undefined);

/** A flood of one kind of message over a socket. */
const messages = (
  name: string,
  what: string,
  boundBy: string,
  place: (arena: Arena) => string,
  ask: (socket: AttackSocket) => Promise<void>,
): Case => ({
  name,
  what,
  boundBy,
  bound: frameBound,
  tested: true,
  async prepare(arena) {
    const partition = place(arena);
    await arena.load(partition);
    return {
      ...over(arena, partition, async (socket) => {
        await ask(socket);
        return { frames: 1, answers: socket.take() };
      }),
      judge: answered,
    };
  },
});

export const reads: readonly Case[] = [
  {
    name: "state-at",
    what: "GET state?at= over 10,000 events of 60 KB",
    boundBy: "`replayEventsMax`, `replayBytesMax`",
    bound: frameBound,
    tested: true,
    async prepare(arena) {
      const events = arena.size(bounds.replayEventsMax, 1_000);
      const partition = arena.shared("replay", () => largeEventsLog(events, arena.size(eventBytes, 2_000)));
      await arena.load(partition);
      return {
        async strike(who) {
          const { kind } = await arena.http(who, `/v1/partitions/${partition}/state?at=${events - 1}`);
          return { frames: 1, answers: { [kind]: 1 } };
        },
        judge: only("200", "too_expensive", "rate_limited"),
      };
    },
  },
  requests("flood-state", "GET state of 5 MiB", "`limits.reads`", largeState, "state"),
  requests("flood-events", "GET events, pages of 1 MiB", "`pageBytesMax`, `limits.reads`", pages, "events?limit=1000"),
  messages("flood-sync", "`sync`, pages of 1 MiB", "`pageBytesMax`, `limits.reads`", pages, (socket) =>
    socket.ask("sync", { sinceEventId: 0, limit: bounds.pageEventsMax }),
  ),
  {
    name: "flood-connect",
    what: "Connections, each with the state of 5 MiB",
    boundBy: "`inlineStateBytesMax`, `limits.reads`",
    bound: frameBound,
    tested: true,
    async prepare(arena) {
      const partition = largeState(arena);
      await arena.load(partition);
      return {
        async strike(who) {
          const socket = await arena.connect(partition, who, { initialState: true });
          socket.end();
          return { frames: 1, answers: socket.answers };
        },
        judge: answered,
      };
    },
  },
  messages(
    "flood-hash",
    "`hash` of a state of 5 MiB, at each event",
    "`hashStateBytesMax`; once a second and event",
    largeState,
    async (socket) => {
      const event = { type: "set", payload: { target: "small", value: 1 } };
      await socket.ask("submit_event", { draftId: crypto.randomUUID(), event });
      await socket.ask("hash", {});
    },
  ),
  {
    name: "six-readers",
    what: `${readers} readers of a state of 5 MiB at the same time`,
    boundBy: "`limits.reads`; the state goes out in pieces",
    bound: { cpuMs: frameBound.cpuMs, memoryMiB: objectMiB },
    async prepare(arena) {
      const partition = largeState(arena);
      await arena.load(partition);
      return {
        async strike(who) {
          const answers: Answers = {};
          const path = `/v1/partitions/${partition}/state`;
          const all = await Promise.all(Array.from({ length: readers }, () => arena.http(who, path)));
          for (const { kind } of all) count(answers, kind);
          return { frames: readers, answers };
        },
        judge: only("200", "rate_limited"),
      };
    },
  },
];
