import { fileURLToPath } from "node:url";

export default {
  mode: "production",
  target: ["web", "es2022"],
  entry: "./shared/main.js",
  experiments: { outputModule: true },
  output: {
    path: fileURLToPath(new URL("out/webpack", import.meta.url)),
    filename: "main.js",
    module: true,
    chunkFormat: "module",
    chunkLoading: "import",
  },
};
