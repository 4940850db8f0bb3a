import { nodeResolve } from "@rollup/plugin-node-resolve";

export default {
  input: "shared/main.js",
  output: { dir: "out/rollup", format: "es" },
  plugins: [nodeResolve({ browser: true })],
  onwarn(warning) {
    // Of zod there are warnings: a comment that Rollup does not know, and modules that import each other.
    if (`${warning.id} ${warning.message}`.includes("/partita/")) throw new Error(warning.message);
  },
};
