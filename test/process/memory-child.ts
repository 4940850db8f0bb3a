import { getHeapStatistics } from "node:v8";
import * as z from "zod/mini";
import { type AnyModel, defineModel } from "../../src/model/index.ts";
import { type Author, bounds, type Json } from "../../src/protocol/index.ts";
import { Connection } from "../../src/shell/connection.ts";
import { EventSink } from "../../src/shell/event-sink.ts";
import { NodeSqlDriver } from "../../src/storage/node.ts";
import { generousTenant, TestShell, turn } from "../support/shell.ts";

/**
 * A process of its own, `memory-child.ts <shape> <file> fill|load`: brings the production shell to all its bounds at
 * once, or loads what that has stored, and prints the most memory that it has taken on the way, as JSON.
 */
const [shape = "", file = "", mode = ""] = process.argv.slice(2);

const model = defineModel({
  name: "memory",
  version: 1,
  initialState: () => ({ at: {} as Record<string, Json>, flat: {} as Record<string, Json>, ticks: 0 }),
  events: {
    put: {
      payload: z.object({ key: z.string(), value: z.unknown() }),
      reduce(state, { payload }) {
        state.at[payload.key] = payload.value as Json;
      },
    },
    merge: {
      payload: z.object({ values: z.unknown() }),
      reduce(state, { payload }) {
        Object.assign(state.flat, payload.values);
      },
    },
    drop: {
      payload: z.object({ key: z.string() }),
      reduce(state, { payload }) {
        delete state.at[payload.key];
      },
    },
    guarded: {
      payload: z.object({ key: z.string() }),
      entity: ({ payload }) => payload.key,
      conflict: "reject",
      reduce(state) {
        state.ticks++;
      },
    },
    tick: {
      payload: z.object({ text: z.string() }),
      reduce(state) {
        state.ticks++;
      },
    },
  },
});

/** What a draft of each shape adds to the state: about 50 KB of text. */
const shapes: Record<string, (at: number) => { type: string; payload: object }> = {
  tree: (at) => ({
    type: "put",
    payload: {
      key: `page-${at}`,
      value: Array.from({ length: 500 }, (_, item) => {
        return {
          id: `node-${at * 500 + item}`,
          parentId: `node-${at * 60 + item}`,
          name: `Node ${item}`,
          kind: "file",
        };
      }),
    },
  }),
  flat: (at) => ({
    type: "merge",
    payload: {
      values: Object.fromEntries(Array.from({ length: 3_000 }, (_, item) => [`k${at * 3_000 + item}`, item])),
    },
  }),
  empty: (at) => ({ type: "put", payload: { key: `e${at}`, value: Array.from({ length: 17_000 }, () => ({})) } }),
  kinds: (at) => ({
    type: "put",
    payload: {
      key: `e${at}`,
      value: Array.from({ length: 4_000 }, (_, item) => ({ [`_${(at * 4_000 + item).toString(36)}`]: 1 })),
    },
  }),
  text: (at) => ({ type: "put", payload: { key: `t${at}`, value: String(at % 10).repeat(50_000) } }),
  half: (at) => ({ type: "put", payload: { key: `t${at}`, value: String(at % 10).repeat(50_000) } }),
  wide: (at) => ({ type: "put", payload: { key: `t${at}`, value: "木".repeat(18_000) } }),
};
/** A frame that takes as much memory as one of its size can. */
const worst = { type: "merge", payload: { values: { never: Array.from({ length: 20_000 }, () => ({})) } } };

const mebi = 1024 * 1024;
let peak = 0;
let peakLive = 0;
const stages: Record<string, number> = {};
const growth: Record<string, number> = {};
let last = 0;

/** What the process takes of what an isolate counts: its heap, and the buffers and strings outside of it. */
function sample(): void {
  const { used_heap_size, external_memory } = getHeapStatistics();
  peak = Math.max(peak, used_heap_size + external_memory);
}

/** The same without garbage, at the end of a stage. */
function stage(name: string): void {
  sample();
  globalThis.gc!();
  const { used_heap_size, external_memory } = getHeapStatistics();
  const now = (used_heap_size + external_memory) / mebi;
  stages[name] = Math.round(now * 10) / 10;
  // Of a stage that comes again, all that it has added.
  growth[name] = Math.round(((growth[name] ?? 0) + now - last) * 10) / 10;
  last = now;
  peakLive = Math.max(peakLive, used_heap_size + external_memory);
}

/** Takes samples while the partition reads and writes. */
class SampledDriver extends NodeSqlDriver {
  live = false;
  #queries = 0;

