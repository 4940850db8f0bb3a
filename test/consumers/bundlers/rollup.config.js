import { nodeResolve } from "@rollup/plugin-node-resolve";

export default {
  input: "shared/main.js",
  output: { dir: "out/rollup", format: "es" },
  plugins: [nodeResolve({ browser: true })],
  onwarn(warning) {
    throw new Error(warning.message);
  },
};
