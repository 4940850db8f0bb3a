// `npm run text-history`: a text of 100 KB after 10,000, 100,000 and a million events: what it costs to open it and to type in
// it, by production clients over the real Worker; and what becomes of what was typed before all of these events.
import "../support/sql-modules.ts";
import { readFileSync, rmSync } from "node:fs";
import { parseArgs } from "node:util";
import { ChangeSet } from "@codemirror/state";
import { createClient, memoryStore } from "../../src/client/index.ts";
import type { AnyModel } from "../../src/model/index.ts";
import { text, textIn, type Texts } from "../../src/models/text/index.ts";
import { databaseOf, writeLog } from "../attack/prepared.ts";
import { readState } from "../support/log.ts";
import { temporaryFolder, TestServer } from "../support/server.ts";
import { editOfKey, keysIn, withKey } from "../support/text-keys.ts";
import { BilledDriver } from "./billed-driver.ts";
import { quantile } from "./stats.ts";

// After the SQL can be loaded.
const { TestPartition } = await import("../support/partition.ts");
const { openText } = await import("../../src/text/index.ts");

const partition = "text:history";
const length = 100_000;
/** Keys that are typed to be measured; each after the verdict of the one before, below the rate of a client. */
const keys = 100;
const pauseMs = 60;
const keysOfCore = 2_000;
/** Events that are written after the last snapshot. */
const tail = 900;

const { values } = parseArgs({ options: { events: { type: "string", default: "10000,100000,1000000" } } });
const counts = values.events.split(",").map(Number);
const begun = "some words ".repeat(length / 10).slice(0, length);
const later = " typed before all of it";

const sleep = (ms: number) => new Promise((resolve) => setTimeout(resolve, ms));
const figure = (value: number, digits = 0) => value.toLocaleString("en", { maximumFractionDigits: digits });

function* events(count: number): Generator<{ type: string; payload: object }> {
  let now = length;
  for (const key of keysIn(length, count)) {
    yield { type: "edit", payload: editOfKey(key, now) };
    now += key.insert.length - key.deleted;
  }
}

function openClient(server: TestServer, clientId: string) {
  const client = createClient({
    url: server.url.href,
    partition,
    model: text,
    clientId,
    store: memoryStore(),
    tabs: false,
  });
  let received = 0;
  client.on("confirmed", ({ events: all }) => (received += all.length));
  return { client, document: openText(client, { doc: "d" }), received: () => received };
}

/** Waits until the state is there, and stored. Returns after how long it was there, in milliseconds. */
async function folded(server: TestServer, eventId: number): Promise<number> {
  const from = performance.now();
  for (;;) {
    const response = await fetch(new URL(`v1/partitions/${partition}/state`, server.url));
    const body = (await response.json()) as { eventIndex?: number };
    if (body.eventIndex === eventId) break;
    await sleep(20);
  }
  const took = performance.now() - from;
  await sleep(3_000);
  return took;
}

const residentMib = (server: TestServer) =>
  Number(/^VmRSS:\s+(\d+) kB$/m.exec(readFileSync(`/proc/${server.pid}/status`, "utf8"))![1]) / 1024;

/** What the core alone needs for the partition as it is stored: to open it, and for a key. */
function ofCore(path: string) {
  globalThis.gc!();
  const heap = process.memoryUsage().heapUsed;
  const driver = new BilledDriver(path);
  const from = performance.now();
  const host = new TestPartition({ model: text as AnyModel, driver, name: partition });
  host.now = Date.now();
  let shown = textIn((host.state() as { texts: Texts }).texts, "d");
  const openMs = performance.now() - from;
  const writer = host.client("core", { echo: false });
  let head = host.partition.head ?? 0;
  const rows = driver.rowsWritten;
  const begin = performance.now();
  // One transaction of the disk around all of them: what it takes to synchronise is not of the core.
  driver.transaction(() => {
    for (const key of keysIn(shown.length, keysOfCore)) {
      host.now += 1_000;
      const answer = writer.submit(`core-${head}`, "edit", editOfKey(key, shown.length), { expectedEventId: head++ });
      if (answer.type !== "event_accepted") throw new Error(JSON.stringify(answer));
      shown = withKey(shown, key);
      writer.frames.length = writer.received.length = 0;
    }
  });
  const keyUs = ((performance.now() - begin) * 1_000) / keysOfCore;
  const rowsOfKey = (driver.rowsWritten - rows) / keysOfCore;
  globalThis.gc!();
  const heapMib = (process.memoryUsage().heapUsed - heap) / 1024 / 1024;
  driver.close();
  return { openMs, keyUs, rowsOfKey, heapMib };
}

