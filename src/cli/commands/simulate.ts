import { existsSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { createRequire } from "node:module";
import { basename, dirname, join, resolve } from "node:path";
import { pathToFileURL } from "node:url";
import { defineCommand } from "citty";
import type { Model } from "../../model/index.ts";
import { Mistake } from "../mistake.ts";

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
    const model = await modelIn(resolve(args.file), args.export);
    const options = {
      seeds: count("seeds", args.seeds),
      seed: count("seed", args.seed),
      steps: count("steps", args.steps),
      ...(args.path === undefined ? {} : { path: args.path }),
    };
    const { simulate: search } = await import("../../testing/index.ts");
    const { runs, accepted, rejected } = await search(model, options);
    console.log(`${model.name}: ${runs} runs, and nothing is wrong.`);
    console.log(`accepted: ${totals(accepted)}; rejected: ${totals(rejected)}`);
    const never = Object.keys(model.events).filter((type) => !accepted[type]);
    if (never.length > 0)
      console.log(`never accepted, so not tested: ${never.join(", ")}. A test of your own can say how: drafts`);
  },
});

function count(name: string, text: string): number {
  if (/^\d{1,9}$/.test(text)) return Number(text);
  throw new Mistake(`--${name} must be a whole number, not "${text}".`, 2);
}

function totals(counts: Readonly<Record<string, number>>): string {
  return (
    Object.entries(counts)
      .map(([name, total]) => `${name} ${total}`)
      .join(", ") || "nothing"
  );
}

async function modelIn(path: string, name: string | undefined): Promise<Model<object, any, any>> {
  if (!existsSync(path)) throw new Mistake(`There is no file ${path}.`, 2);
  const exported = await load(path);
  const models = Object.entries(exported).filter(([, value]) => isModel(value));
  const wanted = name === undefined ? models : models.filter(([own]) => own === name);
  if (wanted.length === 1) return wanted[0]![1] as Model<object, any, any>;
  const has = models.length === 0 ? "exports no model" : `exports the models ${models.map(([own]) => own).join(", ")}`;
  throw new Mistake(
    `${basename(path)} ${has}.${models.length > 1 && name === undefined ? " Name one: --export" : ""}`,
    2,
  );
}

/** Loads a module in TypeScript, compiled by the project's esbuild: not each Node runs it as it is. */
async function load(path: string): Promise<Record<string, unknown>> {
  const { build } = (await import(esbuildOf(path))) as typeof import("esbuild");
  const { outputFiles } = await build({
    entryPoints: [path],
    bundle: true,
    format: "esm",
    platform: "node",
    packages: "external",
    write: false,
    logLevel: "silent",
  });
  // Beside the file, so that its packages are found.
  const folder = mkdtempSync(join(dirname(path), ".partita-"));
  try {
    const built = join(folder, "model.mjs");
    writeFileSync(built, outputFiles[0]!.contents);
    return (await import(pathToFileURL(built).href)) as Record<string, unknown>;
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}

function esbuildOf(path: string): string {
  try {
    return pathToFileURL(createRequire(path).resolve("esbuild")).href;
  } catch {
    throw new Mistake("This needs esbuild: npm install -D esbuild", 1);
  }
}

function isModel(value: unknown): boolean {
  return typeof value === "object" && value !== null && "eventType" in value && "initialState" in value;
}
