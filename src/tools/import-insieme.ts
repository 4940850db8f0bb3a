// `npm run import-insieme -- <file>`: imports the log of a server of the package `insieme`, see `usage`.
import { resolve } from "node:path";
import { pathToFileURL } from "node:url";
import { host, portOf } from "./address.ts";
import { fail, readCommandLine } from "./command-line.ts";
import type { TheirView } from "./import-insieme/prove.ts";
import { importInsieme } from "./import-insieme/run.ts";
import { FileError } from "./import-insieme/their-file.ts";
import { ServerError } from "./import-insieme/their-wire.ts";

const usage = `usage: npm run import-insieme -- <SQLite file> [--project id] [--url http://127.0.0.1:8787] [--token t]
                                         [--client id] [--views module] [--adjust] [--dry-run]
Imports the committed log of an Insieme server (package insieme 2, SQLite or libSQL store), each project into the
partition of its name, with the ids, the order and the times that it has there. What does not fit is listed, and then
nothing is imported. At the end the log here, as a client of Insieme receives it, is compared with the file, and so is
what the package folds of both. The file is only read. A second run goes on where the first one ended.
  --project  one project; all if none is named
  --token    with the permissions admin:import and read, for the projects, and of the client that --client names;
             PARTITA_TOKEN of the environment if it is not named
  --views    a module that exports the materializedViews of the application: what is folded, instead of a digest
  --adjust   events get the next free number where other projects have numbers between theirs, and a time that is not before
             that of the event before it. Clients then have to start with empty stores.
  --dry-run  lists what does not fit, and imports nothing`;

/** How many misfits are listed. */
const misfitsShownMax = 100;

const { values, positionals } = readCommandLine(usage, {
  allowPositionals: true,
  options: {
    project: { type: "string" },
    url: { type: "string" },
    token: { type: "string" },
    client: { type: "string", default: "import" },
    views: { type: "string" },
    adjust: { type: "boolean", default: false },
    "dry-run": { type: "boolean", default: false },
  },
});
if (positionals.length !== 1) fail("Name one SQLite file. See --help.", 2);

/** npm runs scripts in the project folder; the parameters are relative to the user's folder. */
const pathOf = (name: string) => resolve(process.env["INIT_CWD"] ?? process.cwd(), name);

function urlOf(text: string | undefined): URL {
  if (text === undefined) {
    const port = portOf(process.env);
    if (port instanceof Error) fail(port.message, 2);
    return new URL(`http://${host}:${port}`);
  }
  if (!/^https?:\/\//.test(text) || !URL.canParse(text)) fail(`"${text}" is not the URL of a server.`, 2);
  return new URL(text);
}

async function viewsOf(name: string | undefined): Promise<readonly TheirView[] | undefined> {
  if (name === undefined) return undefined;
  const module = (await import(pathToFileURL(pathOf(name)).href)) as { materializedViews?: readonly TheirView[] };
  if (!Array.isArray(module.materializedViews)) fail(`${name} does not export materializedViews, an array.`, 2);
  return module.materializedViews;
}

try {
  const { projects, misfits } = await importInsieme({
    file: pathOf(positionals[0]!),
    url: urlOf(values.url),
    token: values.token ?? process.env["PARTITA_TOKEN"] ?? "",
    project: values.project,
    clientId: values.client,
    views: await viewsOf(values.views),
    adjust: values.adjust,
    dryRun: values["dry-run"],
    onProgress: (projectId, eventId) =>
      process.stderr.isTTY && process.stderr.write(`\r${projectId}: event ${eventId} `),
  });
  for (const { projectId, committedId, why } of misfits.slice(0, misfitsShownMax)) {
    console.error(`does not fit: ${projectId}${committedId === undefined ? "" : `, event ${committedId}`}: ${why}`);
  }
  if (misfits.length > misfitsShownMax) console.error(`does not fit: ${misfits.length - misfitsShownMax} more`);
  let equal = misfits.length === 0;
  for (const { projectId, events, proof, numbers, times } of projects) {
    const adjusted = numbers + times === 0 ? "" : `; ${numbers} numbers and ${times} times were adjusted`;
    if (!proof) {
      console.log(`${projectId}: ${events} events${adjusted}, not imported`);
      continue;
    }
    for (const difference of proof.differences) console.error(`differs: ${projectId}: ${difference}`);
    equal &&= proof.differences.length === 0;
    console.log(
      proof.differences.length === 0
        ? `${projectId}: ${proof.events} events imported${adjusted}; the log and ${proof.states} folded views are equal`
        : `${projectId}: NOT equal, see above`,
    );
  }
  process.exitCode = equal ? 0 : 1;
} catch (error) {
  if (!(error instanceof FileError || error instanceof ServerError)) throw error;
  fail(error.message);
}