  override query(...args: Parameters<NodeSqlDriver["query"]>): ReturnType<NodeSqlDriver["query"]> {
    const rows = super.query(...args);
    if (++this.#queries % 16 !== 0) return rows;
    if (this.live) stage("load");
    else sample();
    return rows;
  }
}

const author = (principal: string): Author => ({ principal, permissions: "all" });

/** Lets the promises and immediate work run. */
async function turns(count = 3): Promise<void> {
  for (let at = 0; at < count; at++) await turn();
}

/** Bodies whose readers take a piece when they are asked to. */
const bodies: { take(): void; readonly pieces: number }[] = [];
function openBody() {
  let taken = () => {};
  let pieces = 0;
  bodies.push({
    take: () => taken(),
    get pieces() {
      return pieces;
    },
  });
  const write = () =>
    new Promise<void>((resolve) => {
      pieces++;
      taken = resolve;
    });
  const none = async () => {};
  return {
    readable: new ReadableStream<Uint8Array>(),
    writer: { write, close: none, abort: none, closed: new Promise(() => {}) },
  };
}

const driver = new SampledDriver(file);
driver.live = mode === "load";
stage("start");
const room = new TestShell({
  driver,
  model: model as unknown as AnyModel,
  openBody,
  tenant: generousTenant,
  // A verifier that does not answer: frames wait for it.
  verify: () => new Promise(() => {}),
});
const { shell } = room;
driver.live = false;
stage("opened");

let requests = 0;
/** The small messages that have come lately. */
let answers = "";
async function open(principal: string, connect: object | undefined = {}): Promise<Connection> {
  const connection = await shell.connect(author(principal), false, () => ({
    send: (frame) => {
      const kind =
        /"code":"(\w+)"/.exec(frame.slice(0, 1_000))?.[1] ?? /"type":"(\w+)"/.exec(frame.slice(0, 200))?.[1] ?? "";
      count(kind);
      if (frame.length > 4 * mebi) stage("inline state");
      if (frame.length < 1_000) answers += frame;
      else for (const word of ["event_accepted", "state_too_large"]) if (frame.includes(word)) answers += word;
      sample();
    },
    end: (code, reason) => {
      count(`end ${code} ${reason}`);
    },
    save: () => {},
    lastSignOfLife: () => room.now,
  }));
  if (!(connection instanceof Connection)) throw new Error(connection.body);
  if (connect) say(connection, "connect", { version: "partita-1", clientId: principal, frames: "array", ...connect });
  return connection;
}
async function openUnverified(): Promise<Connection> {
  const opened = await shell.connect(undefined, true, () => ({
    send: sample,
    end: (code, reason) => void count(`end ${code} ${reason}`),
    save: () => {},
    lastSignOfLife: () => 0,
  }));
  if (!(opened instanceof Connection)) throw new Error(opened.body);
  return opened;
}
function say(connection: Connection, type: string, payload: object): void {
  shell.receive(connection, JSON.stringify({ id: `m-${++requests}`, type, timestamp: 0, payload }));
}
let drafts = 0;
const submit = (connection: Connection, event: object, more: object = {}) =>
  say(connection, "submit_event", { draftId: `d-${process.pid}-${++drafts}`, event, ...more });

const asking = { traceId: "a".repeat(32) };
/** What can be dropped of the state. */
const keys = ["page-1", "e1", "t1", "page-2", "e2", "t2"].filter(
  (key) => shape === "flat" || key.startsWith(shapeKey()),
);
function shapeKey(): string {
  const key = (shapes[shape]!(0).payload as { key?: string }).key ?? "e";
  return key.replace(/\d+$/, "");
}
/** How often each code and kind of answer has come. */
const counts: Record<string, number> = {};
function count(kind: string): void {
  counts[kind] = (counts[kind] ?? 0) + 1;
}

if (mode === "fill") {
  const answered = () => answers.includes("event_accepted") || answers.includes("state_too_large");
  // The state, up to its bound.
  const burst = ["text", "wide", "half"].includes(shape) ? 64 : 4;
  // Half of it is as much as fits beside its text.
  const drafts = shape === "half" ? 300 : Infinity;
  for (let at = 0; at < drafts && !answers.includes("state_too_large");) {
    answers = "";
    const writer = await open("writer", { echo: false });
    await turns();
    // One first: until the tenant has counted the partition, frames wait.
    for (const end = at + (at === 0 ? 1 : burst); at < end; at++) submit(writer, shapes[shape]!(at));
    // As many turns as it takes.
    for (let turn = 0; turn < 100 && !answered(); turn++) {
      await turns();
      room.elapse(1_000);
    }
    room.elapse(1_000);
    shell.disconnected(writer);
    await turns();
    if (!answered()) throw new Error(`nothing was accepted: ${answers.slice(0, 900)}`);
  }
  stage("state");
}

const head = () => driver.query("SELECT max(event_id) AS head FROM events")[0]!["head"] as number;

if (mode === "fill") {
  // The newest events, which checks of conflicts read.
  const writer = await open("writer", { echo: false });
  await turns();
  for (let at = 0; at < 40; at++) submit(writer, { type: "tick", payload: { text: "é→".repeat(10_000) } });
  room.elapse(0);
  submit(writer, { type: "guarded", payload: { key: "k" } }, { expectedEventId: head() - 30 });
  room.elapse(0);
  stage("recent events");

  // 1,000 connections, of which 256 show something.
  const connections: Connection[] = [];
  for (let at = 0; at < 1_000; at++) {
    const connection = await open(`person-${at % 250}`, { presence: true });
    await turns(1);
    room.elapse(0);
    if (at < bounds.peersMax) say(connection, "presence", { state: { cursor: "x".repeat(1_900), at } });
    connections.push(connection);
  }
  await turns();
  room.elapse(bounds.presenceIntervalMs);
  // What was sent to them counts as read in time.
  room.elapse(60_000);
  stage("connections");

  // The state as one message, for a client that does not ask for chunks, beside frames that wait for their windows.
  await open("old", { initialState: true });
  for (let at = 0; at < 40; at++) submit(connections[at]!, worst);
  await turns();
  for (let window = 0; window < 20; window++) {
    room.elapse(1);
    await turns(1);
  }
  stage("waiting frames");
  // The same again while all of that is unread: refused.
  await open("late", { initialState: true });
  room.elapse(60_000);

  // Streams of the log whose readers read nothing.
  const streams: EventSink[] = [];
  for (let at = 0; at < bounds.streamsMax; at++) {
    const opened = shell.stream({ kind: "events", author: author(`reader-${at}`), since: 0 }, undefined);
    await turns(1);
    room.elapse(0);
    const stream = await opened;
    if (!(stream instanceof EventSink)) throw new Error(stream.body);
    streams.push(stream);
  }
  await turns();
  stage("streams");

  // A snapshot that is being written, and readers of the state that have taken a piece.
  const alarm = room.alarm();
  for (let at = 0; at < 3; at++) {
    await turns();
    room.elapse(0);
  }
  stage("snapshot");
  for (let at = 0; at < 6; at++) {
    const read = await shell.readState(undefined, { ...asking, reader: author(`reader-${at}`) });
    count(`state ${read.status} ${typeof read.body}`);
    await turns();
    stage("readers");
    // What changes is kept for each of them.
    submit(writer, { type: "drop", payload: { key: keys[at % keys.length]! } });
    submit(writer, shapes[shape]!(10_000 + at));
    room.elapse(0);
  }
  for (const { take } of bodies.slice(-6)) take();
  await turns();
  stage("changes");

  // Frames that wait for a token.
  const waiting: Connection[] = [];
  for (let at = 0; at < bounds.unauthenticatedMax; at++) {
    const connection = await openUnverified();
    say(connection, "connect", { version: "1", clientId: "c", token: "t" });
    say(connection, "presence", { state: "→".repeat(30_000 / 3) });
    say(connection, "presence", { state: "→".repeat(50_000 / 3) });
    say(connection, "presence", { state: "→".repeat(50_000 / 3) });
    waiting.push(connection);
  }
  stage("held frames");

  const light = { type: "tick", payload: { text: "" } };
  for (let at = 0; at < 10; at++) submit(connections[at]!, light);

  // Full queues: many frames at once, each as heavy as one of its size can be, and then light ones.
  for (let at = 0; at < 40; at++) submit(connections[at]!, worst);
  stage("queue");
  for (let at = 0; at < 16_000; at++) submit(connections[at % connections.length]!, light);
  stage("queue of refusals");
  for (let at = 0; at < 10; at++) submit(connections[at]!, { type: "tick", payload: { text: "é→".repeat(10_000) } });
  stage("unread");

  room.elapse(0);
  sample();
  await turns();
  stage("windows");
  const written = new AbortController();
  void alarm.then(() => written.abort());
  while (!written.signal.aborted) {
    for (const { take } of bodies) take();
    await turns(1);
    room.elapse(1);
  }
  stage("end");
}
console.log(JSON.stringify({ shape, mode, peak: peak / mebi, peakLive: peakLive / mebi, counts, stages, growth }));
