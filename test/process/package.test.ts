import { execFile, execFileSync, spawn } from "node:child_process";
import { once } from "node:events";
import {
  mkdirSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
  statSync,
  symlinkSync,
  writeFileSync,
} from "node:fs";
import { dirname, join } from "node:path";
import { promisify } from "node:util";
import { gzipSync } from "node:zlib";
import { afterAll, beforeAll, expect, it } from "vitest";
import { buildPackage } from "../../src/tools/build-package.ts";
import { server } from "../consumers/consumers.ts";
import { runGuide } from "../consumers/guide.ts";
import { type Installed, install, runTest, type Server, startServer } from "../consumers/harness.ts";
import { projectFolder, wranglerEnvironment } from "../../src/tools/wrangler.ts";
import { browserPresent } from "../support/browser.ts";
import { freePort } from "../support/processes.ts";
import { temporaryFolder } from "../support/server.ts";

const run = promisify(execFile);
const work = temporaryFolder("partita-package-");
/** Ends what it has started when its standard input ends. */
const guard = join(projectFolder, "src", "tools", "guard.ts");
let tarball: string;
let running: Server | undefined;
/** The Worker that runs, with the program that looks at its own routes. */
let routes: Installed | undefined;

// Also checks it, by publint and attw.
beforeAll(async () => {
  tarball = await buildPackage(work);
  linkModules();
});
afterAll(async () => {
  await running?.stop();
  rmSync(work, { recursive: true, force: true });
});

interface Manifest {
  exports: Record<string, string | { types: string; default: string }>;
  dependencies: Record<string, string>;
  peerDependencies: Record<string, string>;
}

/** The package before it was packed. */
const built = (path: string): string => join(work, "package", path);
const manifest = (): Manifest => JSON.parse(readFileSync(built("package.json"), "utf8")) as Manifest;
/** A file of the folder of modules. */
const text = (path: string): string => readFileSync(built(join("lib", path)), "utf8");
const modules = (): string[] =>
  readdirSync(built("lib"), { recursive: true, encoding: "utf8" }).filter((path) => /\.(js|d\.ts)$/.test(path));

