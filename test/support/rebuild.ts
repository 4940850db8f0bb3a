import { NodeSqlDriver } from "../../src/storage/node.ts";
import { PartitionStorage } from "../../src/storage/partition/storage.ts";
import { databaseOf, writeLog } from "../attack/prepared.ts";
import { bytesPort, migrations, sha256 } from "./partition.ts";
import { TestServer } from "./server.ts";

const keys = 1_000;

/** Events that set `keys` properties in turn, each about 300 bytes. */
function* events(count: number): Generator<{ type: string; payload: object }> {
  const filling = "x".repeat(260);
  for (let at = 1; at <= count; at++) {
    yield { type: "set", payload: { target: `key${at % keys}`, value: `${at} ${filling}` } };
  }
}

/** What the value of the key of the last event begins with. */
export const lastValue = (count: number): [key: string, value: string] => [`key${count % keys}`, `${count} x`];

/** Writes a log of `count` events, and a snapshot at its end as the version of the model before has left it. */
export function writeOldPartition(folder: string, partition: string, count: number): void {
  writeLog(folder, partition, events(count));
  const driver = new NodeSqlDriver(databaseOf(folder, partition));
  const storage = new PartitionStorage(driver, migrations, bytesPort);
  const now = Date.now();
  const chunk = new TextEncoder().encode("{}");
  storage.transaction(now, ({ snapshots }) => {
    snapshots.putChunk(count, 0, chunk);
    const logBytes = storage.events.bytesAfter(0);
    const row = { eventId: count, modelVersion: 0, modelTag: "insieme.0", stateBytes: 2, logBytes, createdAt: now };
    snapshots.complete(row, "identity", sha256(chunk));
  });
  driver.close();
}

/** What was seen of a partition while its state was folded. Times in milliseconds. */
export interface Watched {
  /** From the first request after the start to its answer. */
  firstAnswerMs: number;
  /** The longest time that a small read took meanwhile. */
  longestReadMs: number;
  /** How far the state was at the answers that said so, in order. */
  positions: number[];
  totalMs: number;
}

/** Reads the state until it is there, or `stop` says so; meanwhile small pages of the log. */
export async function watch(
  server: TestServer,
  partition: string,
  stop: (eventId: number) => boolean = () => false,
): Promise<Watched> {
  const at = (path: string) => new URL(`v1/partitions/${partition}/${path}`, server.url);
  const watched: Watched = { firstAnswerMs: 0, longestReadMs: 0, positions: [], totalMs: 0 };
  const from = performance.now();
  for (;;) {
    const asked = performance.now();
    const page = await fetch(at("events?since=10&limit=1"));
    await page.arrayBuffer();
    const took = performance.now() - asked;
    if (page.status !== 200) throw new Error(`the log is not readable: ${page.status}`);
    if (watched.firstAnswerMs === 0) watched.firstAnswerMs = took;
    else watched.longestReadMs = Math.max(watched.longestReadMs, took);
    const state = await fetch(at("state"));
    const body = (await state.json()) as { code?: string; rebuilding?: { eventId: number } };
    watched.totalMs = performance.now() - from;
    if (state.status === 200) return watched;
    if (body.code !== "rebuilding") throw new Error(`the state is refused: ${JSON.stringify(body)}`);
    watched.positions.push(body.rebuilding!.eventId);
    if (stop(body.rebuilding!.eventId)) return watched;
    await new Promise((resolve) => setTimeout(resolve, 5));
  }
}
