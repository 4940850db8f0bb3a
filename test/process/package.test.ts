import { readdirSync, readFileSync, rmSync, statSync } from "node:fs";
import { join } from "node:path";
import { gzipSync } from "node:zlib";
import { afterAll, beforeAll, expect, it } from "vitest";
import { buildPackage } from "../../src/tools/build-package.ts";
import { server } from "../consumers/consumers.ts";
import { install, runTest, type Server, startServer } from "../consumers/harness.ts";
import { temporaryFolder } from "../support/server.ts";

const work = temporaryFolder("partita-package-");
let tarball: string;
let running: Server | undefined;

// Also checks it, by publint and attw.
beforeAll(async () => {
  tarball = await buildPackage(work);
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

/** The Worker of an application with all built-in models, minified and compressed: 191 KiB today. */
const workerBytesMax = 200 * 1024;

it("[EC-1] [EC-2] a Worker of one's own, without an alias or a rule for SQL, is small and serves", async () => {
  const worker = await install(server, tarball, work, "repository");
  await runTest(worker, "");
  const bundle = readFileSync(join(worker.folder, "out", "worker.js"));
  expect(gzipSync(bundle).length).toBeLessThanOrEqual(workerBytesMax);
  running = await startServer(worker);
});

it.each(["nodenext", "bundler"])("[EC-1] [EC-2] the strictest settings of tsc take the types: %s", async (folder) => {
  const consumer = await install({ name: folder, folder }, tarball, work, "repository");
  // The first also runs what was compiled.
  await runTest(consumer, running!.url);
});
