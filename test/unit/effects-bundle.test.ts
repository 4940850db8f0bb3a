import { build } from "esbuild";
import { expect, it } from "vitest";

/** The files that are in a bundle of `contents`. */
async function inputsOf(contents: string): Promise<string[]> {
  const { metafile } = await build({
    stdin: { contents, resolveDir: ".", sourcefile: "entry.js" },
    bundle: true,
    format: "esm",
    write: false,
    metafile: true,
    external: ["react"],
    outdir: "unwritten",
    logLevel: "error",
  });
  return Object.values(metafile.outputs).flatMap(({ inputs }) =>
    Object.entries(inputs).flatMap(([path, { bytesInOutput }]) => (bytesInOutput > 0 ? [path] : [])),
  );
}

it("[TX-12] [CL-5] effects never reach the bundle of a client", async () => {
  const client = await inputsOf(`
    export { createClient } from "./src/client/index.ts";
    export { inventory } from "./src/models/inventory/index.ts";
  `);
  expect(client).toContain("src/model/define.ts");
  expect(client.filter((path) => /(core|model|models)\/.*(effects|outbox|accepts)/.test(path))).toEqual([]);
  // The same files are in a Worker.
  expect(await inputsOf('export { defineEffects } from "./src/model/effects.ts";')).toContain("src/model/effects.ts");
});
