// Builds the site (landing page, demos, API page, console, documentation) into dist/demo, which wrangler serves and deploys.
import { createRequire } from "node:module";
import { mkdirSync, readdirSync, readFileSync, renameSync, rmSync, writeFileSync } from "node:fs";
import { dirname, join, relative } from "node:path";
import { fileURLToPath } from "node:url";
import { buildSync } from "esbuild";
import { demos } from "../demo/gallery.ts";
import { consoleFiles } from "./console.ts";
import { buildDocs } from "./docs/site.ts";
import { demoPages } from "./pages.ts";
import { projectFolder } from "./wrangler.ts";

const require = createRequire(import.meta.url);
const sources = join(projectFolder, "src", "demo");
const target = join(projectFolder, "dist", "demo");
/** The library of the API page. */
const swaggerUi = dirname(require.resolve("swagger-ui-dist/package.json"));
/** The scripts of the site. */
const scripts = ["home", "docs", "api", ...demos.map(({ name }) => name)];

/**
 * Builds dist/demo from src/demo and docs. Several processes may do this at once, and a server may serve the folder meanwhile: a
 * file is replaced atomically, and only if it has changed. Returns the bytes of all scripts.
 *
 * @throws Error if a script cannot be bundled; esbuild has printed the reason.
 */
export function buildDemo(): number {
  // The synchronous build leaves no esbuild service running.
  const { outputFiles } = buildSync({
    entryPoints: scripts.map((name) => join(sources, `${name}.ts`)),
    outdir: target,
    bundle: true,
    // Code that the client loads later is in a separate file.
    splitting: true,
    format: "esm",
    target: "es2023",
    charset: "utf8",
    minify: true,
    sourcemap: "linked",
    write: false,
    logLevel: "error",
  });
  const files = new Map<string, Uint8Array>(
    outputFiles.map(({ path, contents }) => [relative(target, path), contents]),
  );
  const size = [...files].reduce((sum, [name, { length }]) => sum + (name.endsWith(".js") ? length : 0), 0);
  for (const [name, page] of demoPages()) files.set(name, Buffer.from(page));
  for (const name of [
    "site.css",
    "style.css",
    "demos.css",
    "seats.css",
    "home.css",
    "docs.css",
    "api.css",
    "_headers",
    "_redirects",
  ]) {
    files.set(name, readFileSync(join(sources, name)));
  }
  for (const name of ["swagger-ui-bundle.js", "swagger-ui.css"]) files.set(name, readFileSync(join(swaggerUi, name)));

  for (const [name, contents] of [...buildDocs().files, ...consoleFiles()]) files.set(name, contents);

  const folders = new Set(["", ...[...files.keys()].map((name) => dirname(name))]);
  for (const name of folders) mkdirSync(join(target, name), { recursive: true });
  for (const name of readdirSync(target, { recursive: true, encoding: "utf8" })) {
    const wanted = name.replaceAll("\\", "/");
    if (!files.has(wanted) && !folders.has(wanted)) rmSync(join(target, name), { recursive: true, force: true });
  }
  for (const [name, contents] of files) replace(join(target, name), contents);
  return size;
}

function replace(path: string, contents: Uint8Array): void {
  try {
    if (readFileSync(path).equals(contents)) return;
  } catch {
    // The file does not exist yet.
  }
  // Not inside the folder, because its files are served.
  const whole = `${target}-${process.pid}`;
  writeFileSync(whole, contents);
  renameSync(whole, path);
}

if (process.argv[1] === fileURLToPath(import.meta.url)) {
  console.log(`${relative(projectFolder, target)}: ${Math.round(buildDemo() / 1024)} KiB of scripts`);
}
