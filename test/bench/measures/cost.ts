import type { AnyModel } from "../../../src/model/index.ts";
import { insieme } from "../../../src/models/insieme/index.ts";
import { type Author, bounds, defaultLimits, noLimits } from "../../../src/protocol/index.ts";
import { single } from "../../../src/core/index.ts";
import { generousTenant, type ShellConnection, TestShell, turn } from "../../support/shell.ts";
import { BilledDriver } from "../billed-driver.ts";
import { type Bench, figure, type Row } from "../bench.ts";
import { spread } from "../stats.ts";

/**
 * List prices in dollars: https://developers.cloudflare.com/durable-objects/platform/pricing and
 * https://developers.cloudflare.com/workers/platform/pricing, read on 2026-11-28. Nothing that a plan includes is taken off.
 */
const prices = {
  request: 0.15 / 1e6,
  gigabyteSecond: 12.5 / 1e6,
  rowWritten: 1 / 1e6,
  rowRead: 0.001 / 1e6,
  workerRequest: 0.3 / 1e6,
  workerCpuMs: 0.02 / 1e6,
};
/** Incoming messages of a WebSocket that are billed as one request. */
const messagesPerRequest = 20;
/** What an object is billed with, whatever it uses. */
const objectGigabytes = 0.128;
/** How long a commit keeps its object busy in production, in milliseconds: the middle of 5 to 13. Local runs do not show it. */
const commitMs = 9;
/** CPU of one send to a socket, in milliseconds, whatever its size: measured on workerd. Here a send costs nothing. */
const sendMs = 0.015;
/** CPU of the Worker for one request, in milliseconds: routes, a token, the call. */
const workerMs = 1;

const events = 1e6;
const readers = 100;
/** Bytes of frames after which our client acknowledges. */
const ackBytes = 512 * 1024;
const author: Author = { principal: "writer", permissions: "all" };

/** What a shape has used, in the unit that is billed. */
interface Used {
  events: number;
  rowsWritten: number;
  rowsRead: number;
  messages: number;
  requests: number;
  commits: number;
  cpuMs: number;
}

/** A partition on storage that counts, under the usual limits if `limited`. */
class Billed {
  readonly driver = new BilledDriver();
  readonly room: TestShell;
  messages = 0;
  requests = 0;
  readonly #connections: ShellConnection[] = [];
  #nodes = 0;

  constructor(limited: boolean) {
    const limits = limited ? defaultLimits : noLimits;
    this.room = new TestShell({ driver: this.driver, limits, tenant: generousTenant, model: insieme as AnyModel });
  }

  async open(clientId: string): Promise<ShellConnection> {
    const connection = await this.room.open({ ...author, principal: clientId });
    this.#connections.push(connection);
    connection.send("connect", { clientId, version: "1", echo: false, frames: "array", credit: bounds.creditBytesMax });
    return connection;
  }

  /** A draft of about 300 bytes. */
  draft() {
    const id = `node-${this.#nodes++}`;
    const event = { type: "treePush", payload: { target: "tree", value: { id, text: "x".repeat(120) } } };
    const draftId = `0192d5f0-0000-7000-8000-${id.padStart(12, "0")}`;
    return { id: draftId, type: "submit_event", timestamp: 0, payload: { draftId, event } };
  }

