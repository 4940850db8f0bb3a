import { createWriteStream, renameSync, rmSync } from "node:fs";
import { once } from "node:events";
import { pipeline } from "node:stream/promises";
import { defineCommand } from "citty";
import { countIn } from "../count.ts";
import { unwritable } from "../files.ts";
import { LogDigest, stateDigest } from "../import-log/digest.ts";
import { Mistake } from "../mistake.ts";
import { logOf, type ReadEvent } from "../read-log.ts";
import { serverDescription } from "../server.ts";

export const exportCommand = defineCommand({
  meta: { name: "export", description: "Writes the log of a partition to a file: an event a line, as JSON" },
  args: {
    url: { type: "string", description: serverDescription },
    partition: { type: "string", description: "The partition", required: true },
    token: { type: "string", description: "A token with the permission read; default: PARTITA_TOKEN" },
    out: { type: "string", description: "The file", required: true },
    since: { type: "string", default: "0", description: "Only the events after this one" },
  },
  async run({ args: { url, partition, token, out, since } }) {
    const after = countIn("since", since);
    const source = { url, partition, token: token ?? process.env["PARTITA_TOKEN"] };
    const { events, last, sha256 } = await writeLog(logOf(source, after), out, () => {
      // A wrong name looks like this, and an empty file would pass each check that reads it.
      if (after === 0) throw new Mistake(`The partition ${partition} has no events. Is its name right?`);
    });
    console.log(`${events} events of ${partition} are in ${out}.`);
    if (events === 0) return;
    console.log(`They have the SHA-256 ${sha256}.`);
    const state = await stateDigest(source, last).catch((error: Error) => error);
    console.log(
      state instanceof Error
        ? `The state was not read: ${state.message}`
        : `The state after event ${last} has the SHA-256 ${state}.`,
    );
  },
});

/** What is in a file. */
interface Written {
  events: number;
  /** The id of the last one. */
  last: number;
  /** Of all of them, in order. */
  sha256: string;
}

/**
 * Writes events to a file, which gets its name when it is complete: an error leaves the file that was there before.
 * `ifEmpty` may throw.
 */
async function writeLog(log: AsyncIterable<ReadEvent>, out: string, ifEmpty: () => void): Promise<Written> {
  const digest = new LogDigest();
  let events = 0;
  let last = 0;
  const lines = async function* () {
    for await (const read of log) {
      events++;
      last = read.eventId;
      digest.add(read);
      yield `${JSON.stringify(read)}\n`;
    }
    if (events === 0) ifEmpty();
  };
  const partial = `${out}.partial`;
  const file = createWriteStream(partial);
  await once(file, "open").catch((error: unknown) => {
    throw unwritable(partial, error);
  });
  try {
    await pipeline(lines, file);
    renameSync(partial, out);
  } finally {
    rmSync(partial, { force: true });
  }
  return { events, last, sha256: digest.text };
}
