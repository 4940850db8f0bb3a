// `npm start`: serves the Worker and its demo on this machine, see `usage`.
import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { type AddressInfo, createServer } from "node:net";
import { join, resolve } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { fileURLToPath } from "node:url";
import { parametersOf } from "../cli/passed-settings.ts";
import { host, portOf } from "./address.ts";
import { localAuditKeys } from "./audit-key.ts";
import { fail, readCommandLine } from "./command-line.ts";
import { frontOf } from "./front.ts";
import { watchNpm } from "./npm-parent.ts";
import { projectFolder, wranglerBin, wranglerEnvironment } from "./wrangler.ts";

const usage = `usage: npm start
Serves the Worker and its demo at http://127.0.0.1:8787 until SIGINT (Ctrl-C), SIGTERM or SIGHUP.
Environment:
  PORT       another port
  PERSIST    the folder of the data; .wrangler/state if absent
  PARTITA_*  the settings of the Worker. With PARTITA_JWT_SECRET or PARTITA_JWKS_URL it verifies tokens,
             without them it runs in open development mode, with PARTITA_WEBHOOK_* and
             PARTITA_AUDIT_KEYS alone. Without the latter it makes a key, and keeps it with the data.`;
/** How long the server may take until it serves. */
const startMsMax = 60_000;
const pollMs = 100;
/** How long the server may take to end; it kills its own children after five seconds. */
const stopMsMax = 6_000;
/** How often the end of npm is looked for. */
const npmPollMs = 500;
/** Windows has no process groups. */
const grouped = process.platform !== "win32";

let server: ChildProcess | undefined;
let stopping = false;

function killServer(): void {
  try {
    if (server?.pid === undefined) return;
    if (grouped) process.kill(-server.pid, "SIGKILL");
  } catch {
    // Nothing of it is left.
  }
}

/** Ends the server, and then this process. The second call kills it. */
async function stop(): Promise<void> {
  if (stopping || !server) process.exit(0);
  stopping = true;
  server.stdin!.end();
  await Promise.race([once(server, "exit"), sleep(stopMsMax)]);
  process.exit(0);
}

// Before everything that takes time: a signal in the first second must not leave a server behind.
process.on("exit", killServer);
for (const signal of ["SIGINT", "SIGTERM", "SIGHUP"] as const) process.on(signal, () => void stop());
const npmHasEnded = watchNpm();
setInterval(() => {
  if (!stopping && npmHasEnded()) void stop();
}, npmPollMs).unref();

/** A port for the server behind. */
async function freePort(): Promise<number> {
  const probe = createServer();
  await once(probe.listen(0, host), "listening");
  const { port } = probe.address() as AddressInfo;
  probe.close();
  await once(probe, "close");
  return port;
}

/** Serves on `port` what the server behind answers. */
async function startFront(port: number, behindPort: () => number): Promise<void> {
  try {
    await once(frontOf(behindPort).listen(port, host), "listening");
  } catch (error) {
    const { code, message } = error as NodeJS.ErrnoException;
    if (code === "EADDRINUSE") fail(`Port ${port} on ${host} is taken. Name another one: PORT=8788 npm start`);
    fail(`Port ${port} on ${host} cannot be used: ${message}`);
  }
}

/** Whether the server is ready. Ends this process where a setting is missing or wrong, which waiting does not fix. */
async function isReady(url: string): Promise<boolean> {
  let problem: { code?: string; detail?: string };
  try {
    const response = await fetch(`${url}/readyz`, { signal: AbortSignal.timeout(startMsMax) });
    problem = (await response.json()) as typeof problem;
    if (response.ok) return true;
  } catch {
    return false;
  }
  if (problem.code === "not_configured") fail(`The settings are not complete: ${problem.detail ?? ""}`);
  return false;
}

/**
 * With keys in the environment tokens are verified by them; without, it is the open development mode. Without a key for
 * audits it has one of its own, kept in `folder`.
 */
function settingsOf(environment: NodeJS.ProcessEnv, folder: string): Record<string, string> {
  const keyed = environment["PARTITA_JWT_SECRET"] !== undefined || environment["PARTITA_JWKS_URL"] !== undefined;
  const passed = (prefix: string) =>
    Object.fromEntries(
      Object.entries(environment).flatMap(([name, value]) =>
        value !== undefined && name.startsWith(prefix) ? [[name, value]] : [],
      ),
    );
  const PARTITA_AUDIT_KEYS = environment["PARTITA_AUDIT_KEYS"] ?? localAuditKeys(folder);
  if (keyed) return { ...passed("PARTITA_"), PARTITA_AUDIT_KEYS };
  return { PARTITA_IDENTITY: "open", PARTITA_AUDIT_KEYS, ...passed("PARTITA_WEBHOOK_") };
}

/** Starts wrangler under a guard, which ends it when this process ends, however it ends. */
function startServer(wrangler: readonly string[], cwd: string, env: NodeJS.ProcessEnv): ChildProcess {
  const guard = fileURLToPath(new URL("guard.ts", import.meta.url));
  // A process group of its own: Ctrl-C reaches this process only, which ends the others in order.
  const child = spawn(process.execPath, [guard, ...wrangler], {
    cwd,
    env,
    stdio: ["pipe", "inherit", "inherit"],
    detached: grouped,
  });
  child.once("exit", () => {
    if (!stopping) fail("The server has ended.");
  });
  child.once("error", ({ message }) => fail(`The server could not be started: ${message}`));
  return child;
}

readCommandLine(usage, { options: {} });
const port = portOf(process.env);
if (port instanceof Error) fail(port.message);
const url = `http://${host}:${port}`;
let behind = 0;
await startFront(port, () => behind);
// Now that the other one is taken.
behind = await freePort();
const persist = process.env["PERSIST"] ? resolve(process.env["PERSIST"]) : join(projectFolder, ".wrangler", "state");
if (npmHasEnded()) process.exit(0);

server = startServer(
  [
    wranglerBin,
    "dev",
    `--ip=${host}`,
    `--port=${behind}`,
    `--persist-to=${persist}`,
    ...parametersOf({ PARTITA_PAGES: "on", PARTITA_FRONT: "on", ...settingsOf(process.env, persist) }, projectFolder),
    "--log-level=warn",
    "--show-interactive-dev-session=false",
  ],
  projectFolder,
  wranglerEnvironment,
);

const deadline = Date.now() + startMsMax;
while (!(await isReady(url))) {
  if (Date.now() > deadline) fail(`The server does not serve after ${startMsMax / 1_000} seconds.`);
  await sleep(pollMs);
}
if (!stopping) console.log(`Partita serves at ${url}/ (Ctrl-C ends it). Data: ${persist}`);
