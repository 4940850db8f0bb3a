// Runs seeds with a fault planted into the source: `node test/simulation/mutant.ts <name> <seeds> <first>`. Prints the seed
// that found it, or nothing, as JSON. It begins with the seed `first`, which has found it before: if it does not any more,
// because the simulator has changed, all are run. A process of its own, because modules are loaded once.
import { registerHooks } from "node:module";
import { type Mutant, mutants } from "./mutants.ts";

type Simulate = (seed: number) => Promise<{ violation?: string | undefined }>;

const [name = "", seeds = "1000", first = "1"] = process.argv.slice(2);
const mutant = mutants[name];
if (!mutant) throw new Error(`there is no mutant "${name}"`);
const url = new URL(`../../${mutant.file}`, import.meta.url).href;
let planted = false;

registerHooks({
  load(loaded, context, nextLoad) {
    const result = nextLoad(loaded, context);
    if (loaded !== url) return result;
    const text = String(result.source);
    const parts = text.split(mutant.from);
    if (parts.length !== 2) throw new Error(`"${name}" fits ${parts.length - 1} places of ${mutant.file}, and not one`);
    planted = true;
    return { ...result, source: parts.join(mutant.to) };
  },
});

const simulate = await simulationOf(mutant);
if (!planted) throw new Error(`${mutant.file} is not part of the simulation`);
/** The simulation that has to find it. */
async function simulationOf({ world }: Mutant): Promise<Simulate> {
  switch (world) {
    case "clients":
      return (await import("./clients/simulate.ts")).simulateClients;
    case "insieme":
      return (await import("./clients/simulate.ts")).simulateGuests;
    case "courier":
      return (await import("./courier/simulate.ts")).simulateCourier;
    case "jobs":
      await import("../support/sql-modules.ts");
      return (await import("./jobs/simulate.ts")).simulateJobs;
    case "texts":
      return (await import("./texts/simulate.ts")).simulateTexts;
    case "effects":
      return (await import("./effects/simulate.ts")).simulateEffects;
    default:
      return (await import("./simulate.ts")).simulate;
  }
}

let found: { seed: number; violation: string } | undefined;
for (let at = 0; at <= Number(seeds) && !found; at++) {
  const seed = at || Number(first);
  const { violation } = await simulate(seed);
  if (violation !== undefined) found = { seed, violation };
}
console.log(JSON.stringify(found ?? null));
