// `npm run package`: builds the package that applications install, see `usage`.
import { execFileSync } from "node:child_process";
import { copyFileSync, cpSync, mkdirSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { dirname, join, relative } from "node:path";
import { fileURLToPath } from "node:url";
import { gzipSync } from "node:zlib";
import { build } from "tsdown";
import { fail, readCommandLine } from "./command-line.ts";
import { packageConsole } from "./console.ts";
import { boundConstants } from "./package/bounds.ts";
import { mistakesIn } from "./package/check.ts";
import { consoleFolder, entriesOf, manifestOf, modulesFolder, readSource } from "./package/manifest.ts";
import { kib, sizesOf, sizeTable } from "./package/sizes.ts";
import { migrationModules } from "./package/sql.ts";
import { bundledPackages, onlyZod, thirdPartyNotices } from "./package/third-party.ts";
import { projectFolder } from "./wrangler.ts";

const usage = `usage: npm run package
Builds the package into dist/package, checks it by publint and attw, and packs it: dist/partita-<version>.tgz.`;

/**
 * Builds the package into `folder`/package, which is emptied before, and packs it into `folder`. Returns the path of the
 * packed package.
 *
 * @throws Error if something cannot be compiled, or publint or attw finds a mistake.
 */
export async function buildPackage(folder: string): Promise<string> {
  const target = join(folder, "package");
  const source = readSource();
  rmSync(target, { recursive: true, force: true });
  await buildModules(join(target, modulesFolder), entriesOf(source));
  const manifest = manifestOf(source);
  writeFileSync(join(target, "package.json"), `${JSON.stringify(manifest, undefined, 2)}\n`);
  const site = packageConsole();
  writeFileSync(join(target, "THIRD-PARTY.md"), thirdPartyNotices([...bundledPackages, ...site.packages]));
  const readme = readFileSync(join(projectFolder, "src/tools/package/README.md"), "utf8");
  const sizes = sizeTable(await sizesOf(target, manifest));
  const siteSize = kib(writeConsole(join(target, consoleFolder), site.files));
  const texts = { sizes, console: siteSize };
  writeFileSync(
    join(target, "README.md"),
    readme.replaceAll(/<!-- (sizes|console) -->/g, (_, name: keyof typeof texts) => texts[name]),
  );
  copyFileSync(join(projectFolder, "LICENSE"), join(target, "LICENSE"));
  // What `partita init` and `partita build` copy.
  cpSync(join(projectFolder, "templates"), join(target, "templates"), { recursive: true });
  writeCreator(join(folder, "create-partita"), source);

  mkdirSync(folder, { recursive: true });
  const npm = ["pack", target, "--pack-destination", folder, "--json", "--ignore-scripts"];
  const packed = JSON.parse(execFileSync("npm", npm, { encoding: "utf8", shell: process.platform === "win32" }));
  const [{ filename }] = packed as [{ filename: string }];
  const path = join(folder, filename);
  const mistakes = await mistakesIn(readFileSync(path), manifest);
  if (mistakes.length > 0) throw new Error(`the package has mistakes\n${mistakes.join("\n")}`);
  return path;
}

/** Writes what `partita console` serves. Returns its size, compressed. */
function writeConsole(folder: string, files: ReadonlyMap<string, Uint8Array>): number {
  let bytes = 0;
  for (const [name, contents] of files) {
    mkdirSync(dirname(join(folder, name)), { recursive: true });
    writeFileSync(join(folder, name), contents);
    bytes += gzipSync(contents).length;
  }
  return bytes;
}

/** The package create-partita: `npm create partita my-app` is `partita init my-app`. */
function writeCreator(folder: string, { version, license, engines }: ReturnType<typeof readSource>): void {
  rmSync(folder, { recursive: true, force: true });
  mkdirSync(folder, { recursive: true });
  const manifest = {
    name: "create-partita",
    version,
    description: "Makes a project with Partita",
    license,
    type: "module",
    bin: { "create-partita": "./create.js" },
    files: ["create.js"],
    dependencies: { partita: version },
    engines,
  };
  writeFileSync(join(folder, "package.json"), `${JSON.stringify(manifest, undefined, 2)}\n`);
  const script = `#!/usr/bin/env node\nprocess.argv.splice(2, 0, "init");\nawait import("partita/cli");\n`;
  writeFileSync(join(folder, "create.js"), script);
  copyFileSync(join(projectFolder, "LICENSE"), join(folder, "LICENSE"));
}

/**
 * A file for each module, so that a bundler leaves out what an application does not use, as it does with the sources. SQL
 * files are modules, too.
 */
async function buildModules(folder: string, entry: Record<string, string>): Promise<void> {
  await build({
    config: false,
    cwd: projectFolder,
    root: join(projectFolder, "src"),
    entry,
    outDir: folder,
    format: "esm",
    platform: "neutral",
    target: "es2022",
    unbundle: true,
    hash: false,
    sourcemap: true,
    report: false,
    logLevel: "warn",
    failOnWarn: true,
    tsconfig: ".config/tsconfig.package.json",
    dts: { sourcemap: false },
    deps: {
      // The last one is the user's own, for `import-insieme`.
      neverBundle: [/^cloudflare:/, /^node:/, /^insieme\//],
      onlyBundle: bundledPackages.map((path) => path.split("node_modules/").at(-1)!),
    },
    plugins: [onlyZod, migrationModules, boundConstants],
    // Not the names and the white space: it stays readable. A bundle becomes smaller than by the minifiers of bundlers alone.
    minify: {
      compress: { target: "es2022", joinVars: false, sequences: false },
      mangle: false,
      codegen: { removeWhitespace: false },
    },
    outputOptions: {
      // npm packs no folder that has this name.
      entryFileNames: ({ name }) => `${name.replaceAll("node_modules", "vendor")}.js`,
    },
    inputOptions: { checks: { pluginTimings: false } },
  });
  // There are no maps of declarations, because there are no sources beside them.
  for (const path of readdirSync(folder, { recursive: true, encoding: "utf8" })) {
    if (!path.endsWith(".d.ts")) continue;
    const text = readFileSync(join(folder, path), "utf8").replace(/^\/\/# sourceMappingURL=.*$/m, "");
    // The name that `z.int()` has in zod 4.5 is more than its type needs: older versions do not have it.
    writeFileSync(join(folder, path), text.replaceAll(/\bZodMiniInt\b/g, "ZodMiniNumberFormat"));
  }
}

if (process.argv[1] === fileURLToPath(import.meta.url)) {
  readCommandLine(usage, { options: {} });
  try {
    const path = await buildPackage(join(projectFolder, "dist"));
    console.log(`${relative(projectFolder, path)}: install it with npm install`);
  } catch (error) {
    fail((error as Error).message);
  }
}
