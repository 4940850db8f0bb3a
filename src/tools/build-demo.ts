// Bundles the page of the demo and the page of the API into dist/demo, which wrangler serves and deploys.
import { createRequire } from "node:module";
import { mkdirSync, readdirSync, readFileSync, renameSync, rmSync, writeFileSync } from "node:fs";
import { dirname, join, relative } from "node:path";
import { fileURLToPath } from "node:url";
import { buildSync } from "esbuild";
import { projectFolder } from "./wrangler.ts";

const require = createRequire(import.meta.url);
const sources = join(projectFolder, "src", "demo");
const target = join(projectFolder, "dist", "demo");
/** The library of the API page. */
const swaggerUi = dirname(require.resolve("swagger-ui-dist/package.json"));

/**
 * Builds dist/demo from src/demo. Several processes may do this at once, and a server may serve the folder meanwhile: a
 * file is replaced atomically, and only if it has changed. Returns the bytes of the main script.
 *
 * @throws Error if a script cannot be bundled; esbuild has printed the reason.
 */
export function buildDemo(): number {
  // The synchronous build leaves no esbuild service running.
  const { outputFiles } = buildSync({
    entryPoints: ["main.ts", "inventory.ts", "ledger.ts", "api.ts"].map((name) => join(sources, name)),
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
  const files = new Map(outputFiles.map(({ path, contents }) => [relative(target, path), Buffer.from(contents)]));
  for (const name of [
    "index.html",
    "inventory.html",
    "ledger.html",
    "style.css",
    "demos.css",
    "api.html",
    "api.css",
    "_headers",
  ]) {
    files.set(name, readFileSync(join(sources, name)));
  }
  for (const name of ["swagger-ui-bundle.js", "swagger-ui.css"]) files.set(name, readFileSync(join(swaggerUi, name)));

  mkdirSync(target, { recursive: true });
  for (const name of readdirSync(target)) if (!files.has(name)) rmSync(join(target, name), { recursive: true });
  for (const [name, contents] of files) replace(join(target, name), contents);
  return files.get("main.js")!.length;
}

function replace(path: string, contents: Buffer): void {
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
  console.log(`${relative(projectFolder, target)}: main.js, ${Math.round(buildDemo() / 1024)} KiB`);
}
