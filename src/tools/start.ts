// `npm start`: serves the Worker and its demo on this machine, in open development mode unless there are keys for tokens.
// PORT overrides the port, PERSIST names the folder of the data. Ends, with all its children, on SIGINT, SIGTERM, SIGHUP.
import { spawn } from "node:child_process";
import { once } from "node:events";
import { createServer } from "node:net";
import { join, resolve } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { buildDemo } from "./build-demo.ts";
import { projectFolder, wranglerBin, wranglerEnvironment } from "./wrangler.ts";

const host = "127.0.0.1";
const portDefault = 8787;
/** How long the server may take until it serves. */
const startMsMax = 60_000;
const pollMs = 100;
/** How long wrangler may take to end its children; then they are killed. */
const stopMsMax = 5_000;
/** How often a parent that has gone is noticed. */
const orphanPollMs = 500;
/** Windows has no process groups: there, wrangler alone ends its children. */
const grouped = process.platform !== "win32";

function readPort(text: string | undefined): number {
  const port = Number(text ?? portDefault);
  if ((text === undefined || /^\d{1,5}$/.test(text)) && port >= 1 && port <= 65_535) return port;
  fail(`PORT must be a whole number from 1 to 65535, not "${text}".`);
}

async function assertFree(port: number): Promise<void> {
  const probe = createServer();
  try {
    await once(probe.listen(port, host), "listening");
  } catch (error) {
    const { code, message } = error as NodeJS.ErrnoException;
    if (code === "EADDRINUSE") fail(`Port ${port} on ${host} is taken. Name another one: PORT=8788 npm start`);
    fail(`Port ${port} on ${host} cannot be used: ${message}`);
  }
  probe.close();
  await once(probe, "close");
}

async function isReady(url: string): Promise<boolean> {
  try {
    const response = await fetch(`${url}/readyz`, { signal: AbortSignal.timeout(startMsMax) });
    await response.body?.cancel();
    return response.ok;
  } catch {
    return false;
  }
}

/** With keys in the environment tokens are verified by them; without, it is the open development mode. */
function identityOf(environment: NodeJS.ProcessEnv): string[] {
  const keyed = environment["PARTITA_JWT_SECRET"] !== undefined || environment["PARTITA_JWKS_URL"] !== undefined;
  if (!keyed) return ["--var=PARTITA_IDENTITY:open"];
  return Object.entries(environment).flatMap(([name, value]) =>
    name.startsWith("PARTITA_") ? [`--var=${name}:${value}`] : [],
  );
}

function fail(message: string): never {
  console.error(message);
  process.exit(1);
}

const port = readPort(process.env["PORT"]);
const persist = process.env["PERSIST"] ? resolve(process.env["PERSIST"]) : join(projectFolder, ".wrangler", "state");
const url = `http://${host}:${port}`;
await assertFree(port);
buildDemo();

// Its own process group: Ctrl-C reaches this process only, which ends the others in order, and can end the whole group.
const server = spawn(
  process.execPath,
  [
    wranglerBin,
    "dev",
    `--ip=${host}`,
    `--port=${port}`,
    `--persist-to=${persist}`,
    ...identityOf(process.env),
    "--log-level=warn",
    "--show-interactive-dev-session=false",
  ],
  { cwd: projectFolder, env: wranglerEnvironment, stdio: ["ignore", "inherit", "inherit"], detached: grouped },
);
let stopping = false;
const ended = new Promise<void>((resolve) => {
  server.once("exit", () => {
    if (!stopping) fail("The server has ended.");
    resolve();
  });
});
server.once("error", ({ message }) => fail(`wrangler could not be started: ${message}`));

function killGroup(): void {
  try {
    if (grouped && server.pid !== undefined) process.kill(-server.pid, "SIGKILL");
  } catch {
    // Nothing of it is left.
  }
}

async function stop(): Promise<void> {
  if (stopping) killGroup();
  stopping = true;
  server.kill("SIGTERM");
  await Promise.race([ended, sleep(stopMsMax)]);
  process.exit(0);
}

// Whatever ends this process ends the children.
process.on("exit", killGroup);
for (const signal of ["SIGINT", "SIGTERM", "SIGHUP"] as const) process.on(signal, () => void stop());
// npm passes SIGTERM to the shell that it ran this in, and the shell dies of it without passing it on.
if (process.env["npm_lifecycle_event"] !== undefined) {
  const parent = process.ppid;
  setInterval(() => {
    if (process.ppid !== parent && !stopping) void stop();
  }, orphanPollMs).unref();
}

const deadline = Date.now() + startMsMax;
while (!(await isReady(url))) {
  if (Date.now() > deadline) fail(`The server does not serve after ${startMsMax / 1_000} seconds.`);
  await sleep(pollMs);
}
if (!stopping) console.log(`Partita serves at ${url}/ (the demo; Ctrl-C ends it). Data: ${persist}`);
