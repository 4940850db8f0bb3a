// `npm run import -- <folder>`: imports a folder tree into a partition, over the wire, and verifies it.
import { stat } from "node:fs/promises";
import { basename, resolve } from "node:path";
import { isPartitionName } from "../protocol/index.ts";
import { host, portOf } from "./address.ts";
import { readCommandLine } from "./command-line.ts";
import { Progress } from "./import/progress.ts";
import { connectionsMax, importEntries, windowMax } from "./import/run.ts";
import { Tally } from "./import/tally.ts";
import { verifyImport } from "./import/verify.ts";
import { walk } from "./import/walk.ts";

const usage = `usage: npm run import -- <folder> [--partition name] [--url http://127.0.0.1:8787]
                                [--connections 4] [--window 64]
Imports the names of a folder tree into a partition, and verifies the result. The server is that of npm start, at the
port PORT of the environment if it is set, or the one that --url names.`;
/** How many skipped entries are listed. */
const leftShownMax = 5;

/** An error of the command, or of the server, as one sentence. */
class CommandError extends Error {}

interface Command {
  folder: string;
  partition: string;
  url: URL;
  connections: number;
  window: number;
}

async function readCommand(): Promise<Command> {
  const { values, positionals } = readCommandLine(usage, {
    allowPositionals: true,
    options: {
      partition: { type: "string" },
      url: { type: "string" },
      connections: { type: "string", default: "4" },
      window: { type: "string", default: "64" },
    },
  });
  if (positionals.length !== 1) throw new CommandError(`Name one folder.\n${usage}`);
  // npm runs scripts in the project folder; the parameter is relative to the user's folder.
  const folder = resolve(process.env["INIT_CWD"] ?? process.cwd(), positionals[0]!);
  const found = await stat(folder).catch(() => undefined);
  if (!found?.isDirectory()) throw new CommandError(`${folder} is not a folder.`);
  const partition = values.partition ?? partitionNameFor(folder);
  if (!isPartitionName(partition)) {
    throw new CommandError(`"${partition}" cannot name a partition: use 1 to 128 of A–Z a–z 0–9 . _ ~ : -`);
  }
  const url = values.url ?? urlOfServer();
  if (!/^https?:\/\//.test(url) || !URL.canParse(url)) {
    throw new CommandError(`"${url}" is not the URL of a server, as http://127.0.0.1:8787`);
  }
  return {
    folder,
    partition,
    url: new URL(url),
    connections: count("connections", values.connections, connectionsMax),
    window: count("window", values.window, windowMax),
  };
}

/** The server of `npm start` in the same environment. */
function urlOfServer(): string {
  const port = portOf(process.env);
  if (port instanceof Error) throw new CommandError(port.message);
  return `http://${host}:${port}`;
}

function partitionNameFor(folder: string): string {
  const name = basename(folder)
    .replaceAll(/[^A-Za-z0-9._~:-]/g, "-")
    .replace(/^[^A-Za-z0-9]+/, "")
    .slice(0, 128);
  return name === "" ? "import" : name;
}

function count(name: string, text: string, max: number): number {
  const value = Number(text);
  if (/^\d{1,5}$/.test(text) && value >= 1 && value <= max) return value;
  throw new CommandError(`--${name} must be a whole number from 1 to ${max}.`);
}

async function assertServing(url: URL): Promise<void> {
  try {
    const response = await fetch(new URL("livez", url));
    await response.body?.cancel();
  } catch {
    throw new CommandError(
      `Nothing answers at ${url.origin}: start the server with npm start, or name it with --url or PORT.`,
    );
  }
}

/** Imports and verifies. Returns whether everything was accepted and verified. */
async function main(): Promise<boolean> {
  const { folder, ...target } = await readCommand();
  await assertServing(target.url);
  const { entries, left } = await walk(folder);
  console.error(`${folder}: ${entries.length} entries, into partition ${target.partition}`);
  for (const { path, why } of left.slice(0, leftShownMax)) console.error(`left out: ${path}: ${why}`);
  if (left.length > leftShownMax) console.error(`left out: ${left.length - leftShownMax} more`);

  const tally = new Tally(entries.length);
  const progress = new Progress(tally, process.stderr);
  let seconds: number;
  try {
    await importEntries({
      ...target,
      entries,
      tally,
      onLost: ({ message }, pauseMs) => progress.say(`${message}: trying again in ${Math.round(pauseMs)} ms`),
    });
  } finally {
    seconds = progress.end();
  }
  console.log(
    `${tally.committed} events committed, ${tally.replayed} known from before, ${tally.rejected} rejected, ` +
      `${tally.skipped} below rejected ones, in ${seconds.toFixed(1)} s: ${Math.round(tally.decided / seconds)} events/s`,
  );
  for (const { draftId, code, errors } of tally.rejections) {
    console.error(
      `rejected: ${draftId}: ${code} ${errors.map(({ field, message }) => `${field}: ${message}`).join(" ")}`,
    );
  }

  const { eventIndex, nodes, differences } = await verifyImport(target.url, target.partition, entries);
  for (const difference of differences) console.error(`differs: ${difference}`);
  const verified = differences.length === 0;
  console.log(
    verified
      ? `verified: events 1 to ${eventIndex} fold to the server's state, and to the folder's ${nodes} entries`
      : `NOT verified: of events 1 to ${eventIndex}, see above`,
  );
  console.log(new URL(`files?partition=${encodeURIComponent(target.partition)}`, target.url).href);
  return verified && tally.rejected === 0;
}

try {
  process.exitCode = (await main()) ? 0 : 1;
} catch (error) {
  console.error((error as Error).message);
  process.exitCode = 1;
}
