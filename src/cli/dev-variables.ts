import { existsSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { parseEnv } from "node:util";

/** The settings of `.dev.vars`, which wrangler gives a Worker on this machine; empty if there is no such file. */
export function devVariables(folder: string): Record<string, string> {
  const path = join(folder, ".dev.vars");
  return existsSync(path) ? (parseEnv(readFileSync(path, "utf8")) as Record<string, string>) : {};
}
