import { gzipSync } from "node:zlib";
import { build } from "esbuild";

/** A whole application without its pages: the client, the core of zod/mini, and a model with one event. */
export const application = `
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

/** A part of a bundle that is loaded later. `name`: the module that is imported, or `shared` by several of them. */
interface LaterPart {
  readonly name: string;
  readonly bytes: number;
}

interface Bundle {
  /** The size of all files that are loaded at once. */
  readonly bytes: number;
  readonly later: readonly LaterPart[];
  /** The modules that are in any of its files. */
  readonly inputs: readonly string[];
  /** The text of all its files. */
  readonly text: string;
}

/**
 * Builds a bundle of what is imported; dynamic imports become separate files.
 */
export async function bundled(imports: string): Promise<Bundle> {
  const entry = "entry.js";
  const { outputFiles, metafile } = await build({
    stdin: { contents: imports, resolveDir: ".", sourcefile: entry },
    bundle: true,
    minify: true,
    format: "esm",
    target: "es2022",
    external: ["react", "@codemirror/*"],
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
    later: outputs.flatMap(([path, { entryPoint = "shared" }]) =>
      atOnce.has(path) ? [] : [{ name: entryPoint, bytes: bytesOf(path) }],
    ),
    inputs,
    text: outputFiles.map((file) => file.text).join("\n"),
  };
}
