import { gzipSync } from "node:zlib";
import { build } from "esbuild";
import { describe, expect, it } from "vitest";

/** Bytes of the client, minified and compressed, with everything that it imports and without a model. */
const clientBytesMax = 20 * 1024;
/** Bytes of what is loaded where WebSockets are blocked, and only there. */
const fallbackBytesMax = 3 * 1024;

/** A bundle as bundlers make it: what is imported later is a file of its own. `bytes`: of all that is loaded at once. */
async function bundled(entry: string): Promise<{ bytes: number; later: number[]; inputs: string[] }> {
  const { outputFiles, metafile } = await build({
    entryPoints: [entry],
    bundle: true,
    minify: true,
    format: "esm",
    target: "es2022",
    external: ["react"],
    splitting: true,
    outdir: "unwritten",
    write: false,
    metafile: true,
    logLevel: "error",
  });
  const outputs = Object.entries(metafile.outputs);
  const bytesOf = (path: string) => gzipSync(outputFiles.find((file) => file.path.endsWith(path))!.contents).length;
  const [main] = outputs.find(([, { entryPoint }]) => entryPoint === entry)!;
  const atOnce = new Set([main]);
  for (const path of atOnce) {
    const { imports } = metafile.outputs[path]!;
    for (const { kind, path: imported } of imports)
      if (kind === "import-statement" && imported in metafile.outputs) atOnce.add(imported);
  }
  const inputs = outputs.flatMap(([, { inputs: all }]) =>
    Object.entries(all).flatMap(([path, { bytesInOutput }]) => (bytesInOutput > 0 ? [path] : [])),
  );
  return {
    bytes: [...atOnce].reduce((sum, path) => sum + bytesOf(path), 0),
    later: outputs.flatMap(([path]) => (atOnce.has(path) ? [] : [bytesOf(path)])),
    inputs,
  };
}

describe("the bundle", () => {
  it("[CL-5] is small, with all that it imports", async () => {
    const { bytes, later, inputs } = await bundled("src/client/index.ts");
    expect(bytes).toBeLessThanOrEqual(clientBytesMax);
    expect(later).toHaveLength(1);
    expect(later[0]).toBeLessThanOrEqual(fallbackBytesMax);
    // Nothing of the server, and no schema of the wire.
    expect(inputs.filter((path) => /^src\/(?!client\/|model\/|protocol\/)|zod\/locales/.test(path))).toEqual([]);
  });

  it("[CL-5] the hooks add little, and bring no second React", async () => {
    const { bytes } = await bundled("src/client/react.ts");
    expect(bytes).toBeLessThanOrEqual(2 * 1024);
  });
});
