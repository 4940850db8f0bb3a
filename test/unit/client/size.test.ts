import { gzipSync } from "node:zlib";
import { build } from "esbuild";
import { describe, expect, it } from "vitest";

/** Bytes of what `createClient` brings into an application, minified and compressed, without a model. */
const clientBytesMax = 20 * 1024;
/** Bytes of a whole application without its pages: the client, the core of zod/mini, and a model with one event. */
const applicationBytesMax = 24 * 1024;
const application = `
  import * as z from "zod/mini";
  import { createClient } from "./src/client/index.ts";
  import { defineModel } from "./src/model/index.ts";
  const model = defineModel({
    name: "notes",
    version: 1,
    initialState: () => ({ notes: {} }),
    events: {
      write: {
        payload: z.strictObject({ id: z.string(), text: z.string() }),
        reduce(state, { payload }) {
          state.notes[payload.id] = payload.text;
        },
      },
    },
  });
  export const client = createClient({ url: location.origin, partition: "notes", model });
`;
/** Bytes of each part that is loaded only where it is needed. The largest one merges drafts: only models with a text load it. */
const laterBytesMax = 4.75 * 1024;

/**
 * Builds a bundle of what is imported; dynamic imports become separate files. `bytes`: the size of all files that are
 * loaded at once.
 */
async function bundled(imports: string): Promise<{ bytes: number; later: number[]; inputs: string[] }> {
  const entry = "entry.js";
  const { outputFiles, metafile } = await build({
    stdin: { contents: imports, resolveDir: ".", sourcefile: entry },
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
  it("[CL-5] is small, with all its imports", async () => {
    const { bytes, later, inputs } = await bundled('export { createClient } from "./src/client/index.ts";');
    expect(bytes).toBeLessThanOrEqual(clientBytesMax);
    // IndexedDB, the other stores, what both share, the base, long queues, tabs, the fallback over HTTP, polling, the watch over
    // the network, presence, the tokens, what a connection and what a client need only at times; what merges drafts; what records changes for undo,
    // what undoes them, and what both need.
    expect(later).toHaveLength(17);
    for (const part of later) expect(part).toBeLessThanOrEqual(laterBytesMax);
    // Neither code of the server, nor locales of the schema library.
    expect(inputs.filter((path) => /^src\/(?!client\/|model\/|protocol\/)|zod\/locales/.test(path))).toEqual([]);
  });

  it("[CL-5] is small in a whole application with one event", async () => {
    const { bytes } = await bundled(application);
    expect(bytes).toBeLessThanOrEqual(applicationBytesMax);
  });

  it("[CL-5] [CL-12] selections are small, and the hooks add little to them, without React", async () => {
    const selections = await bundled('export * from "./src/client/select.ts";');
    expect(selections.bytes).toBeLessThanOrEqual(3.5 * 1024);
    const hooks = await bundled('export * from "./src/client/react.ts";');
    expect(hooks.bytes - selections.bytes).toBeLessThanOrEqual(1024);
  });
});