it("[EC-1] the package imposes nothing: no scripts, no Node, no tools, nothing undeclared", () => {
  expect(Object.keys(manifest()).toSorted()).toEqual([
    "bin",
    "dependencies",
    "description",
    "engines",
    "exports",
    "files",
    "license",
    "name",
    "peerDependencies",
    "peerDependenciesMeta",
    "sideEffects",
    "testedWith",
    "type",
    "version",
  ]);
  expect(modules().filter((path) => /(^|\/)(tools|demo|test)\//.test(path))).toEqual([]);
  const { dependencies, peerDependencies } = manifest();
  const declared = new Set([...Object.keys(dependencies), ...Object.keys(peerDependencies)]);
  const imported = modules().flatMap((path) => importsOf(text(path)));
  const used = new Set(imported.filter((name) => !/^(\.|node:|cloudflare:)/.test(name)).map(packageOf));
  expect([...used].toSorted()).toEqual([...declared].toSorted());
});

function importsOf(text: string): string[] {
  const found = text.matchAll(/^(?:import|export)\b[^;]*?from ?"([^"]+)"|^import ?"([^"]+)"|\bimport\("([^"]+)"\)/gm);
  return [...found].map(([, from, bare, dynamic]) => (from ?? bare ?? dynamic)!);
}

const packageOf = (name: string): string => name.split("/", name.startsWith("@") ? 2 : 1).join("/");

it("[EC-1] every entry has types, and each module with code has a map with its sources", () => {
  const entries = Object.values(manifest().exports).filter((entry) => typeof entry !== "string");
  expect(entries.length).toBeGreaterThan(0);
  for (const { types, default: code } of entries) {
    expect(statSync(built(types)).isFile()).toBe(true);
    expect(statSync(built(code)).isFile()).toBe(true);
  }
  // A module that only exports what others have needs no map.
  const withCode = modules().filter((path) => path.endsWith(".js") && /^\/\/#region/m.test(text(path)));
  for (const path of withCode) {
    const { sources, sourcesContent } = JSON.parse(text(`${path}.map`));
    expect(sourcesContent).toHaveLength(sources.length);
  }
});

it("[EC-1] [CL-5] its README has the size of each entry, and the client is as small as it says", () => {
  const readme = readFileSync(built("README.md"), "utf8");
  const sizes = new Map(
    [...readme.matchAll(/^\| `([^`]+)` \| ([\d.]+) \|/gm)].map(([, name, kib]) => [name!, Number(kib)]),
  );
  const entries = Object.keys(manifest().exports).filter((path) => path !== "./package.json" && path !== "./cli");
  expect([...sizes.keys()]).toEqual(entries.map((path) => path.replace(".", "partita")));
  // Without zod.
  expect(sizes.get("partita/client")).toBeLessThanOrEqual(20);
  expect(Math.min(...sizes.values())).toBeGreaterThan(0);
  expect(Number(/The files of the console .*: ([\d.]+) KiB/.exec(readme)![1])).toBeLessThanOrEqual(150);
});

/** The Worker of an application with all built-in models and all parts, minified and compressed. */
const workerBytesMax = 235 * 1024;

it("[EC-1] [EC-2] a Worker of one's own, without an alias or a rule for SQL, is small and serves", async () => {
  const worker = await install(server, tarball, work, "repository");
  await runTest(worker, "");
  const bundle = readFileSync(join(worker.folder, "out", "worker.js"));
  expect(gzipSync(bundle).length).toBeLessThanOrEqual(workerBytesMax);
  running = await startServer(worker);
  routes = { ...worker, script: "check" };
});

it("[OB-5] [OB-9] it has routes of its own in its OpenAPI document, and other Workers write by a binding", async () => {
  await runTest(routes!, running!.url);
});

/** The Worker of a starter as it is deployed: its own code, and Partita with the part `operations`. docs/decisions/0041-parts.md */
const starterBytesMax = 120 * 1024;

/** A folder for projects, above which are the tools of the repository and the package: what an installation would have. */
const projects = join(work, "projects");
const installed = join(projects, "node_modules");

function linkModules(): void {
  mkdirSync(installed, { recursive: true });
  for (const name of readdirSync(join(projectFolder, "node_modules"))) {
    if (name !== "partita") symlinkSync(join(projectFolder, "node_modules", name), join(installed, name));
  }
  execFileSync("tar", ["xzf", tarball, "-C", installed]);
  renameSync(join(installed, "package"), join(installed, "partita"));
  renameSync(join(work, "create-partita"), join(projects, "create-partita"));
}

/** Runs a module in Node as a project has it, beside its modules. Returns what it prints. */
async function inNode(name: string, code: string): Promise<string> {
  const path = join(projects, name);
  writeFileSync(path, code);
  return (await run(process.execPath, [path])).stdout;
}

it("[EC-1] [TX-12] the guide's test of effects runs in Node, where effects come from the entry of the Worker", async () => {
  const guide = readFileSync(join(projectFolder, "docs", "guide", "testing.md"), "utf8");
  const [, code] = /^## Effects and timers\n.*?^```ts\n(.*?)^```$/ms.exec(guide)!;
  expect(code).toContain('import { defineEffects } from "partita";');
  expect(await inNode("effects.ts", code!)).toMatch(/type: 'ordered'[^]*\[\]\n$/);
});

it("[EC-1] an authority that is created in Node says where it runs, and what a test uses", async () => {
  const create = 'import { createAuthority } from "partita"; createAuthority({ models: {} });';
  await expect(inNode("authority.ts", create)).rejects.toThrow(/this is Node.*testAuthority of partita\/testing/);
});

it("[EC-4] [EC-5] a project of create-partita passes its tests, and serves with tokens", async () => {
  const folder = join(projects, "my-list");
  const cli = join(installed, "partita", "lib", "cli", "main.js");
  // As `npm create partita` runs it: it is `partita init`.
  execFileSync(process.execPath, [join(projects, "create-partita", "create.js"), folder, "--package", tarball]);
  const starter: Installed = { folder, tools: "repository", node: dirname(process.execPath) };
  expect(await runTest(starter, "")).toMatch(/2 passed/);
  const environment = { ...wranglerEnvironment, PATH: `${join(installed, ".bin")}:${process.env["PATH"]}` };
  const wrangler = join(installed, "wrangler", "bin", "wrangler.js");
  execFileSync(process.execPath, [wrangler, "deploy", "--dry-run", "--outdir", "out"], {
    cwd: folder,
    env: environment,
    stdio: "ignore",
  });
  const deployed = gzipSync(readFileSync(join(folder, "out", "worker.js"))).length;
  expect(deployed).toBeLessThanOrEqual(starterBytesMax);

  const port = await freePort();
  const dev = spawn(process.execPath, [guard, cli, "dev"], {
    cwd: folder,
    env: { ...environment, PORT: String(port) },
    stdio: ["pipe", "ignore", "inherit"],
    detached: true,
  });
  const ended = once(dev, "exit");
  try {
    const url = `http://127.0.0.1:${port}`;
    await expect
      .poll(
        () =>
          fetch(`${url}/readyz`).then(
            ({ status }) => status,
            () => 0,
          ),
        { timeout: 60_000 },
      )
      .toBe(200);
    expect(await (await fetch(url)).text()).toContain('<script type="module" src="/js/page.js">');
    expect((await fetch(`${url}/js/page.js`)).status).toBe(200);
    const asked = await fetch(`${url}/api/token`, { method: "POST", body: JSON.stringify({ name: "ada" }) });
    for (const body of ["ada", "null", '{"name": ["ada"]}', '{"name": ""}'])
      expect((await fetch(`${url}/api/token`, { method: "POST", body })).status).toBe(400);
    const headers = { authorization: `Bearer ${await asked.text()}`, "idempotency-key": "1" };
    const add = (body: object, given: Record<string, string>) =>
      fetch(`${url}/v1/partitions/list-home/events`, { method: "POST", headers: given, body: JSON.stringify(body) });
    const task = { type: "add", payload: { id: "a", text: "Bread" } };
    expect((await add(task, headers)).status).toBe(201);
    expect((await add(task, { ...headers, "idempotency-key": "2" })).status).toBe(422);
    expect((await add(task, { "idempotency-key": "3" })).status).toBe(401);
    await consoleShows(cli, folder, url);
  } finally {
    dev.stdin.end();
    await ended;
  }
});

/** Runs partita console as a user does: its page, and what an administrator may read, with a token of partita token. */
async function consoleShows(cli: string, folder: string, url: string): Promise<void> {
  const port = await freePort();
  const parameters = [cli, "console", "--url", url, "--port", String(port)];
  const child = spawn(process.execPath, parameters, { cwd: folder, stdio: ["ignore", "pipe", "inherit"] });
  const ended = once(child, "exit");
  try {
    let said = "";
    const printed = new Promise<void>((resolve) => {
      child.stdout.on("data", (chunk: Buffer) => {
        said += String(chunk);
        if (said.includes("permissions")) resolve();
      });
    });
    await Promise.race([printed, ended]);
    expect(said).toContain(`The console of ${url}: http://127.0.0.1:${port}/console\n`);
    const page = await fetch(`http://127.0.0.1:${port}/`);
    expect(await page.text()).toContain(`<p class="server">${url}</p>`);
    expect(page.headers.get("content-security-policy")).toMatch(/^default-src 'none'/);
    // The command that it has printed.
    const permissions = /--permissions "(.+)"/.exec(said)![1]!;
    // Not in a blocking way: it takes as long as the console keeps an idle connection open.
    const asked = [cli, "token", "--sub", "me", "--permissions", permissions];
    const { stdout: token } = await run(process.execPath, asked, { cwd: folder });
    const rejections = `http://127.0.0.1:${port}/v1/partitions/list-home/inspect/rejections`;
    const shown = await fetch(rejections, { headers: { authorization: `Bearer ${token.trim()}` } });
    expect(await shown.json()).toMatchObject({ rejections: [{ draftId: "2" }] });
  } finally {
    child.kill();
    await ended;
  }
}

it.each(["nodenext", "bundler"])("[EC-1] [EC-2] the strictest settings of tsc take the types: %s", async (folder) => {
  const consumer = await install({ name: folder, folder }, tarball, work, "repository");
  // The first also runs what was compiled.
  await runTest(consumer, running!.url);
});

it.skipIf(!browserPresent)(
  "[EC-7] [EC-8] the apps of the guide run as they are written, and two browsers see each other's change",
  async () => {
    const folder = join(projects, "guide");
    await runGuide({ folder, tools: "repository", node: dirname(process.execPath) }, running!.url);
  },
);
