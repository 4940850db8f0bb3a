import { defineConfig } from "vite";

export default defineConfig({
  build: {
    outDir: "out/vite",
    target: "es2022",
    modulePreload: false,
    rollupOptions: { input: "shared/main.js", output: { entryFileNames: "main.js" } },
  },
});
