import { resolve } from "node:path";
import { defineCommand } from "citty";
import { isPartitionName } from "../../protocol/index.ts";
import type { LogImported } from "../import-log/run.ts";
import { Mistake } from "../mistake.ts";
import { printable } from "../printable.ts";
import { assertReachable, folderOfUser, serverAt, serverDescription } from "../server.ts";

/** How many misfits are listed. */
const misfitsShownMax = 100;

export const importCommand = defineCommand({
  meta: {
    name: "import",
    description: "Imports the log of a partition, as export has written it, into an empty one, and compares both logs",
  },
  args: {
    file: { type: "positional", description: "What export has written", required: true },
    partition: { type: "string", description: "The partition that it is imported into", required: true },
    url: { type: "string", description: serverDescription },
    token: {
      type: "string",
      description: "With the permissions admin:import and read; PARTITA_TOKEN of the environment if it is not named",
    },
    state: {
      type: "string",
      description: "The SHA-256 of the state that export has printed: that of the partition has to be the same",
    },
    "dry-run": { type: "boolean", default: false, description: "Lists what does not fit, and imports nothing" },
  },
  async run({ args }) {
    const { partition, state } = args;
    if (!isPartitionName(partition)) throw new Mistake(`"${partition}" cannot name a partition.`, 2);
    const [{ importLog }, { ServerError }] = await Promise.all([
      import("../import-log/run.ts"),
      import("../import/send.ts"),
    ]);
    const url = serverAt(args.url);
    if (!args["dry-run"]) await assertReachable(url);
    try {
      const done = await importLog({
        file: resolve(folderOfUser(), args.file),
        partition,
        url,
        token: args.token ?? process.env["PARTITA_TOKEN"] ?? "",
        dryRun: args["dry-run"],
        onProgress: (eventId) => process.stderr.isTTY && process.stderr.write(`\revent ${eventId} `),
      });
      report(partition, done, state);
    } catch (error) {
      if (error instanceof ServerError) throw new Mistake(error.message);
      throw error;
    }
  },
});

/** @throws Mistake where something does not fit, or differs. */
function report(partition: string, { events, misfits, proof }: LogImported, state: string | undefined): void {
  for (const { eventId, why } of misfits.slice(0, misfitsShownMax)) {
    console.error(printable(`does not fit: event ${eventId}: ${why}`));
  }
  if (misfits.length > misfitsShownMax) console.error(`does not fit: ${misfits.length - misfitsShownMax} more`);
  if (misfits.length > 0) throw new Mistake(`${misfits.length} ${misfits.length === 1 ? "does" : "do"} not fit.`);
  if (events === 0) throw new Mistake("There is nothing to import: the file has no events.");
  if (!proof) {
    console.log(`${events} events, not imported.`);
    return;
  }
  for (const difference of proof.differences) console.error(printable(`differs: ${difference}`));
  if (proof.file !== proof.log) throw new Mistake("What the partition has differs from the file.");
  console.log(`${events} events are in ${partition} as in the file: SHA-256 ${proof.log}.`);
  console.log(`The state after them has the SHA-256 ${proof.state}.`);
  if (state !== undefined && state !== proof.state) throw new Mistake(`It differs from ${state}.`);
}
