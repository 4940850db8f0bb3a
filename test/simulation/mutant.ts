// Runs seeds with a fault planted into the source: `node test/simulation/mutant.ts <name> <seeds>`. Prints the seed that
// found it, or nothing, as JSON. A process of its own, because modules are loaded once.
import { registerHooks } from "node:module";
import { mutants } from "./mutants.ts";

const [name = "", seeds = "1000"] = process.argv.slice(2);
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

const simulate = mutant.clients
  ? (await import("./clients/simulate.ts")).simulateClients
  : (await import("./simulate.ts")).simulate;
if (!planted) throw new Error(`${mutant.file} is not part of the simulation`);
let found: { seed: number; violation: string } | undefined;
for (let seed = 1; seed <= Number(seeds) && !found; seed++) {
  const { violation } = await simulate(seed);
  if (violation !== undefined) found = { seed, violation };
}
console.log(JSON.stringify(found ?? null));
