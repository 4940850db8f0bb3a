import { type ChildProcess, execFile, spawn } from "node:child_process";
import { once } from "node:events";
import { cpSync, mkdtempSync, readdirSync, rmSync, symlinkSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { DatabaseSync } from "node:sqlite";
import { setTimeout as sleep } from "node:timers/promises";
import { promisify } from "node:util";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { projectFolder } from "../../src/tools/wrangler.ts";
import { descendantsOf, freePort } from "../support/processes.ts";
import { SocketClient } from "../support/socket-client.ts";

const cli = join(projectFolder, "src/cli/main.ts");
const settings = {
  PARTITA_JWT_SECRET: "a secret of at least thirty-two bytes",
  PARTITA_JWT_ISSUER: "https://issuer.example",
  PARTITA_JWT_AUDIENCE: "partita",
  PARTITA_PAGES: "on",
};
/** How often the server is killed under load. */
const killsMax = 5;
/** Long enough to be killed before. */
const timerMs = 2_000;
/** After ten seconds without anything to do workerd ends the object. */
const idleMs = 12_000;

const run = promisify(execFile);
const folder = mkdtempSync(join(tmpdir(), "partita-standalone-"));
const built = join(folder, "server");
let token = "";
let port = 0;
let server: ChildProcess | undefined;

const url = (path: string) => `http://127.0.0.1:${port}${path}`;

async function start(data: string): Promise<void> {
  server = spawn(process.execPath, [join(built, "start.mjs")], {
    env: { ...process.env, ...settings, PORT: String(port), DATA: data },
    stdio: "ignore",
  });
  for (;;) {
    try {
      const response = await fetch(url("/readyz"));
      if (response.ok) return;
    } catch {
      // It does not listen yet.
    }
    if (server.exitCode !== null) throw new Error("the server has ended");
    await new Promise((resolve) => setTimeout(resolve, 50));
  }
}

/** Kills workerd itself, as a crash does: the start script ends with it. */
async function kill(): Promise<void> {
  const ended = once(server!, "exit");
  for (const { pid } of descendantsOf(server!.pid!)) process.kill(pid, "SIGKILL");
  await ended;
}

async function stop(): Promise<void> {
  const ended = once(server!, "exit");
  server!.kill("SIGTERM");
  await ended;
  server = undefined;
}

/** Submits under a key. Undefined: no answer has come. */
async function submit(
  key: string,
  partition = "room",
  event: object = { type: "set", payload: { target: `at.${key}`, value: 1 } },
): Promise<number | undefined> {
  try {
    const response = await fetch(url(`/v1/partitions/${partition}/events`), {
      method: "POST",
      headers: { authorization: `Bearer ${token}`, "idempotency-key": key },
      body: JSON.stringify(event),
    });
    const { eventId } = (await response.json()) as { eventId?: number };
    return response.status === 201 ? eventId : undefined;
  } catch {
    return undefined;
  }
}

/** The types of the events in a file of the data folder; none where it is not that of a partition. */
function typesIn(path: string): string[] {
  if (!path.endsWith(".sqlite")) return [];
  const database = new DatabaseSync(path, { readOnly: true });
  try {
    return database
      .prepare("SELECT type FROM events ORDER BY event_id")
      .all()
      .map(({ type }) => String(type));
  } catch {
    return [];
  } finally {
    database.close();
  }
}

interface Logged {
  eventId: number;
  event: { payload: { target: string } };
}

async function log(): Promise<Logged[]> {
  const events: Logged[] = [];
  for (let since = 0; ;) {
    const response = await fetch(url(`/v1/partitions/room/events?since=${since}&limit=1000`), {
      headers: { authorization: `Bearer ${token}` },
    });
    const page = (await response.json()) as { events: Logged[]; hasMore: boolean; nextSinceEventId: number };
    events.push(...page.events);
    if (!page.hasMore) return events;
    since = page.nextSinceEventId;
  }
}

describe("the server on a machine of one's own", () => {
  beforeAll(async () => {
    await run(process.execPath, [cli, "build", "--standalone", "--out", built], { cwd: projectFolder });
    symlinkSync(join(projectFolder, "node_modules"), join(built, "node_modules"));
    const signed = await run(process.execPath, [cli, "token", "--sub", "ada"], {
      cwd: folder,
      env: { ...process.env, ...settings },
    });
    token = signed.stdout.trim();
    port = await freePort();
  });

  afterAll(async () => {
    if (server && server.exitCode === null) await stop();
    rmSync(folder, { recursive: true, force: true });
  });

  it("[EC-10] [LC-1] loses nothing acknowledged when it is killed, and counts each draft once", async () => {
    const data = join(folder, "data");
    const acknowledged = new Map<string, number>();
    let key = 0;
    for (let round = 0; round <= killsMax; round++) {
      await start(data);
      const until = acknowledged.size + 40;
      // Three at a time, so that something is under way when it is killed.
      const writing = Array.from({ length: 3 }, async () => {
        while (acknowledged.size < until) {
          const own = `k${++key}`;
          const eventId = await submit(own);
          if (eventId === undefined) {
            if (server!.exitCode !== null || server!.signalCode !== null) return;
            continue;
          }
          acknowledged.set(own, eventId);
        }
      });
      if (round < killsMax) {
        while (acknowledged.size < until - 20) await new Promise((resolve) => setTimeout(resolve, 5));
        await kill();
      }
      await Promise.all(writing);
    }
    const events = await log();
    expect(events.map(({ eventId }) => eventId)).toEqual(events.map((_, at) => at + 1));
    const byKey = new Map(events.map(({ eventId, event }) => [event.payload.target.slice("at.".length), eventId]));
    expect(byKey.size).toBe(events.length);
    for (const [own, eventId] of acknowledged) expect(byKey.get(own)).toBe(eventId);
    // The first answer again, from before the kills.
    const [first, eventId] = [...acknowledged][0]!;
    expect(await submit(first)).toBe(eventId);
  });

  it("[EC-10] [LC-12] is backed up by a copy of the stopped folder", async () => {
    const before = await log();
    await stop();
    cpSync(join(folder, "data"), join(folder, "copy"), { recursive: true });
    await start(join(folder, "copy"));
    expect(await log()).toEqual(before);
  });

  it("[EC-10] [TX-12] [LC-1] fires timers that were set before a kill, without a request to the partition", async () => {
    const data = join(folder, "timers");
    if (server && server.exitCode === null) await stop();
    await start(data);
    const job = { type: "enqueue", payload: { job: "nightly", payload: {}, runAt: Date.now() + timerMs } };
    expect(await submit("later", "jobs:night", job)).toBe(1);
    await kill();
    await start(data);
    // A request would wake the partition. So its file is read.
    const types = () =>
      readdirSync(data, { recursive: true, encoding: "utf8" }).flatMap((path) => typesIn(join(data, path)));
    while (!types().includes("tick")) await sleep(100);
    expect(types()).toEqual(["enqueue", "tick"]);
  }, 60_000);

  it("[EC-10] [LC-1] lets an idle partition sleep, and its sockets stay open", async () => {
    const socket = await SocketClient.open(new URL(url("/")), "quiet", { authorization: `Bearer ${token}` });
    expect(await socket.connect({ proofs: true })).toMatchObject({ type: "connected" });
    const broadcasts = () => socket.received.filter(({ type }) => type === "broadcast");
    // The proof of an event is the lifetime of the object that has written it.
    const lifetimes = () => new Set(broadcasts().map(({ payload }) => payload.proof));
    for (let key = 1; lifetimes().size < 2; key++) {
      if (key > 1) await sleep(idleMs);
      expect(await submit(`k${key}`, "quiet")).toBe(key);
      while (broadcasts().length < key && socket.closed === undefined) await sleep(5);
      expect(socket.closed).toBeUndefined();
    }
    expect(broadcasts().map(({ payload }) => payload.eventId)).toEqual(broadcasts().map((_, at) => at + 1));
    socket.end();
  }, 120_000);

  it("[EC-10] [AU-2] serves the pages, and refuses who has no token", async () => {
    const page = await fetch(url("/"));
    expect(page.status).toBe(200);
    expect(page.headers.get("content-type")).toMatch(/^text\/html/);
    expect((await fetch(url("/v1/partitions/room/events"))).status).toBe(401);
    expect((await fetch(url("/nothing-here"))).status).toBe(404);
  });
});
