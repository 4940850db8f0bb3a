import { existsSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { devVariables } from "./dev-variables.ts";
import { Mistake } from "./mistake.ts";

const isSecret = (name: string): boolean => /SECRET|KEYS?(_|$)/.test(name);

/**
 * The parameters by which `wrangler dev` in `folder` gets these settings. Every user of the machine can read the parameters
 * of a process: so secrets are in a file that only this user can read, and that is deleted when this process ends.
 *
 * @throws Mistake where a secret cannot be written in such a file.
 */
export function parametersOf(settings: Readonly<Record<string, string>>, folder: string): string[] {
  const all = Object.entries(settings);
  const plain = all.flatMap(([name, value]) => (isSecret(name) ? [] : [`--var=${name}:${value}`]));
  const secrets = Object.fromEntries(all.filter(([name]) => isSecret(name)));
  return Object.keys(secrets).length === 0 ? plain : [...plain, ...filesWith(secrets, folder)];
}

/** With a file that is named, wrangler reads none by itself: neither `.dev.vars` nor, where that is missing, those of dotenv. */
function filesWith(secrets: Readonly<Record<string, string>>, folder: string): string[] {
  // Node ends where such a file is missing: some versions take this parameter as their own, wherever it is.
  const has = (name: string) => existsSync(join(folder, name));
  const kept = mkdtempSync(join(tmpdir(), "partita-"));
  process.once("exit", () => rmSync(kept, { recursive: true, force: true }));
  const path = join(kept, "secrets");
  writeFileSync(path, linesOf({ ...devVariables(folder), ...secrets }), { mode: 0o600 });
  const others = has(".dev.vars") ? [] : [".env", ".env.local"].filter(has);
  return [...others, path].map((file) => `--env-file=${file}`);
}

/** As dotenv reads them, and dotenv-expand, which puts other values in the place of what follows a dollar sign. */
function linesOf(values: Readonly<Record<string, string>>): string {
  const lines = Object.entries(values).map(([name, value]) => {
    const quote = ["'", "`"].find((sign) => !value.includes(sign));
    if (quote === undefined || value.endsWith("\\"))
      throw new Mistake(`${name} has both ' and \`, or ends with \\: that cannot be passed to wrangler.`);
    return `${name}=${quote}${value.replaceAll("$", "\\$")}${quote}\n`;
  });
  return lines.join("");
}
