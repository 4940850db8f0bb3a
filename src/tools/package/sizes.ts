import { join } from "node:path";
import { gzipSync } from "node:zlib";
import { build } from "esbuild";
import { projectFolder } from "../wrangler.ts";
import type { Manifest } from "./manifest.ts";

/** What an entry brings into a bundle, minified and compressed, in bytes. */
export interface EntrySize {
  /** As it is imported. */
  name: string;
  /** Of what is loaded with it. */
  bytes: number;
  /** Of what it loads when that is needed. */
  laterBytes: number;
}

/**
 * The sizes of all entries of the built package in `folder`, but the command line. Its dependencies count; what an
 * application has anyway does not: peers (zod, React) and what the platform brings.
 */
export async function sizesOf(folder: string, manifest: Manifest): Promise<EntrySize[]> {
  const peers = Object.keys(manifest.peerDependencies).flatMap((name) => [name, `${name}/*`]);
  const sizes: EntrySize[] = [];
  for (const [path, entry] of Object.entries(manifest.exports)) {
    if (typeof entry === "string" || path === "./cli") continue;
    const { outputFiles, metafile } = await build({
      entryPoints: { entry: join(folder, entry.default) },
      bundle: true,
      minify: true,
      splitting: true,
      format: "esm",
      target: "es2022",
      platform: "neutral",
      mainFields: ["module", "main"],
      conditions: ["worker", "browser"],
      external: [...peers, "cloudflare:*", "node:*"],
      // The package may be built outside of the repository.
      nodePaths: [join(projectFolder, "node_modules")],
      absWorkingDir: folder,
      outdir: join(folder, "unwritten"),
      write: false,
      metafile: true,
      logLevel: "error",
    });
    const bytesOf = new Map(outputFiles.map(({ path: of, contents }) => [of, gzipSync(contents).length]));
    const atOnce = new Set(["unwritten/entry.js"]);
    for (const file of atOnce) {
      for (const { kind, path: imported, external } of metafile.outputs[file]!.imports)
        if (kind === "import-statement" && !external) atOnce.add(imported);
    }
    const sum = (files: string[]) => files.reduce((all, file) => all + bytesOf.get(join(folder, file))!, 0);
    const later = Object.keys(metafile.outputs).filter((file) => !atOnce.has(file));
    sizes.push({ name: path.replace(".", manifest.name), bytes: sum([...atOnce]), laterBytes: sum(later) });
  }
  return sizes;
}

/** Bytes as KiB. */
export const kib = (bytes: number): string => (bytes / 1024).toFixed(1);

/** The sizes as a table in Markdown, in KiB. */
export function sizeTable(sizes: readonly EntrySize[]): string {
  const rows = sizes.map(
    ({ name, bytes, laterBytes }) => `| \`${name}\` | ${kib(bytes)} | ${laterBytes > 0 ? kib(laterBytes) : ""} |`,
  );
  return ["| entry | KiB | loaded when needed, KiB |", "|---|--:|--:|", ...rows].join("\n");
}
