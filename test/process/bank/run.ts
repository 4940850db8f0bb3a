// `npm run bank`: see `usage`.
import { fail, readCommandLine } from "../../../src/tools/command-line.ts";
import { runBank } from "./drive.ts";
import { judge, shortcomings, summary } from "./judge.ts";

const usage = `usage: npm run bank -- [--transfers 50000] [--kills 30] [--seed N]
1,000 accounts of 20 banks, and 32 clients who pay to each other, within a bank and between two by a saga over three, while
their server is killed: transfers are killed in each state. Then an independent judge reads all logs. Ends with 1 if it finds
a fault.
  --transfers  accepted transfers, at least
  --kills      kills of the server, at least
  --seed       of what is submitted; the times of a run are its own`;

const { values } = readCommandLine(usage, {
  options: {
    transfers: { type: "string", default: "50000" },
    kills: { type: "string", default: "30" },
    seed: { type: "string", default: String(Math.floor(Math.random() * 10 ** 9)) },
  },
});

function wholeNumber(name: keyof typeof values): number {
  const text = values[name];
  if (/^\d{1,9}$/.test(text)) return Number(text);
  fail(`--${name} must be a whole number of at most 9 digits, not "${text}".`, 2);
}

const wanted = { transfers: wholeNumber("transfers"), kills: wholeNumber("kills"), eachState: true };
const seed = wholeNumber("seed");
const startedAt = performance.now();
const evidence = await runBank({ banks: 20, accountsEach: 50, clients: 32, ...wanted, seed });
const seconds = ((performance.now() - startedAt) / 1_000).toFixed(0);
const judgement = judge(evidence);
const { length: kills } = evidence.kills;
console.log(`seed ${seed}, ${seconds} s: ${summary(judgement, kills)}`);
const wrong = [...judgement.faults, ...shortcomings(judgement, kills, wanted)];
for (const each of wrong) console.error(each);
console.log(wrong.length === 0 ? "The judge finds no fault." : `${wrong.length} faults.`);
process.exitCode = wrong.length === 0 ? 0 : 1;
