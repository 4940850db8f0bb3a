// `npm run attack`: attacks a server of its own, see `usage`.
import { fail, readCommandLine } from "../../src/tools/command-line.ts";
import { machine, workerdVersion } from "../bench/machine.ts";
import { Arena } from "./arena.ts";
import { Bystander } from "./bystander.ts";
import { cases } from "./cases.ts";
import { asLine, benchmarksSection, securityTable } from "./report.ts";
import { type Result, run } from "./runner.ts";

const usage = `usage: npm run attack -- [--only=<name>[,<name>…]] [--quick] [--markdown]
Attacks a server of its own, within its rates, and measures what one frame or request costs it, and what the clients
of other partitions notice. Prints a line for each attack; ends with 1 if a bound is missed.
  --only      the attacks whose names contain one of these
  --quick     small partitions, and one round
  --markdown  prints the section of docs/BENCHMARKS.md and the table of docs/SECURITY.md at the end`;

const { values } = readCommandLine(usage, {
  options: {
    only: { type: "string" },
    quick: { type: "boolean", default: false },
    markdown: { type: "boolean", default: false },
  },
});
const wanted = values.only?.split(",");
const chosen = cases.filter(({ name }) => wanted === undefined || wanted.some((part) => name.includes(part)));
if (chosen.length === 0) fail(`No attack has such a name. There are ${cases.map(({ name }) => name).join(", ")}.`, 2);

const arena = new Arena(values.quick);
const results: Result[] = [];
let bystander: Bystander | undefined;
try {
  await arena.start();
  const { token } = await arena.unlimited("bystander");
  bystander = new Bystander({ server: arena.url.origin, partition: "bystander", token });
  for (const attackCase of chosen) {
    const result = await run(attackCase, arena, bystander);
    results.push(result);
    console.log(asLine(result));
  }
} finally {
  bystander?.stop();
  await arena.stop();
}
if (values.markdown) {
  const circumstances = `${new Date().toISOString().slice(0, 10)}: ${machine()}, workerd ${workerdVersion()}`;
  console.log(`\n${benchmarksSection(results, circumstances)}\n${securityTable(results)}`);
}
process.exitCode = results.some(({ failures }) => failures.length > 0) ? 1 : 0;
