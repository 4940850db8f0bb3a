import { resolve } from "node:path";
import { pathToFileURL } from "node:url";
import { defineCommand } from "citty";
import type { TheirView } from "../import-insieme/prove.ts";
import type { InsiemeImported } from "../import-insieme/run.ts";
import { Mistake } from "../mistake.ts";
import { printable } from "../printable.ts";
import { assertReachable, folderOfUser, serverAt, serverDescription } from "../server.ts";

/** How many misfits are listed. */
const misfitsShownMax = 100;

export const importInsiemeCommand = defineCommand({
  meta: {
    name: "import-insieme",
    description:
      "Imports the log of a server of the package insieme, each project into a partition, and compares both logs",
  },
  args: {
    file: { type: "positional", description: "Their SQLite file. It is only read", required: true },
    project: { type: "string", description: "One project; all if none is named" },
    url: { type: "string", description: serverDescription },
    token: {
      type: "string",
      description:
        "With the permissions admin:import and read, for the projects, and of the client that --client names; PARTITA_TOKEN of the environment if it is not named",
    },
    client: { type: "string", default: "import", description: "The client that the token is for" },
    views: {
      type: "string",
      description:
        "A module that exports the materializedViews of the application: what is folded, instead of a digest",
    },
    adjust: {
      type: "boolean",
      default: false,
      description:
        "Events get the next free number where other projects have numbers between theirs, and a time that is not before that of the event before it. Clients then have to start with empty stores",
    },
    "dry-run": { type: "boolean", default: false, description: "Lists what does not fit, and imports nothing" },
  },
  async run({ args }) {
    const views = await viewsOf(args.views);
    // Not before it is needed: Node says at every start of its SQLite that it is new.
    const [{ importInsieme }, { FileError }, { ServerError }] = await Promise.all([
      import("../import-insieme/run.ts"),
      import("../import-insieme/their-file.ts"),
      import("../import/send.ts"),
    ]);
    const url = serverAt(args.url);
    if (!args["dry-run"]) await assertReachable(url);
    try {
      const done = await importInsieme({
        file: resolve(folderOfUser(), args.file),
        url,
        token: args.token ?? process.env["PARTITA_TOKEN"] ?? "",
        project: args.project,
        clientId: args.client,
        views,
        adjust: args.adjust,
        dryRun: args["dry-run"],
        onProgress: (projectId, eventId) =>
          process.stderr.isTTY && process.stderr.write(`\r${projectId}: event ${eventId} `),
      });
      report(done);
    } catch (error) {
      if (error instanceof FileError || error instanceof ServerError) throw new Mistake(error.message);
      throw error;
    }
  },
});

/** The views of a module of the application. */
async function viewsOf(name: string | undefined): Promise<readonly TheirView[] | undefined> {
  if (name === undefined) return undefined;
  const path = pathToFileURL(resolve(folderOfUser(), name)).href;
  const module = (await import(path)) as { materializedViews?: readonly TheirView[] };
  if (!Array.isArray(module.materializedViews))
    throw new Mistake(`${name} does not export materializedViews, an array.`, 2);
  return module.materializedViews;
}

/** @throws Mistake where something does not fit, or differs. */
function report({ projects, misfits }: InsiemeImported): void {
  for (const { projectId, committedId, why } of misfits.slice(0, misfitsShownMax)) {
    const where = committedId === undefined ? projectId : `${projectId}, event ${committedId}`;
    console.error(printable(`does not fit: ${where}: ${why}`));
  }
  if (misfits.length > misfitsShownMax) console.error(`does not fit: ${misfits.length - misfitsShownMax} more`);
  let equal = true;
  for (const { projectId, events, proof, numbers, times } of projects) {
    const adjusted = numbers + times === 0 ? "" : `; ${numbers} numbers and ${times} times were adjusted`;
    if (!proof) {
      console.log(`${projectId}: ${events} events${adjusted}, not imported`);
      continue;
    }
    for (const difference of proof.differences) console.error(printable(`differs: ${projectId}: ${difference}`));
    equal &&= proof.differences.length === 0;
    console.log(
      proof.differences.length === 0
        ? `${projectId}: ${proof.events} events imported${adjusted}; the log and ${proof.states} folded views are equal`
        : `${projectId}: NOT equal, see above`,
    );
  }
  if (misfits.length > 0) throw new Mistake(`${misfits.length} ${misfits.length === 1 ? "does" : "do"} not fit.`);
  if (!equal) throw new Mistake("What was imported differs from the file.");
}
