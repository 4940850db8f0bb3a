import { existsSync, readFileSync } from "node:fs";
import { dirname, join, resolve } from "node:path";
import { fileURLToPath } from "node:url";
import { Mistake } from "./mistake.ts";

/** Two folders up, in the sources as in the package. */
const ownFolder = fileURLToPath(new URL("../..", import.meta.url));

/**
 * What a project has to name so that npm installs this package for it: the range of `version` where it came from a registry,
 * and otherwise what it came from, as the file of a packed package.
 *
 * @throws Mistake where nothing that can be installed is known, as for the sources.
 */
export function packageSource(version: string, folder = ownFolder): string {
  const modules = dirname(folder);
  const resolved = resolvedIn(join(modules, ".package-lock.json"));
  if (resolved?.startsWith("file:")) {
    const path = resolve(dirname(modules), resolved.slice("file:".length));
    if (existsSync(path)) return `file:${path}`;
  } else if (resolved !== undefined)
    return resolved.endsWith(`/partita/-/partita-${version}.tgz`) ? `^${version}` : resolved;
  throw new Mistake(
    "This package did not come from a registry, so npm would not find it. Name what to install: --package, with the path of a packed package (npm run package makes one).",
    2,
  );
}

/** Where npm says that it has this package from; undefined: npm has not installed it, or a link. */
function resolvedIn(lock: string): string | undefined {
  if (!existsSync(lock)) return undefined;
  const { packages } = JSON.parse(readFileSync(lock, "utf8")) as {
    packages?: Record<string, { resolved?: string; link?: boolean }>;
  };
  const own = packages?.["node_modules/partita"];
  return own?.link ? undefined : own?.resolved;
}
