// `npm run consumers`: installs the packed package in programs as users write them, and runs them. See `usage`.
import { rmSync } from "node:fs";
import { buildPackage } from "../../src/tools/build-package.ts";
import { fail, readCommandLine } from "../../src/tools/command-line.ts";
import { temporaryFolder } from "../support/server.ts";
import { consumers, server } from "./consumers.ts";
import { install, runTest, type Server, startServer } from "./harness.ts";

const usage = `usage: npm run consumers [-- <name> …]
Packs the package, installs it in each program of test/consumers, and runs the program against a Worker that is built from
the same package. Without names: all of ${consumers.map(({ name }) => name).join(", ")}.`;

const { positionals } = readCommandLine(usage, { options: {}, allowPositionals: true });
const unknown = positionals.find((name) => !consumers.some((consumer) => consumer.name === name));
if (unknown !== undefined) fail(`There is no consumer "${unknown}". See --help.`, 2);
const chosen = positionals.length === 0 ? consumers : consumers.filter(({ name }) => positionals.includes(name));

const work = temporaryFolder("partita-consumers-");
let running: Server | undefined;
const failed: string[] = [];
try {
  const tarball = await buildPackage(work);
  running = await startServer(await install({ ...server, name: "server" }, tarball, work, "own"));
  for (const consumer of chosen) {
    const start = Date.now();
    const seconds = () => ((Date.now() - start) / 1_000).toFixed(1);
    try {
      const installed = await install(consumer, tarball, work, "own");
      const installedAfter = seconds();
      await runTest(installed, running.url);
      console.log(`${consumer.name}: works (installed after ${installedAfter} s, done after ${seconds()} s)`);
      rmSync(installed.folder, { recursive: true, force: true });
    } catch (error) {
      failed.push(consumer.name);
      console.error(`${consumer.name}: FAILED after ${seconds()} s\n${(error as Error).message}`);
    }
  }
} finally {
  await running?.stop();
  rmSync(work, { recursive: true, force: true });
}
console.log(`${chosen.length - failed.length} passed, ${failed.length} failed`);
if (failed.length > 0) process.exitCode = 1;
