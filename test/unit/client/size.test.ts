import { gzipSync } from "node:zlib";
import { build } from "esbuild";
import { describe, expect, it } from "vitest";

/** Bytes of the client, minified and compressed, with everything that it imports and without a model. */
const clientBytesMax = 20 * 1024;

async function bundled(entry: string): Promise<{ bytes: number; inputs: string[] }> {
  const { outputFiles, metafile } = await build({
    entryPoints: [entry],
    bundle: true,
    minify: true,
    format: "esm",
    target: "es2022",
    external: ["react"],
    write: false,
    metafile: true,
    logLevel: "error",
  });
  const inputs = Object.values(metafile.outputs).flatMap(({ inputs: all }) =>
    Object.entries(all).flatMap(([path, { bytesInOutput }]) => (bytesInOutput > 0 ? [path] : [])),
  );
  return { bytes: gzipSync(outputFiles[0]!.contents).length, inputs };
}

describe("the bundle", () => {
  it("[CL-5] is small, with all that it imports", async () => {
    const { bytes, inputs } = await bundled("src/client/index.ts");
    expect(bytes).toBeLessThanOrEqual(clientBytesMax);
    // Nothing of the server, and no schema of the wire.
    expect(inputs.filter((path) => /src\/(core|storage|partition|edge|models)|zod\/locales/.test(path))).toEqual([]);
  });

  it("[CL-5] the hooks add little, and bring no second React", async () => {
    const { bytes } = await bundled("src/client/react.ts");
    expect(bytes).toBeLessThanOrEqual(2 * 1024);
  });
});
