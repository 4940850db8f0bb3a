// `npm run deploy:dry`: does what a deployment does, the build of wrangler.toml included, and uploads nothing.
import { execFile } from "node:child_process";
import { stat } from "node:fs/promises";
import { join, relative } from "node:path";
import { fileURLToPath } from "node:url";
import { fail, readCommandLine } from "./command-line.ts";
import { projectFolder, wranglerBin, wranglerEnvironment } from "./wrangler.ts";

/** How long a build may take; it takes about a second. */
const buildMsMax = 120_000;
/** The most output of wrangler. */
const outputBytesMax = 8 * 1024 * 1024;

/**
 * Bundles the Worker into `folder`, which is created if missing: `worker.js` and the SQL files that it loads. Also
 * bundles the demo, as wrangler.toml says. `main`: a main module other than that of wrangler.toml, also named `worker.ts`.
 *
 * @throws Error with the output of wrangler, if the build fails or takes over two minutes.
 */
export async function buildWorker(folder: string, main?: string): Promise<void> {
  await new Promise<void>((resolve, reject) => {
    execFile(
      process.execPath,
      [wranglerBin, "deploy", ...(main === undefined ? [] : [main]), "--dry-run", "--outdir", folder],
      { cwd: projectFolder, env: wranglerEnvironment, timeout: buildMsMax, maxBuffer: outputBytesMax },
      (error, stdout, stderr) => {
        if (error) reject(new Error(`the Worker could not be built\n${stdout}${stderr}`, { cause: error }));
        else resolve();
      },
    );
  });
}

if (process.argv[1] === fileURLToPath(import.meta.url)) {
  readCommandLine(
    "usage: npm run deploy:dry\nBundles the demo and the Worker into dist, as a deployment would; uploads nothing.",
    {
      options: {},
    },
  );
  const folder = join(projectFolder, "dist", "worker");
  try {
    await buildWorker(folder);
    const { size } = await stat(join(folder, "worker.js"));
    console.log(`${relative(projectFolder, folder)}: worker.js, ${Math.round(size / 1024)} KiB`);
  } catch (error) {
    fail((error as Error).message);
  }
}
