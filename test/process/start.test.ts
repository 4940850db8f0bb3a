import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { rmSync } from "node:fs";
import { createServer } from "node:net";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { afterAll, afterEach, expect, test } from "vitest";
import { projectFolder } from "../../src/tools/wrangler.ts";
import { alive, descendantsOf, freePort } from "../support/processes.ts";
import { temporaryFolder } from "../support/server.ts";

/** Interface that must hold: the first start serves within this time. */
const startMsMax = 30_000;
/** How long processes may take to be gone after the tool has ended. */
const goneMsMax = 2_000;

const folder = temporaryFolder("partita-start-");
let started: ChildProcess | undefined;

afterEach(() => void started?.kill("SIGTERM"));
afterAll(() => rmSync(folder, { recursive: true, force: true }));

interface Started {
  process: ChildProcess;
  url: string;
  /** All that it has printed. */
  output(): string;
}

/** Runs the tool without a terminal, as a supervisor would. */
function run(environment: Record<string, string>): { process: ChildProcess; output(): string } {
  let output = "";
  const child = spawn(process.execPath, [join(projectFolder, "src", "tools", "start.ts")], {
    env: { ...process.env, ...environment },
    stdio: ["ignore", "pipe", "pipe"],
  });
  for (const stream of [child.stdout, child.stderr]) stream.setEncoding("utf8").on("data", (text) => (output += text));
  started = child;
  return { process: child, output: () => output };
}

async function start(): Promise<Started> {
  const port = await freePort();
  const tool = run({ PORT: String(port), PERSIST: folder });
  const url = `http://127.0.0.1:${port}`;
  const deadline = Date.now() + startMsMax;
  while (!tool.output().includes(`${url}/`)) {
    if (tool.process.exitCode !== null || Date.now() > deadline) throw new Error(`it does not serve: ${tool.output()}`);
    await sleep(50);
  }
  return { ...tool, url };
}

async function endBy(signal: NodeJS.Signals, { process: tool }: Started): Promise<void> {
  const children = descendantsOf(tool.pid!);
  expect(children.filter(({ command }) => command.includes("workerd")).length).toBeGreaterThan(0);
  tool.kill(signal);
  expect(await once(tool, "exit")).toEqual([0, null]);
  const pids = children.map(({ pid }) => pid);
  await expect.poll(() => alive(pids), { timeout: goneMsMax }).toEqual([]);
}

const event = { type: "set", payload: { target: "greeting", value: "kept" } };

async function submit(url: string): Promise<unknown> {
  const response = await fetch(`${url}/v1/partitions/start/events`, {
    method: "POST",
    headers: { "idempotency-key": "start-1", "content-type": "application/json" },
    body: JSON.stringify(event),
  });
  expect(response.status).toBe(201);
  return await response.json();
}

test("[LC-2] [ID-11] npm start serves, ends with all its children on SIGINT, and has its data when it starts again", async () => {
  const first = await start();
  for (const path of ["livez", "readyz"]) expect((await fetch(`${first.url}/${path}`)).status).toBe(200);
  const page = await fetch(`${first.url}/`);
  expect(page.headers.get("content-type")).toContain("text/html");
  const accepted = await submit(first.url);
  expect(accepted).toMatchObject({ eventId: 1, event });
  await endBy("SIGINT", first);

  const second = await start();
  const log = await fetch(`${second.url}/v1/partitions/start/events`);
  expect(await log.json()).toMatchObject({ events: [accepted], currentEventIndex: 1 });
  expect(await submit(second.url)).toEqual(accepted);
  await endBy("SIGTERM", second);
});

test("[ER-4] npm start says what is wrong with a port that it cannot use", async () => {
  for (const port of ["http", "0", "70000", "80.5", " "]) {
    const tool = run({ PORT: port, PERSIST: folder });
    expect(await once(tool.process, "exit")).toEqual([1, null]);
    expect(tool.output()).toContain("PORT must be a whole number from 1 to 65535");
  }
  const other = createServer();
  await once(other.listen(0, "127.0.0.1"), "listening");
  const { port } = other.address() as { port: number };
  const tool = run({ PORT: String(port), PERSIST: folder });
  expect(await once(tool.process, "exit")).toEqual([1, null]);
  expect(tool.output()).toContain(`Port ${port} on 127.0.0.1 is taken`);
  other.close();
});
