import { join, relative } from "node:path";
import { buildSync } from "esbuild";
import { pageOf } from "./pages.ts";
import { projectFolder } from "./wrangler.ts";

/** Its place below the folder of the site. */
const place = "console";

/**
 * The console: a build of its own, with React, so that neither the demos nor the package have anything of it. Returns its
 * files by their names below the folder of the site.
 *
 * @throws Error if it cannot be bundled; esbuild has printed the reason.
 */
export function consoleFiles(): Map<string, Uint8Array> {
  const target = join(projectFolder, "dist", "demo");
  const { outputFiles } = buildSync({
    entryPoints: {
      console: join(projectFolder, "src", "console", "console.css"),
      main: join(projectFolder, "src", "console", "main.tsx"),
      worker: join(projectFolder, "src", "console", "data", "worker.ts"),
    },
    outdir: join(target, place),
    bundle: true,
    format: "esm",
    target: "es2023",
    jsx: "automatic",
    charset: "utf8",
    minify: true,
    sourcemap: "linked",
    define: { "process.env.NODE_ENV": '"production"' },
    write: false,
    logLevel: "error",
  });
  const page = pageOf({
    title: "Console of Partita",
    description: "What is in a partition, how it came there, and why something was refused.",
    styles: [`${place}/console.css`],
    scripts: [`${place}/main.js`],
    current: "/console",
    content: '<div id="console"></div>',
  });
  return new Map<string, Uint8Array>([
    [`${place}.html`, Buffer.from(page)],
    ...outputFiles.map(({ path, contents }): [string, Uint8Array] => [
      relative(target, path).replaceAll("\\", "/"),
      contents,
    ]),
  ]);
}
