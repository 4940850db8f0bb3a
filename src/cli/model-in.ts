import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { createRequire } from "node:module";
import { basename, dirname, join, resolve } from "node:path";
import { pathToFileURL } from "node:url";
import type { Model } from "../model/index.ts";
import { assertFile } from "./files.ts";
import { Mistake } from "./mistake.ts";

/** The model that the module at `file` exports. `name`: of the export; undefined: the only model in it. */
export async function modelIn(file: string, name: string | undefined): Promise<Model<object, any, any>> {
  const path = resolve(file);
  assertFile(path);
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