  /** How many frames were sent to connections. */
  get #sends(): number {
    return this.#connections.reduce((sum, { frames }) => sum + frames.length, 0);
  }

  send(connection: ShellConnection, frame: string): void {
    this.messages++;
    connection.raw(frame);
  }

  /** Lets time pass, with the alarms that are due. */
  async pass(ms: number): Promise<void> {
    this.room.elapse(ms);
    // What was asked of the tenant comes about.
    await turn();
    const { armedAt, now } = this.room;
    if (armedAt === undefined || armedAt > now) return;
    this.requests++;
    const alarm = { runs: true };
    void this.room.alarm().finally(() => (alarm.runs = false));
    for (; alarm.runs; await turn()) this.room.elapse(1);
  }

  /** Runs `body`, and returns what it has used: without the creation of the log. */
  async used(count: number, body: () => Promise<void>): Promise<Used> {
    const { driver, room } = this;
    const before = { alarms: room.alarmsSet, sends: this.#sends, cpu: process.cpuUsage() };
    const { rowsWritten, rowsRead, commits } = driver;
    await body();
    const { user, system } = process.cpuUsage(before.cpu);
    const committed = Number(driver.query("SELECT COUNT(*) AS n FROM events")[0]!["n"]) - 1;
    if (committed < count) throw new Error(`${committed} events of ${count} were committed`);
    return {
      events: committed,
      rowsWritten: driver.rowsWritten - rowsWritten + room.alarmsSet - before.alarms,
      rowsRead: driver.rowsRead - rowsRead,
      messages: this.messages,
      requests: this.requests,
      commits: driver.commits - commits,
      cpuMs: (user + system) / 1_000 + (this.#sends - before.sends) * sendMs,
    };
  }
}

async function begun(limited: boolean, count = 1): Promise<{ billed: Billed; writers: ShellConnection[] }> {
  const billed = new Billed(limited);
  const writers = [];
  for (let at = 0; at < count; at++) writers.push(await billed.open(`writer-${at}`));
  const init = { id: "init", type: "submit_event", timestamp: 0 };
  const event = { type: "init", payload: { value: { tree: { items: {}, tree: [] } } } };
  writers[0]!.raw(JSON.stringify({ ...init, payload: { draftId: "init", event } }));
  for (let at = 0; at < 5; at++) {
    await billed.pass(1);
  }
  billed.messages = billed.requests = 0;
  return { billed, writers };
}

/** One event a frame, one every 60 ms; `listening`: how many connections receive it. */
async function lone(count: number, listening: number): Promise<Used> {
  const { billed, writers } = await begun(true);
  const others: ShellConnection[] = [];
  for (let at = 0; at < listening; at++) others.push(await billed.open(`reader-${at}`));
  let [sent, acked] = [0, 0];
  return await billed.used(count, async () => {
    for (let at = 0; at < count; at++) {
      const before = others[0]?.frames.length ?? 0;
      billed.send(writers[0]!, JSON.stringify(billed.draft()));
      for (const frame of others[0]?.frames.slice(before) ?? []) sent += frame.length;
      if (sent - acked > ackBytes) {
        acked = sent;
        for (const reader of others) billed.send(reader, ackOf(at));
      }
      await billed.pass(60);
    }
  });
}

const ackOf = (eventId: number) => JSON.stringify({ id: "a", type: "ack", timestamp: 0, payload: { eventId } });

/** Eight writers, each with as many drafts in a frame as it may have: a window for all of them. */
async function loaded(count: number): Promise<Used> {
  const { billed, writers } = await begun(false, 8);
  return await billed.used(count, async () => {
    for (let sent = 0; sent < count;) {
      for (const writer of writers) {
        const drafts = Array.from({ length: 32 }, () => billed.draft());
        billed.send(writer, JSON.stringify(drafts));
        sent += drafts.length;
      }
      await billed.pass(5);
    }
  });
}

async function overHttp(count: number): Promise<Used> {
  const { billed } = await begun(true);
  return await billed.used(count, async () => {
    for (let at = 0; at < count; at++) {
      const { draftId, event } = billed.draft().payload;
      billed.requests++;
      await billed.room.submit(author, single({ draftId, event, expectedEventId: undefined }));
      await billed.pass(60);
    }
  });
}

/** A month without an event, with one open socket: its alarms. Its heartbeats are answered without waking it. */
async function idle(): Promise<Used> {
  const { billed } = await begun(true);
  const month = 30 * 24;
  return await billed.used(0, async () => {
    for (let hour = 0; hour < month; hour++) await billed.pass(60 * 60 * 1_000);
  });
}

/** The price of what was used, times `scale`; `edge`: each request comes through a Worker. */
function priceOf(used: Used, scale: number, edge: boolean): { dollars: number; text: string } {
  const requests = (used.requests + used.messages / messagesPerRequest) * scale;
  const gigabyteSeconds = ((used.cpuMs + used.commits * commitMs) / 1_000) * objectGigabytes * scale;
  const worker = edge ? used.requests * scale * (prices.workerRequest + workerMs * prices.workerCpuMs) : 0;
  const dollars =
    requests * prices.request +
    gigabyteSeconds * prices.gigabyteSecond +
    used.rowsWritten * scale * prices.rowWritten +
    used.rowsRead * scale * prices.rowRead +
    worker;
  const text = `${rounded(used.rowsWritten * scale)} rows written, ${rounded(used.rowsRead * scale)} read, ${rounded(requests)} requests, ${rounded(gigabyteSeconds)} GB-s`;
  return { dollars, text };
}

const rounded = (value: number): string => figure(Number(value.toPrecision(3)));

/** What a million events cost at list price, in five shapes. */
export async function cost(bench: Bench): Promise<Row[]> {
  const count = bench.quick ? 500 : 4_000;
  const row = (what: string, used: Used, bound: Row["bound"], note: string, edge = false): Row => {
    const { dollars, text } = priceOf(used, used.events === 0 ? 1 : events / used.events, edge);
    return { what, partita: text, floor: "list price", value: spread([dollars]), unit: "$", bound, note };
  };
  return [
    row("A million lone events", await lone(count, 0), { atMost: 2.2 }, "one a frame, one every 60 ms"),
    row("A million events under load", await loaded(4 * count), { atMost: 2.1 }, "8 writers, 32 events a frame"),
    row(
      `A million events to ${readers} readers`,
      await lone(count, readers),
      undefined,
      "one a frame; outgoing is free",
    ),
    row("A million events over HTTP", await overHttp(count), undefined, "each a request of a Worker, too", true),
    row("A month without an event", await idle(), undefined, "one partition with an open socket"),
  ];
}
