import { type IncomingMessage, request } from "node:http";
import { setTimeout as sleep } from "node:timers/promises";
import { bounds } from "../../../src/protocol/bounds.ts";
import type { Arena } from "../arena.ts";
import { type Case, only } from "../case.ts";
import { largeEventsLog } from "../logs.ts";
import { type Answers, count } from "../socket.ts";
import type { Principal } from "../tokens.ts";

const eventBytes = 60_000;
/** Events of a page of 1 MiB. */
const pageEvents = Math.floor(bounds.pageBytesMax / eventBytes);
/** How often, and how long, a client that reads nothing asks for a page. */
const unreadEveryMs = 10;
const unreadMs = 4_000;
/** Pages that a reader asks for at once: it shows nothing of what it reads, so they come at `readBytesPerSecond`. */
const pipelined = 50;
const pipelinedMs = 60_000;
/** Each is an object of its own, with a database of its own, which takes the disk some time. */
const names = 800;
/** What the object of such a name may take, above one that only opens its database. */
const nameMiB = 1 / 8;
const namesAtOnce = 20;
/** The platform evicts an idle object after ten seconds. */
const evictedMs = 14_000;

const pages = (arena: Arena) => arena.shared("pages", () => largeEventsLog(arena.size(200, 50), eventBytes));

/** Opens a stream of the log; returns the status, and a function that ends it. */
function stream({ url }: Arena, partition: string, { token }: Principal): Promise<{ status: number; end(): void }> {
  const address = new URL(`/v1/partitions/${partition}/events/stream`, url);
  return new Promise((resolve, reject) => {
    const asked = request(address, { headers: { authorization: `Bearer ${token}` }, agent: false });
    asked.on("error", reject);
    asked.on("response", (response: IncomingMessage) => {
      response.on("error", () => {});
      response.resume();
      resolve({ status: response.statusCode!, end: () => asked.destroy() });
    });
    asked.end();
  });
}

/** Reads the log of `total` names that were never used. */
async function readNames(
  arena: Arena,
  who: Principal,
  total: number,
  path = (name: string) => `/v1/partitions/${name}/events`,
): Promise<Answers> {
  const answers: Answers = {};
  let left = total;
  const reader = async () => {
    while (left-- > 0) count(answers, (await arena.http(who, path(arena.fresh("name")))).kind);
  };
  await Promise.all(Array.from({ length: namesAtOnce }, reader));
  return answers;
}

export const readers: readonly Case[] = [
  {
    name: "unread-sync",
    what: `\`sync\` every ${unreadEveryMs} ms, pages of 1 MiB, by a client that reads nothing, for ${unreadMs / 1_000} s`,
    boundBy: "`outstandingBytesPerConnectionMax`",
    bound: { memoryMiB: 64 },
    rounds: 1,
    beside: false,
    tested: true,
    async prepare(arena) {
      const partition = pages(arena);
      await arena.load(partition);
      return {
        async strike(who) {
          const socket = await arena.connect(partition, who);
          socket.pause();
          let frames = 0;
          const until = performance.now() + arena.size(unreadMs, 1_000);
          for (; performance.now() < until && socket.closed === undefined; frames++) {
            socket.send(socket.frame("sync", { sinceEventId: 0, limit: bounds.pageEventsMax }));
            await sleep(unreadEveryMs);
          }
          socket.end();
          return { frames, answers: socket.answers };
        },
      };
    },
  },
  {
    name: "pipelined-reader",
    what: `A client that asks for ${pipelined} pages of 1 MiB at once, and reads them, is served`,
    boundBy: "`readBytesPerSecond`: its frames wait, and it is not ended",
    bound: { memoryMiB: 96 },
    again: true,
    rounds: 1,
    beside: false,
    tested: true,
    async prepare(arena) {
      const wanted = arena.size(pipelined, 8);
      const partition = arena.shared("many-pages", () => largeEventsLog((wanted + 1) * pageEvents, eventBytes));
      await arena.load(partition);
      return {
        async strike(who) {
          const socket = await arena.connect(partition, who);
          for (let page = 0; page < wanted; page++) {
            socket.send(socket.frame("sync", { sinceEventId: page * pageEvents, limit: bounds.pageEventsMax }));
          }
          await socket.answered(1 + wanted, pipelinedMs);
          socket.end();
          return { frames: wanted, answers: socket.answers };
        },
        judge: ({ sync_response: served = 0, rate_limited: limited = 0 }) =>
          served + limited === wanted && served > 0 ? undefined : `${served} pages of ${wanted}`,
      };
    },
  },
  {
    name: "stream-places",
    what: `One principal opens ${bounds.streamsMax + 10} streams; another one needs a place`,
    boundBy: "`streamsPerPrincipalMax`",
    bound: { memoryMiB: 32 },
    rounds: 1,
    beside: false,
    tested: true,
    async prepare(arena) {
      const partition = pages(arena);
      await arena.load(partition);
      const open: (() => void)[] = [];
      return {
        async strike(who) {
          const answers: Answers = {};
          const frames = bounds.streamsMax + 10;
          for (let at = 0; at < frames; at++) {
            const { status, end } = await stream(arena, partition, who);
            count(answers, String(status));
            open.push(end);
          }
          return { frames, answers };
        },
        judge: only("200", "429"),
        async aftermath() {
          const { status, end } = await stream(arena, partition, await arena.attacker());
          end();
          return status === 200 ? undefined : `another principal's stream is answered ${status}`;
        },
        end() {
          for (const end of open) end();
        },
      };
    },
  },
  {
    name: "read-names",
    what: `${names.toLocaleString("en")} names that are only read`,
    boundBy: "an object without a log keeps no timer and no promise, and is evicted",
    bound: { memoryMiB: names * nameMiB },
    rounds: 1,
    beside: false,
    floor: (arena, who) => readNames(arena, who, names, (name) => `/bare-object?name=${name}`),
    async prepare(arena) {
      const total = arena.size(names, 300);
      let [before, first] = [0, 0];
      return {
        async strike(who) {
          before = arena.meter.residentMiB;
          const answers = await readNames(arena, who, total);
          first = arena.meter.residentMiB - before;
          return { frames: total, answers };
        },
        judge: only("200"),
        async aftermath() {
          await sleep(evictedMs);
          // What is evicted makes room for others.
          await readNames(arena, await arena.attacker(), total);
          const second = arena.meter.residentMiB - before - first;
          return second < first / 2 ? undefined : `as many again take ${second.toFixed(0)} MiB more`;
        },
      };
    },
  },
];
