import { defineCommand } from "citty";
import { countIn } from "../count.ts";
import { Mistake } from "../mistake.ts";
import { modelIn } from "../model-in.ts";

export const simulate = defineCommand({
  meta: {
    name: "simulate",
    description:
      "Searches for what a model gets wrong, as simulate of partita/testing does. It needs the packages fast-check and esbuild",
  },
  args: {
    file: { type: "positional", description: "The module of the model", required: true },
    export: { type: "string", description: "The name of its export; default: the only model in the module" },
    seeds: { type: "string", default: "100", description: "How many runs" },
    seed: { type: "string", default: "1", description: "Of the randomness of all runs" },
    steps: { type: "string", default: "40", description: "The most actions of a run" },
    path: { type: "string", description: "Of a failure: runs its smallest case alone" },
  },
  async run({ args }) {
    const model = await modelIn(args.file, args.export);
    const options = {
      seeds: countIn("seeds", args.seeds, 1),
      seed: countIn("seed", args.seed),
      steps: countIn("steps", args.steps, 1),
      ...(args.path === undefined ? {} : { path: args.path }),
    };
    const { simulate: search } = await import("../../testing/index.ts");
    const { runs, accepted, rejected } = await search(model, options);
    const verdicts = `accepted: ${totals(accepted)}; rejected: ${totals(rejected)}`;
    // Then nothing was tested, and that is no good news.
    if (Object.keys(accepted).length === 0)
      throw new Mistake(`${model.name}: ${runs} runs, and no event was accepted.\n${verdicts}`);
    console.log(`${model.name}: ${runs} runs, and nothing is wrong.`);
    console.log(verdicts);
    const never = Object.keys(model.events).filter((type) => !accepted[type]);
    if (never.length > 0)
      console.log(
        `never accepted, so not tested: ${never.join(", ")}. A test of your own can: by drafts, and by effects for types that timers submit`,
      );
  },
});

function totals(counts: Readonly<Record<string, number>>): string {
  return (
    Object.entries(counts)
      .map(([name, total]) => `${name} ${total}`)
      .join(", ") || "nothing"
  );
}
