// `npm run simulate`: runs seeds of the simulator in test/simulation, see `usage`.
import { clientsStepsDefault, simulateClients, simulateGuests } from "../../test/simulation/clients/simulate.ts";
import { effectsStepsDefault, simulateEffects } from "../../test/simulation/effects/simulate.ts";
import { sagasStepsDefault, simulateSagas } from "../../test/simulation/sagas/simulate.ts";
import { explain, simulate, stepsDefault } from "../../test/simulation/simulate.ts";
import { simulateTabs, tabsStepsDefault } from "../../test/simulation/tabs/simulate.ts";
import { simulateTexts, textsStepsDefault } from "../../test/simulation/texts/simulate.ts";
import { fail, readCommandLine } from "./command-line.ts";

const usage = `usage: npm run simulate -- [--clients | --tabs | --insieme | --effects | --sagas | --texts] [--seeds 100] [--seed 1] [--steps K]
Runs as many seeds of the simulator as --seeds says, from --seed on, and stops at the first that finds a fault.
  --clients  simulates clients and the partition instead of the partition alone
  --tabs     simulates tabs of browsers, new versions of the model, and readers who lose their right
  --insieme  the same as --clients, with clients of the package insieme among them
  --effects  simulates partitions that submit to each other and to endpoints, with an inventory and a ledger among them
  --sagas    simulates sagas over several partitions
  --texts    simulates clients that edit texts at the same time, with their cursors
  --steps    the steps of each run`;

const { values } = readCommandLine(usage, {
  options: {
    clients: { type: "boolean", default: false },
    tabs: { type: "boolean", default: false },
    insieme: { type: "boolean", default: false },
    effects: { type: "boolean", default: false },
    sagas: { type: "boolean", default: false },
    texts: { type: "boolean", default: false },
    seeds: { type: "string", default: "100" },
    seed: { type: "string", default: "1" },
    steps: { type: "string" },
  },
});

function wholeNumber(name: string, text: string): number {
  if (/^\d{1,9}$/.test(text)) return Number(text);
  fail(`--${name} must be a whole number, not "${text}".`, 2);
}

const worlds = {
  partition: { run: simulate, stepsDefault, option: "" },
  clients: { run: simulateClients, stepsDefault: clientsStepsDefault, option: "--clients " },
  tabs: { run: simulateTabs, stepsDefault: tabsStepsDefault, option: "--tabs " },
  insieme: { run: simulateGuests, stepsDefault: clientsStepsDefault, option: "--insieme " },
  effects: { run: simulateEffects, stepsDefault: effectsStepsDefault, option: "--effects " },
  sagas: { run: simulateSagas, stepsDefault: sagasStepsDefault, option: "--sagas " },
  texts: { run: simulateTexts, stepsDefault: textsStepsDefault, option: "--texts " },
};
const chosen = (["clients", "tabs", "insieme", "effects", "sagas", "texts"] as const).find((name) => values[name]);
const world = worlds[chosen ?? "partition"];
const seeds = wholeNumber("seeds", values.seeds);
const first = wholeNumber("seed", values.seed);
const steps = wholeNumber("steps", values.steps ?? String(world.stepsDefault));
const startedAt = performance.now();
for (let seed = first; seed < first + seeds; seed++) {
  const report = await world.run(seed, steps);
  if (report.violation === undefined) continue;
  console.error(explain(report, world.option));
  process.exit(1);
}
const seconds = (performance.now() - startedAt) / 1_000;
console.log(`${seeds} seeds from ${first}, ${steps} steps each, in ${seconds.toFixed(1)} s: nothing is wrong.`);
