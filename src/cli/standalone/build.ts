import { execFile } from "node:child_process";
import { copyFileSync, cpSync, existsSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { dirname, join, relative, resolve } from "node:path";
import { fileURLToPath } from "node:url";
import { makeFolder } from "../files.ts";
import { Mistake } from "../mistake.ts";
import { packageFolder, type Project, quietWrangler } from "../project.ts";
import { type Configuration, readConfiguration } from "../configuration.ts";
import { devVariables } from "../dev-variables.ts";
import { capnpOf, environmentSettings, type ModuleFile } from "./capnp.ts";
import { leftOut } from "./left-out.ts";

/** How long a build may take; it takes about a second. */
const buildMsMax = 120_000;
/** The most output of wrangler. */
const outputBytesMax = 8 * 1024 * 1024;
const assetsFolder = fileURLToPath(new URL("../../../templates/standalone", import.meta.url));
/** Files that are in each standalone folder as they are. */
const fixedFiles = ["start.mjs", "static.js", "partita.service", "Dockerfile", ".dockerignore", "README.md"];

/** Everything that a build writes. */
const builtNames = [...fixedFiles, "worker", "public", "entry.js", "settings.json", "config.capnp", "package.json"];

/** What was built, as its user has to know. */
interface Built {
  /** Names of secrets of `.dev.vars` that the server takes from its environment, besides those of Partita. */
  secrets: string[];
  /** Parts of the configuration that are not there: as `triggers`. */
  leftOut: string[];
}

/**
 * Builds `folder`: the bundle that wrangler deploys, a configuration for workerd, and what starts it.
 *
 * @throws Mistake
 */
export async function buildStandalone(project: Project, folder: string): Promise<Built> {
  const configuration = await readConfiguration(project);
  makeFolder(folder);
  clear(folder);
  const bundle = join(folder, "worker");
  await bundleWorker(project, bundle);
  const modules = modulesIn(bundle);
  const secrets = secretsOf(project, configuration);
  const assets = configuration.assets?.directory;
  if (assets !== undefined) cpSync(resolve(project.folder, assets), join(folder, "public"), { recursive: true });
  for (const name of fixedFiles) copyFileSync(join(assetsFolder, name), join(folder, name));
  writeFileSync(join(folder, "entry.js"), entryOf(configuration, modules[0]!.name));
  writeFileSync(join(folder, "settings.json"), settingsOf(configuration));
  writeFileSync(
    join(folder, "config.capnp"),
    capnpOf(configuration, { modules, assets: assets !== undefined, secrets }),
  );
  writeFileSync(join(folder, "package.json"), manifestOf(configuration.name ?? "partita", project));
  return { secrets, leftOut: leftOut(configuration) };
}

/** The names of the application's own secrets: on a developer's machine they are in `.dev.vars`. */
function secretsOf({ folder }: Project, { vars = {} }: Configuration): string[] {
  return Object.keys(devVariables(folder)).filter((name) => !name.startsWith("PARTITA_") && !(name in vars));
}

/** Removes what an earlier build has written, and nothing else: not the data of a server, nor what is somebody else's. */
function clear(folder: string): void {
  const isBuild = existsSync(join(folder, "config.capnp"));
  if (!isBuild && readdirSync(folder).length > 0)
    throw new Mistake(`${folder} is not empty, and no earlier build: name another folder by --out.`, 2);
  for (const name of builtNames) rmSync(join(folder, name), { recursive: true, force: true });
}

async function bundleWorker({ folder, wrangler }: Project, out: string): Promise<void> {
  await new Promise<void>((done, fail) => {
    execFile(
      process.execPath,
      [wrangler, "deploy", "--dry-run", "--outdir", out],
      { cwd: folder, env: { ...quietWrangler, ...process.env }, timeout: buildMsMax, maxBuffer: outputBytesMax },
      (error, stdout, stderr) => {
        if (error) fail(new Mistake(`The Worker could not be built.\n${stdout}${stderr}`));
        else done();
      },
    );
  });
}

/** The modules of a bundle: the script first. */
function modulesIn(bundle: string): ModuleFile[] {
  const paths = readdirSync(bundle, { recursive: true, encoding: "utf8" }).filter(
    (path) => !/\.map$|^README\.md$/.test(path),
  );
  const files = paths.filter((path) => /\.\w+$/.test(path));
  const main = files.find((path) => path.endsWith(".js"));
  if (!main) throw new Mistake("wrangler has built no script.");
  const ordered = [main, ...files.filter((path) => path !== main)];
  return ordered.map((path) => ({
    path: relative(dirname(bundle), join(bundle, path)).replaceAll("\\", "/"),
    name: path.replaceAll("\\", "/"),
  }));
}

/** What has to be installed beside it: the workerd that the project is tested with. */
function manifestOf(name: string, { folder }: Project): string {
  const { version } = JSON.parse(readFileSync(join(packageFolder(folder, "workerd"), "package.json"), "utf8")) as {
    version: string;
  };
  const manifest = {
    name: `${name}-standalone`,
    private: true,
    type: "module",
    scripts: { start: "node start.mjs" },
    dependencies: { workerd: version },
  };
  return `${JSON.stringify(manifest, undefined, 2)}\n`;
}

/** The settings of wrangler.toml that the environment of the server replaces. */
function settingsOf({ vars = {} }: Configuration): string {
  const given = Object.entries(vars).filter(
    ([name, value]) => environmentSettings.includes(name) && typeof value === "string",
  );
  return `${JSON.stringify(Object.fromEntries(given), undefined, 2)}\n`;
}

/**
 * The main module. A binding of workerd to the environment is null where that has no such variable, and the Worker looks for
 * what is undefined.
 */
function entryOf({ durable_objects: objects }: Configuration, main: string): string {
  const classes = (objects?.bindings ?? []).map(
    ({ class_name: name }) =>
      `export class ${name} extends all.${name} {\n  constructor(ctx, env) {\n    super(ctx, settled(env));\n  }\n}`,
  );
  return `import worker, * as all from "./${main}";

const settled = (env) => Object.fromEntries(Object.entries(env).filter(([, value]) => value !== null));

export default { fetch: (request, env, ctx) => worker.fetch(request, settled(env), ctx) };
${classes.join("\n")}
`;
}
