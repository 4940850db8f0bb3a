import { rmSync } from "node:fs";
import { buildWorker } from "../../src/tools/build-worker.ts";
import { temporaryFolder } from "./server.ts";

/**
 * Builds the Worker and the site once for all test files that start a server (`TestServer` reads the variable), and
 * not once for each: a build takes three seconds, and there are fifty files.
 */
export default async function buildOnce(): Promise<() => void> {
  const folder = temporaryFolder("partita-built-");
  await buildWorker(folder);
  process.env["PARTITA_BUILT"] = folder;
  return () => rmSync(folder, { recursive: true, force: true });
}
