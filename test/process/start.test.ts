import {
  type ChildProcess,
  type ChildProcessByStdio,
  spawn,
  type SpawnOptionsWithStdioTuple,
} from "node:child_process";
import { once } from "node:events";
import { rmSync } from "node:fs";
import { get } from "node:http";
import { createServer } from "node:net";
import { join } from "node:path";
import type { Readable } from "node:stream";
import { setTimeout as sleep } from "node:timers/promises";
import { afterAll, afterEach, expect, test } from "vitest";
import { projectFolder } from "../../src/tools/wrangler.ts";
import { alive, descendantsOf, freePort, withVariable } from "../support/processes.ts";
import { upgradeHead } from "../support/upgrade.ts";
import { temporaryFolder } from "../support/server.ts";

/** The first start must serve within this time. */
const startMsMax = 30_000;
/** The time limit for processes to end after the tool has ended. */
const goneMsMax = 2_000;

const folder = temporaryFolder("partita-start-");
let started: ChildProcess | undefined;

afterEach(() => void started?.kill("SIGTERM"));
afterAll(() => rmSync(folder, { recursive: true, force: true }));

const script = join(projectFolder, "src", "tools", "start.ts");
const piped = { stdio: ["ignore", "pipe", "pipe"] } satisfies SpawnOptionsWithStdioTuple<"ignore", "pipe", "pipe">;
/** The tests themselves may run under npm. */
const withoutNpm = Object.fromEntries(Object.entries(process.env).filter(([name]) => !name.startsWith("npm_")));

interface Tool {
  process: ChildProcess;
  /** The whole output. */
  output(): string;
}

interface Started extends Tool {
  url: string;
}

/** Runs the tool without a terminal, as a supervisor would. */
function run(environment: Record<string, string>): Tool {
  return collect(spawn(process.execPath, [script], { env: { ...withoutNpm, ...environment }, ...piped }));
}

/** Runs it as users do. */
function runByNpm(environment: Record<string, string>): Tool {
  return collect(spawn("npm", ["start"], { cwd: projectFolder, env: { ...withoutNpm, ...environment }, ...piped }));
}

function collect(child: ChildProcessByStdio<null, Readable, Readable>): Tool {
  let output = "";
  for (const stream of [child.stdout, child.stderr]) stream.setEncoding("utf8").on("data", (text) => (output += text));
  started = child;
  return { process: child, output: () => output };
}

async function start(): Promise<Started> {
  const port = await freePort();
  const tool = run({ PORT: String(port), PERSIST: folder });
  const url = `http://127.0.0.1:${port}`;
  await served(tool, url);
  return { ...tool, url };
}

