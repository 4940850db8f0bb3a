// `npm run consumers`: installs the packed package in programs as users write them, and runs them. See `usage`.
import { rmSync } from "node:fs";
import { buildPackage } from "../../src/tools/build-package.ts";
import { fail, readCommandLine } from "../../src/tools/command-line.ts";
import { temporaryFolder } from "../support/server.ts";
import { consumers, next, nodeVersions, server } from "./consumers.ts";
import { runNext } from "./guide.ts";
import { install, runTest, type Server, startServer } from "./harness.ts";
import { runStarter } from "./starter.ts";

/** The versions of Node with which a starter is made. */
const starters = Object.keys(nodeVersions).map((major) => Number(major) as keyof typeof nodeVersions);
const starterName = (node: number): string => `starter-${node}`;

/** What runs against the Worker of the package. */
const clients = [...consumers.map(({ name }) => name), next.name];
const names = [...clients, ...starters.map(starterName)];
const usage = `usage: npm run consumers [-- <name> …]
Packs the package, installs it in each program of test/consumers, and runs the program against a Worker that is built from
the same package; and makes starters with it, as \`partita init\` does, which two browsers use. Without names: all of
${names.join(", ")}.`;

const { positionals } = readCommandLine(usage, { options: {}, allowPositionals: true });
const unknown = positionals.find((name) => !names.includes(name));
if (unknown !== undefined) fail(`There is no consumer "${unknown}". See --help.`, 2);
const chosen = new Set(positionals.length === 0 ? names : positionals);

const work = temporaryFolder("partita-consumers-");
let running: Server | undefined;
const failed: string[] = [];

/** Runs one program, if it was chosen, and says how it went. */
async function tryOut(name: string, body: () => Promise<void>): Promise<void> {
  if (!chosen.has(name)) return;
  const start = Date.now();
  const seconds = () => ((Date.now() - start) / 1_000).toFixed(1);
  try {
    await body();
    console.log(`${name}: works (done after ${seconds()} s)`);
  } catch (error) {
    failed.push(name);
    console.error(`${name}: FAILED after ${seconds()} s\n${(error as Error).message}`);
  }
}

try {
  const tarball = await buildPackage(work);
  if (clients.some((name) => chosen.has(name)))
    running = await startServer(await install({ ...server, name: "server" }, tarball, work, "own"));
  for (const consumer of consumers) {
    await tryOut(consumer.name, async () => {
      const installed = await install(consumer, tarball, work, "own");
      await runTest(installed, running!.url);
      rmSync(installed.folder, { recursive: true, force: true });
    });
  }
  await tryOut(next.name, () => runNext(tarball, work, running!.url));
  for (const node of starters) await tryOut(starterName(node), () => runStarter(node, tarball, work));
} finally {
  await running?.stop();
  rmSync(work, { recursive: true, force: true });
}
console.log(`${chosen.size - failed.length} passed, ${failed.length} failed`);
if (failed.length > 0) process.exitCode = 1;
