import { randomBytes } from "node:crypto";
import { readdirSync, readFileSync, statSync } from "node:fs";
import { basename, dirname, join, relative, resolve } from "node:path";
import { fileURLToPath } from "node:url";
import { defineCommand } from "citty";
import { makeFolder, writeText } from "../files.ts";
import { Mistake } from "../mistake.ts";
import { packageSource } from "../package-source.ts";
import { starterDependencies } from "../starter-dependencies.ts";

const templateFolder = fileURLToPath(new URL("../../../templates/starter", import.meta.url));
/** Files that have another name in the template: npm would leave them out of a package. */
const renamed: Readonly<Record<string, string>> = { gitignore: ".gitignore", "dev.vars.example": ".dev.vars.example" };
const secretBytes = 32;
const projectName = /^[a-z0-9][a-z0-9-]{0,62}$/;

export const init = defineCommand({
  meta: { name: "init", description: "Makes a project: a Worker, a model with tests, a page, tokens" },
  args: {
    folder: { type: "positional", description: "The new folder", required: true },
    package: { type: "string", description: "What to install as partita: a version, or the path of a packed package" },
  },
  run({ args }) {
    const folder = resolve(args.folder);
    const name = basename(folder);
    if (!projectName.test(name))
      throw new Mistake(`"${name}" cannot name a Worker: use 1 to 63 of a–z 0–9 -, the first a letter or digit.`, 2);
    const { platform, arch, versions } = process;
    const { partita, ...known } = starterDependencies({ platform, arch, node: versions.node });
    const source = sourceOf(args.package, partita);
    makeFolder(folder);
    if (readdirSync(folder).length > 0) throw new Mistake(`${folder} is not empty: name a new folder.`);
    for (const path of readdirSync(templateFolder, { recursive: true, encoding: "utf8" })) {
      const from = join(templateFolder, path);
      const to = join(folder, dirname(path), renamed[basename(path)] ?? basename(path));
      if (statSync(from).isDirectory()) continue;
      makeFolder(dirname(to));
      writeText(to, readFileSync(from, "utf8").replaceAll("my-app", name));
    }
    writeManifest(join(folder, "package.json"), source, known);
    writeText(join(folder, ".dev.vars"), `PARTITA_JWT_SECRET="${randomBytes(secretBytes).toString("base64url")}"\n`);
    const at = relative(process.cwd(), folder);
    if (known.optionalDependencies)
      console.log(`This is Node ${versions.node}: the project brings a newer one for its tools.`);
    console.log(
      `Made ${folder}. Next:\n\n  ${at === "" ? "" : `cd ${at}\n  `}npm install\n  npm start\n\nand in another terminal: npm test`,
    );
  },
});

/** What the project installs as partita. `given`: by its user; otherwise what this package is, at this version. */
function sourceOf(given: string | undefined, version: string): string {
  if (given === undefined) return packageSource(version);
  return /[\\/]|\.tgz$/.test(given) ? `file:${resolve(given)}` : given;
}

/** Adds the dependencies to the package.json of a new project. */
function writeManifest(
  path: string,
  partita: string,
  { dependencies, ...others }: Omit<ReturnType<typeof starterDependencies>, "partita">,
): void {
  const manifest = JSON.parse(readFileSync(path, "utf8")) as Record<string, unknown>;
  const all = { ...manifest, dependencies: { ...dependencies, partita }, ...others };
  writeText(path, `${JSON.stringify(all, undefined, 2)}\n`);
}
