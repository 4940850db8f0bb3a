import { createRequire } from "node:module";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";

const require = createRequire(import.meta.url);

/** The root of the project: what wrangler runs in. */
export const projectFolder = fileURLToPath(new URL("../..", import.meta.url));

/** The project's own wrangler, to be run by `process.execPath`, which is the packaged Node under npm. */
export const wranglerBin = join(dirname(require.resolve("wrangler/package.json")), "bin", "wrangler.js");

/** The environment in which wrangler makes no network attempt and records no traces. */
export const wranglerEnvironment: NodeJS.ProcessEnv = {
  ...process.env,
  // Undocumented, read in its code: local traces make `wrangler dev` 10 to 30 times slower.
  X_LOCAL_OBSERVABILITY: "false",
  WRANGLER_SEND_METRICS: "false",
  CLOUDFLARE_CF_FETCH_ENABLED: "false",
  // The banner asks the package registry for a newer version.
  WRANGLER_HIDE_BANNER: "true",
};
