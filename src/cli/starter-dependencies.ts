import { readFileSync } from "node:fs";

/** What a starter depends on, besides partita. The versions are those that partita itself is tested with. */
export const starterNames: readonly string[] = ["hono", "jose", "react", "react-dom", "zod"];
export const starterToolNames: readonly string[] = [
  "@cloudflare/workers-types",
  "@types/react",
  "@types/react-dom",
  "esbuild",
  "fast-check",
  "typescript",
  "vitest",
  "wrangler",
];

interface Manifest {
  version: string;
  dependencies: Record<string, string>;
  devDependencies?: Record<string, string>;
  /** In the package, which has no development dependencies: their versions. */
  testedWith?: Record<string, string>;
}

/** The versions of a starter's dependencies; `partita`: of this package. */
export function starterDependencies() {
  // Two folders up, in the sources as in the package.
  const manifest = JSON.parse(readFileSync(new URL("../../package.json", import.meta.url), "utf8")) as Manifest;
  const known = { ...manifest.testedWith, ...manifest.devDependencies, ...manifest.dependencies };
  const of = (wanted: readonly string[]) => Object.fromEntries(wanted.map((name) => [name, rangeOf(known[name])]));
  return { partita: `^${manifest.version}`, dependencies: of(starterNames), devDependencies: of(starterToolNames) };
}

/** What the manifest has is one version, or a range. */
function rangeOf(version = "*"): string {
  return /^\d/.test(version) ? `^${version}` : version;
}