async function measured(count: number): Promise<Record<string, string>> {
  const folder = temporaryFolder("partita-history-");
  const server = new TestServer({ folder });
  try {
    await server.start();
    const early = openClient(server, "early");
    await early.client.ready;
    await early.document.submit(ChangeSet.of({ from: 0, insert: begun }, 0));
    early.client.pause();
    const stale = early.document.submit(ChangeSet.of({ from: length, insert: later }, length));
    await server.stop();
    const head = writeLog(folder, partition, events(count));
    let expected = begun;
    for (const key of keysIn(length, count)) expected = withKey(expected, key);

    await server.start();
    const foldMs = await folded(server, head);
    await server.stop();
    // Fewer than a snapshot is written for.
    writeLog(folder, partition, events(tail));
    for (const key of keysIn(length, tail)) expected = withKey(expected, key);
    await server.start();
    const opening = performance.now();
    const typist = openClient(server, "typist");
    await typist.client.ready;
    const openMs = performance.now() - opening;
    const isRead = typist.document.value === expected && typist.client.eventId === head + tail;
    const after = typist.received();
    const times: number[] = [];
    for (const key of keysIn(length, keys)) {
      const { length: now } = typist.document;
      const from = performance.now();
      await typist.document.submit(ChangeSet.of({ from: key.at, to: key.at + key.deleted, insert: key.insert }, now));
      times.push(performance.now() - from);
      expected = withKey(expected, key);
      await sleep(pauseMs);
    }
    const resident = residentMib(server);

    const returning = performance.now();
    early.client.resume();
    const { status } = await stale;
    const returnMs = performance.now() - returning;
    const whole = expected + later;
    await typist.client.settled();
    while (typist.client.eventId < early.client.eventId) await sleep(10);
    const { state, eventIndex } = await readState(server.url, partition);
    const served = textIn((state as unknown as { texts: Texts }).texts, "d");
    const isRight =
      isRead &&
      status === "accepted" &&
      [served, typist.document.value, early.document.value].every((end) => end === whole);
    if (!isRight) process.exitCode = 1;
    const refused = await staleAnswer(server, eventIndex);
    for (const { client } of [early, typist]) await client.close();
    await server.stop();
    const core = ofCore(databaseOf(folder, partition));
    return {
      "the state from the whole log, once": `${figure(foldMs)} ms`,
      "a new client: from the start of the process until it shows the text": `${figure(openMs)} ms`,
      "events that it is sent beside the state": figure(after),
      "a key of it, until its verdict (p50, p99)": `${figure(quantile(times, 0.5), 1)}, ${figure(quantile(times, 0.99), 1)} ms`,
      "memory of workerd after these keys": `${figure(resident)} MiB`,
      "a client of the first events, with a draft: until its verdict": `${figure(returnMs)} ms`,
      "a draft on the first event, as it is": refused,
      "all end with the text that a string has": isRight ? "yes" : "NO",
      "the core alone: open": `${figure(core.openMs)} ms`,
      "the core alone: a key": `${figure(core.keyUs, 1)} µs`,
      "the core alone: rows written for a key": figure(core.rowsOfKey, 2),
      "the core alone: heap": `${figure(core.heapMib, 1)} MiB`,
    };
  } finally {
    await server.stop();
    rmSync(folder, { recursive: true, force: true });
  }
}

/** What becomes of a draft that was made on the first event, without a client that maps it. */
async function staleAnswer(server: TestServer, head: number): Promise<string> {
  const address = new URL(`v1/partitions/${partition}/events`, server.url);
  const edit = { type: "edit", payload: { doc: "d", changes: [[0, "x"]] }, expectedEventId: 1 };
  const headers = { "content-type": "application/json", "idempotency-key": `raw-${head}` };
  const answer = (await (await fetch(address, { method: "POST", headers, body: JSON.stringify(edit) })).json()) as {
    code?: string;
  };
  return answer.code ?? "accepted";
}

const rows: Record<string, string[]> = {};
for (const count of counts) {
  for (const [what, found] of Object.entries(await measured(count))) (rows[what] ??= []).push(found);
}
console.log(`| events of history | ${counts.map((count) => figure(count)).join(" | ")} |`);
console.log(`| --- |${" --- |".repeat(counts.length)}`);
for (const [what, found] of Object.entries(rows)) console.log(`| ${what} | ${found.join(" | ")} |`);
