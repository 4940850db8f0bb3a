// Loads .sql files as text modules in plain Node, as wrangler and vitest do. Import it before what imports them.
import { readFileSync } from "node:fs";
import { registerHooks } from "node:module";

registerHooks({
  load: (url, context, nextLoad) =>
    url.endsWith(".sql")
      ? {
          format: "module",
          shortCircuit: true,
          source: `export default ${JSON.stringify(readFileSync(new URL(url), "utf8"))};`,
        }
      : nextLoad(url, context),
});
