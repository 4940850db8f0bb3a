import { defineCommand } from "citty";
import { Mistake } from "../mistake.ts";
import { printable } from "../printable.ts";
import { serverDescription } from "../server.ts";
import { type VerifiedPartition, verifyAll } from "../verify.ts";

/** Details say what is in the log, which others have written. */
const say = (line: string): void => console.log(printable(line));

export const verifyCommand = defineCommand({
  meta: {
    name: "verify",
    description:
      "Verifies partitions: whether all that is stored agrees with their logs. Ends with 1 where it does not",
  },
  args: {
    url: { type: "string", description: serverDescription },
    partition: { type: "string", description: "Only this partition; default: all of the tenant" },
    prefix: { type: "string", description: "Only partitions whose names begin with it" },
    token: {
      type: "string",
      description: "A token with the permissions read and admin:inspect; default: PARTITA_TOKEN",
    },
  },
  async run({ args: { url, partition, prefix = "", token } }) {
    const source = { url, token: token ?? process.env["PARTITA_TOKEN"] };
    let [partitions, events, findings, unverified] = [0, 0, 0, 0];
    const report = ({ name, eventId, found, refused }: VerifiedPartition) => {
      partitions++;
      events += eventId;
      findings += found.length;
      for (const { eventId: at, detail } of found) say(`${name}${at === undefined ? "" : ` ${at}`}: ${detail}`);
      if (refused === undefined) return;
      unverified++;
      say(`${name}: not verified: ${refused}`);
    };
    let isFull = false;
    const full = () => (isFull = true);
    await verifyAll(source, partition === undefined ? { prefix } : { partition }, report, full);
    // A wrong name, prefix or token looks like this.
    if (events + findings + unverified === 0)
      throw new Mistake(
        `There is nothing to verify: ${partition === undefined ? "no partition has events" : `${partition} has no events`}.`,
      );
    const summary = `${partitions} partitions, ${events} events, ${findings} findings`;
    if (findings + unverified > 0) throw new Mistake(`${summary}, ${unverified} not verified.`);
    if (isFull)
      throw new Mistake(
        `${summary}. There may be more partitions: the directory of the tenant is full. Verify those by --partition.`,
      );
    console.log(`${summary}.`);
  },
});
