import { existsSync } from "node:fs";
import { createRequire } from "node:module";
import { dirname, join, resolve } from "node:path";
import { Mistake } from "./mistake.ts";

/** A folder with a Worker of its own. */
export interface Project {
  folder: string;
  /** Its configuration for wrangler. */
  config: string;
  /** The program of its wrangler, for `process.execPath`. */
  wrangler: string;
}

const configNames = ["wrangler.toml", "wrangler.jsonc", "wrangler.json"];

/** Without network attempts and local traces, which make it slow. */
export const quietWrangler: NodeJS.ProcessEnv = {
  WRANGLER_SEND_METRICS: "false",
  WRANGLER_HIDE_BANNER: "true",
  CLOUDFLARE_CF_FETCH_ENABLED: "false",
  // Undocumented, found in its code: local traces make `wrangler dev` 10 to 30 times slower.
  X_LOCAL_OBSERVABILITY: "false",
};

/** Whether a folder has a configuration for wrangler. */
export function isProject(folder: string): boolean {
  return configNames.some((name) => existsSync(join(folder, name)));
}

/** The project in `folder`. @throws Mistake where there is none, or it has no wrangler. */
export function projectIn(folder: string): Project {
  const at = resolve(folder);
  const name = configNames.find((candidate) => existsSync(join(at, candidate)));
  if (!name) throw new Mistake(`There is no ${configNames[0]} in ${at}. Make a project with: npx partita init my-app`);
  return { folder: at, config: join(at, name), wrangler: join(packageFolder(at, "wrangler"), "bin/wrangler.js") };
}

/** Where the project has a package. @throws Mistake where it has not. */
export function packageFolder(folder: string, name: string): string {
  try {
    return dirname(createRequire(join(folder, "package.json")).resolve(`${name}/package.json`));
  } catch {
    throw new Mistake(`${name} is not installed in ${folder}: npm install -D ${name}`, 1);
  }
}
