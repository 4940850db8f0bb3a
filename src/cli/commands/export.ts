import { createWriteStream } from "node:fs";
import { once } from "node:events";
import { defineCommand } from "citty";
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
    let events = 0;
    for await (const read of logOf({ url, partition, token: token ?? process.env["PARTITA_TOKEN"] }, Number(since))) {
      events++;
      if (!file.write(`${JSON.stringify(read)}\n`)) await once(file, "drain");
    }
    file.end();
    await once(file, "finish");
    console.log(`${events} events of ${partition} are in ${out}.`);
  },
});
