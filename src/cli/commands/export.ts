import { createWriteStream } from "node:fs";
import { once } from "node:events";
import { defineCommand } from "citty";
import { LogDigest, stateDigest } from "../import-log/digest.ts";
import { logOf } from "../read-log.ts";

export const exportCommand = defineCommand({
  meta: { name: "export", description: "Writes the log of a partition to a file: an event a line, as JSON" },
  args: {
    url: { type: "string", description: "The address of the server", required: true },
    partition: { type: "string", description: "The partition", required: true },
    token: { type: "string", description: "A token with the permission read; default: PARTITA_TOKEN" },
    out: { type: "string", description: "The file", required: true },
    since: { type: "string", default: "0", description: "Only the events after this one" },
  },
  async run({ args: { url, partition, token, out, since } }) {
    const file = createWriteStream(out);
    const source = { url, partition, token: token ?? process.env["PARTITA_TOKEN"] };
    const digest = new LogDigest();
    let events = 0;
    let last = 0;
    for await (const read of logOf(source, Number(since))) {
      events++;
      last = read.eventId;
      digest.add(read);
      if (!file.write(`${JSON.stringify(read)}\n`)) await once(file, "drain");
    }
    file.end();
    await once(file, "finish");
    console.log(`${events} events of ${partition} are in ${out}.`);
    if (events === 0) return;
    console.log(`They have the SHA-256 ${digest.text}.`);
    const state = await stateDigest(source, last).catch((error: Error) => error);
    console.log(
      state instanceof Error
        ? `The state was not read: ${state.message}`
        : `The state after event ${last} has the SHA-256 ${state}.`,
    );
  },
});
