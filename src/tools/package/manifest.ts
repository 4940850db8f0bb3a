import { readFileSync } from "node:fs";
import { join } from "node:path";
import { nodePackageNames, starterNames, starterToolNames } from "../../cli/starter-dependencies.ts";
import { projectFolder } from "../wrangler.ts";

/** What of the repository's package.json the package has, too. */
interface Source {
  name: string;
  version: string;
  description: string;
  license: string;
  exports: Record<string, string>;
  bin?: Record<string, string>;
  dependencies: Record<string, string>;
  devDependencies: Record<string, string>;
  optionalDependencies: Record<string, string>;
  peerDependencies: Record<string, string>;
  peerDependenciesMeta: Record<string, { optional: boolean }>;
  engines: { node: string };
}

/** The folder of the package that has its modules: as `src`, compiled. */
export const modulesFolder = "lib";
/** The one that has the pages of `partita console`. */
export const consoleFolder = "console";

export function readSource(): Source {
  return JSON.parse(readFileSync(join(projectFolder, "package.json"), "utf8")) as Source;
}

/** The path of a module below `src`, without its extension: the name of an entry. */
function nameOf(path: string): string {
  return path.replace(/^\.\/src\//, "").replace(/\.tsx?$/, "");
}

/** What an entry is in Node, where its module does not run: a test imports what is beside the Worker, or in its module. */
const inNode: Readonly<Record<string, string>> = { ".": "./src/node.ts", "./parts": "./src/parts/node.ts" };

/** The entries that are built: names by their files. */
export function entriesOf({ exports, bin = {} }: Source): Record<string, string> {
  const paths = [...Object.values(exports), ...Object.values(inNode), ...Object.values(bin)];
  return Object.fromEntries(paths.map((path) => [nameOf(path), path.slice(2)]));
}

/** What of the manifest is read after it is made. */
export interface Manifest {
  name: string;
  exports: Record<string, string | { types: string; node?: string; default: string }>;
  peerDependencies: Record<string, string>;
  readonly [other: string]: unknown;
}

/**
 * The package.json of the package. It has no scripts and no development dependencies. Versions of dependencies are
 * ranges, so that an application that has one of them, too, needs it once.
 */
export function manifestOf({ exports, bin, dependencies, ...source }: Source): Manifest {
  const built = (path: string) => `./${modulesFolder}/${nameOf(path)}`;
  const entries = Object.entries(exports).map(([name, path]) => {
    const code = `${built(path)}.js`;
    const node = inNode[name];
    // The first condition that holds is taken: a bundler for Workers may know that of Node, too.
    const conditions = node === undefined ? {} : { workerd: code, node: `${built(node)}.js` };
    return [name, { types: `${built(path)}.d.ts`, ...conditions, default: code }];
  });
  return {
    name: source.name,
    version: source.version,
    description: source.description,
    license: source.license,
    type: "module",
    sideEffects: false,
    exports: { ...Object.fromEntries(entries), "./package.json": "./package.json" },
    ...(bin && { bin: Object.fromEntries(Object.entries(bin).map(([name, path]) => [name, `${built(path)}.js`])) }),
    files: [modulesFolder, consoleFolder, "templates", "THIRD-PARTY.md"],
    // What `partita init` gives a new project, besides what the package itself needs.
    testedWith: Object.fromEntries(
      [...starterNames, ...starterToolNames, ...nodePackageNames].flatMap((name) => {
        const version = source.devDependencies[name] ?? source.optionalDependencies[name];
        return version === undefined ? [] : [[name, version]];
      }),
    ),
    dependencies: Object.fromEntries(Object.entries(dependencies).map(([name, version]) => [name, `^${version}`])),
    peerDependencies: source.peerDependencies,
    peerDependenciesMeta: source.peerDependenciesMeta,
    engines: source.engines,
  };
}
