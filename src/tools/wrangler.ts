import { createRequire } from "node:module";
import { delimiter, dirname, join } from "node:path";
import { fileURLToPath } from "node:url";

const require = createRequire(import.meta.url);

/** The root of the project. wrangler runs in it. */
export const projectFolder = fileURLToPath(new URL("../..", import.meta.url));

/** The project's own wrangler. Run it by `process.execPath`, which is the packaged Node under npm. */
export const wranglerBin = join(dirname(require.resolve("wrangler/package.json")), "bin", "wrangler.js");

/** The environment in which wrangler makes no network attempt and records no traces. */
export const wranglerEnvironment: NodeJS.ProcessEnv = {
  ...process.env,
  // The build of wrangler.toml runs `node`: this one, the packaged Node.
  PATH: `${dirname(process.execPath)}${delimiter}${process.env["PATH"] ?? ""}`,
  // Undocumented, found in its code: local traces make `wrangler dev` 10 to 30 times slower.
  X_LOCAL_OBSERVABILITY: "false",
  WRANGLER_SEND_METRICS: "false",
  CLOUDFLARE_CF_FETCH_ENABLED: "false",
  // The banner looks up the newest version in the package registry.
  WRANGLER_HIDE_BANNER: "true",
};
