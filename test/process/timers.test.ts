import { copyFileSync, existsSync, readdirSync, rmSync } from "node:fs";
import { join } from "node:path";
import { DatabaseSync } from "node:sqlite";
import { setTimeout as sleep } from "node:timers/promises";
import { fileURLToPath } from "node:url";
import { afterAll, beforeAll, expect, test } from "vitest";
import { readLog } from "../support/log.ts";
import { temporaryFolder, TestServer } from "../support/server.ts";

const partition = "clock";
const timers = 200;
const perEvent = 50;
const kills = 5;
/** The timers are due over this time, and workerd is killed in it. */
const spreadMs = 8_000;

const folder = temporaryFolder("partita-timers-");
const data = join(folder, "data");
const server = new TestServer({
  folder: data,
  main: fileURLToPath(new URL("timers/worker.ts", import.meta.url)),
});

beforeAll(() => server.start());
afterAll(async () => {
  await server.stop();
  rmSync(folder, { recursive: true, force: true });
});

/** How many timers have fired, read from a copy of the file of the partition: a request would wake it. */
function fired(): number {
  for (const name of readdirSync(data, { recursive: true, encoding: "utf8" })) {
    if (!name.endsWith(".sqlite")) continue;
    const copy = join(folder, "copy.sqlite");
    rmSync(`${copy}-shm`, { force: true });
    rmSync(`${copy}-wal`, { force: true });
    try {
      copyFileSync(join(data, name), copy);
      if (existsSync(join(data, `${name}-wal`))) copyFileSync(join(data, `${name}-wal`), `${copy}-wal`);
      const database = new DatabaseSync(copy);
      try {
        const [row] = database.prepare("SELECT count(*) AS n FROM events WHERE type = 'ring'").all();
        return row!["n"] as number;
      } finally {
        database.close();
      }
    } catch {
      // A file of another object, or one that was being written.
    }
  }
  return 0;
}

test("[TX-12] [LC-1] timers survive kill -9, and fire once each, never early, without a request", async () => {
  const begun = Date.now();
  const due = new Map(
    Array.from({ length: timers }, (_, at) => [`t${at}`, begun + 2_000 + Math.floor((at * spreadMs) / timers)]),
  );
  const all = [...due];
  for (let from = 0; from < timers; from += perEvent) {
    const response = await fetch(new URL(`v1/partitions/${partition}/events`, server.url), {
      method: "POST",
      headers: { "idempotency-key": `set-${from}` },
      body: JSON.stringify({ type: "set", payload: { times: Object.fromEntries(all.slice(from, from + perEvent)) } }),
    });
    expect(response.status).toBe(201);
  }
  for (let killed = 0; killed < kills; killed++) {
    await sleep(spreadMs / kills);
    await server.kill();
    await server.start();
  }
  while (fired() < timers) await sleep(200);

  const asked = Date.now();
  const rings = (await readLog(server.url, partition)).filter(({ event }) => event.type === "ring");
  expect(rings).toHaveLength(timers);
  const late: number[] = [];
  for (const { event } of rings) {
    const { at } = event.payload as { at: number };
    const { timestamp } = event as unknown as { timestamp: number };
    expect(timestamp).toBeGreaterThanOrEqual(at);
    expect(timestamp).toBeLessThanOrEqual(asked);
    late.push(timestamp - at);
  }
  const times = rings.map(({ event }) => (event.payload as { at: number }).at);
  expect(times.toSorted((a, b) => a - b)).toEqual(all.map(([, at]) => at));
  late.sort((a, b) => a - b);
  console.log(`${timers} timers, ${kills} kills; late by ${late[timers / 2]} ms (median), ${late.at(-1)} ms at most`);
});