async function served({ process: tool, output }: Tool, url: string): Promise<void> {
  const deadline = Date.now() + startMsMax;
  while (!output().includes(`${url}/`)) {
    if (tool.exitCode !== null || Date.now() > deadline) throw new Error(`it does not serve: ${output()}`);
    await sleep(50);
  }
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

test("[LC-2] [ID-11] [MD-9] npm start serves, ends with all its children on SIGINT, and has its data when it starts again", async () => {
  const first = await start();
  for (const path of ["livez", "readyz"]) expect((await fetch(`${first.url}/${path}`)).status).toBe(200);
  const page = await fetch(`${first.url}/`);
  expect(page.headers.get("content-type")).toContain("text/html");
  const accepted = await submit(first.url);
  expect(accepted).toMatchObject({ eventId: 1, event });
  const keysOf = async ({ url }: Started) => await (await fetch(`${url}/v1/audit-keys`)).json();
  const keys = await keysOf(first);
  expect(keys).toMatchObject({ keys: [{ kid: "local", alg: "EdDSA" }] });
  await endBy("SIGINT", first);

  const second = await start();
  const log = await fetch(`${second.url}/v1/partitions/start/events`);
  expect(await log.json()).toMatchObject({ events: [accepted], currentEventIndex: 1 });
  expect(await submit(second.url)).toEqual(accepted);
  expect(await keysOf(second)).toEqual(keys);
  await endBy("SIGTERM", second);
});

/** Sends a request as a browser or a program may, and returns its status and body. */
function ask(port: number, headers: Record<string, string>, path = "/v1/partitions/start/state"): Promise<string> {
  return new Promise((resolve, reject) => {
    get({ host: "127.0.0.1", port, path, headers }, (answer) => {
      let body = "";
      answer.setEncoding("utf8").on("data", (text: string) => (body += text));
      answer.on("end", () => resolve(`${answer.statusCode} ${body}`));
    }).once("error", reject);
  });
}

test("[AU-2] [AU-7] npm start answers no page whose name resolves to this machine, whatever headers it sends", async () => {
  const tool = await start();
  await submit(tool.url);
  const port = Number(new URL(tool.url).port);
  const here = `127.0.0.1:${port}`;
  expect(await ask(port, { host: here })).toContain('200 {"state":{"greeting":"kept"}');
  expect(await ask(port, { host: `localhost:${port}` })).toContain("200 ");
  // What wrangler's server would believe.
  const believed = { "MF-Original-URL": `http://${here}/v1/partitions/start/state`, "MF-Original-Hostname": here };
  for (const more of [{}, believed]) {
    expect(await ask(port, { host: `evil.example:${port}`, ...more })).toMatch(/^401 .*unauthenticated/);
  }
  // The server behind, which anybody on this machine can reach, does not answer either.
  const commands = withVariable("PORT", String(port)).map(({ command }) => command);
  const behind = Number(/--port=(\d+)/.exec(commands.join(" "))![1]);
  const there = { "MF-Original-URL": `http://127.0.0.1:${behind}/v1/partitions/start/state` };
  expect(await ask(behind, { host: `evil.example:${behind}`, ...there })).toMatch(/^401 .*unauthenticated/);
  await endBy("SIGTERM", tool);
});

test("[WP-1] [WP-9] npm start carries sockets and streams, and compresses no frame", async () => {
  const tool = await start();
  await submit(tool.url);
  const path = "/v1/partitions/start/ws";
  expect(await upgradeHead(Number(new URL(tool.url).port), path)).not.toContain("sec-websocket-extensions");
  const messages: string[] = [];
  const client = new WebSocket(`${tool.url.replace("http", "ws")}${path}`);
  client.addEventListener("message", ({ data }) => void messages.push(data as string));
  client.addEventListener("open", () =>
    client.send(JSON.stringify({ id: "m", type: "connect", timestamp: 0, payload: { clientId: "c", version: "1" } })),
  );
  await expect.poll(() => messages.join(), { timeout: 5_000 }).toContain('"connected"');
  expect(client.extensions).toBe("");
  client.close();

  const stream = await fetch(`${tool.url}/v1/partitions/start/events/stream?since=0`, {
    headers: { accept: "text/event-stream" },
  });
  const reader = stream.body!.pipeThrough(new TextDecoderStream()).getReader();
  let text = "";
  while (!text.includes("greeting")) text += (await reader.read()).value;
  await reader.cancel();
  await endBy("SIGTERM", tool);
});

test("[ER-4] npm start explains why it cannot use a port", async () => {
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

/** How long everything may take to end: what is noticed by polling, and the time that wrangler has for its children. */
const endedMsMax = 12_000;
/** Milliseconds from the start. */
const moments = [0, 50, 100, 200, 400, 700, 1_000];

/** Whether the port is free. */
async function canListen(port: number): Promise<boolean> {
  const probe = createServer();
  try {
    await once(probe.listen(port, "127.0.0.1"), "listening");
    return true;
  } catch {
    return false;
  } finally {
    probe.close();
  }
}

/** Starts the tool in an environment of its own, has `end` end it, and expects that nothing of it is left. */
async function expectNothingLeft(
  runTool: (environment: Record<string, string>) => Tool,
  end: (tool: Tool, url: string) => Promise<void>,
): Promise<void> {
  const port = await freePort();
  const tool = runTool({ PORT: String(port), PERSIST: folder });
  try {
    await end(tool, `http://127.0.0.1:${port}`);
    // All that it starts has its environment, and a process that could still start others is itself in this list.
    await expect
      .poll(() => withVariable("PORT", String(port)).map(({ command }) => command), { timeout: endedMsMax })
      .toEqual([]);
    // A process that ends gives up its environment before its sockets.
    await expect.poll(() => canListen(port), { timeout: endedMsMax }).toBe(true);
  } finally {
    for (const { pid } of withVariable("PORT", String(port))) process.kill(pid, "SIGKILL");
  }
}

test.each(moments)("[LC-1] npm start leaves nothing behind when it gets SIGTERM after %i ms", async (ms) => {
  const end = async ({ process: tool }: Tool) => {
    await sleep(ms);
    tool.kill("SIGTERM");
  };
  await expectNothingLeft(run, end);
  await expectNothingLeft(runByNpm, end);
});

/** The processes that can be killed, from `npm start` downwards. */
const victims: Record<string, (npm: number) => number> = {
  npm: (npm) => npm,
  shell: (npm) => childOf(npm, "sh -c"),
  script: (npm) =>
    descendantsOf(npm).find(({ command }) => command.includes("start.ts") && !command.includes("sh -c"))!.pid,
  guard: (npm) => descendantsOf(npm).find(({ command }) => command.includes("guard.ts"))!.pid,
};

function childOf(parent: number, command: string): number {
  // Some shells become the command that they run.
  const found = descendantsOf(parent).find((child) => child.parent === parent && child.command.includes(command));
  return found?.pid ?? parent;
}

test.each(["npm", "shell", "script", "guard"])(
  "[LC-1] npm start leaves nothing behind when its %s is killed while it serves",
  (victim) =>
    expectNothingLeft(runByNpm, async (tool, url) => {
      await served(tool, url);
      process.kill(victims[victim]!(tool.process.pid!), "SIGKILL");
    }),
);

test.each(["npm", "shell", "script"])(
  "[LC-1] npm start leaves nothing behind when its %s is killed before it serves",
  async (victim) => {
    // From the first moment of the script to one where wrangler starts.
    for (const ms of [0, 100, 300, 600, 1_200]) {
      await expectNothingLeft(runByNpm, async (tool) => {
        const { pid } = tool.process;
        await expect
          .poll(() => descendantsOf(pid!).some(({ command }) => /node\S* \S*start\.ts/.test(command)))
          .toBe(true);
        await sleep(ms);
        process.kill(victims[victim]!(pid!), "SIGKILL");
      });
    }
  },
);

test("[LC-1] npm start leaves nothing behind when its whole process group is killed", () =>
  expectNothingLeft(
    (environment) =>
      collect(
        spawn("npm", ["start"], {
          cwd: projectFolder,
          env: { ...withoutNpm, ...environment },
          detached: true,
          ...piped,
        }),
      ),
    async (tool, url) => {
      await served(tool, url);
      process.kill(-tool.process.pid!, "SIGKILL");
    },
  ));
