import { readFileSync } from "node:fs";
import { join, relative } from "node:path";
import { buildSync } from "esbuild";
import { pageOf } from "./pages.ts";
import { projectFolder } from "./wrangler.ts";

/** Its place below the folder of the site. */
const place = "console";

/** The console in the package. */
interface PackageConsole {
  /** By their names below its folder. */
  files: Map<string, Uint8Array>;
  /** The packages whose code they have, by their folders below `node_modules`. */
  packages: readonly string[];
}

/**
 * The console: a build of its own, with React, so that neither the demos nor the package's modules have anything of it.
 * Returns its files by their names below the folder of the site.
 *
 * @throws Error if it cannot be bundled; esbuild has printed the reason.
 */
export function consoleFiles(): Map<string, Uint8Array> {
  return built({ current: "/console" }, true).files;
}

/**
 * The same for the package, where the console is the whole site: `partita console` serves it.
 *
 * @throws Error as `consoleFiles`.
 */
export function packageConsole(): PackageConsole {
  // partita console writes the address of the server into it.
  const { files, packages } = built({ header: '<p class="server"><!-- server --></p>' }, false);
  for (const name of ["site.css", "_headers"]) files.set(name, readFileSync(join(projectFolder, "src", "demo", name)));
  return { files, packages };
}

function built(frame: { current?: string; header?: string }, mapped: boolean): PackageConsole {
  const target = join(projectFolder, "dist", "demo");
  const { outputFiles, metafile } = buildSync({
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
    sourcemap: mapped ? "linked" : false,
    define: { "process.env.NODE_ENV": '"production"' },
    write: false,
    metafile: true,
    absWorkingDir: projectFolder,
    logLevel: "error",
  });
  const page = pageOf({
    title: "Console of Partita",
    description: "What is in a partition, how it came there, and why something was refused.",
    styles: [`${place}/console.css`],
    scripts: [`${place}/main.js`],
    ...frame,
    content: '<div id="console"></div>',
  });
  const packages = Object.keys(metafile.inputs).flatMap((path) => {
    const [, name] = /^node_modules\/((?:@[^/]+\/)?[^/]+)\//.exec(path) ?? [];
    return name === undefined ? [] : [name];
  });
  const files = new Map<string, Uint8Array>([
    [`${place}.html`, Buffer.from(page)],
    ...outputFiles.map(({ path, contents }): [string, Uint8Array] => [
      relative(target, path).replaceAll("\\", "/"),
      contents,
    ]),
  ]);
  return { files, packages: [...new Set(packages)].toSorted() };
}
