// Part of `npm run client-cost`: how large the parts of the client are, minified and compressed by gzip.
import { readFileSync } from "node:fs";
import { application, bundled } from "../../support/bundles.ts";
import type { Table } from "./table.ts";

const client = 'export { createClient } from "./src/client/index.ts";';
/** The exports of the package that are for clients. */
const entries = /^\.\/(client|react|text|textarea|codemirror)(\/|$)/;
/** It uses modules of Node, and no bundle has it. */
const unbundled = new Set(["./client/sqlite"]);

const kib = (bytes: number): string => (bytes / 1_024).toFixed(2);

/** Each entry of the package, what it adds to an application that has the client, and the files that are loaded later. */
export async function measureBundles(): Promise<Table[]> {
  const { exports } = JSON.parse(readFileSync("package.json", "utf8")) as { exports: Record<string, string> };
  const core = await bundled(client);
  const rows = [
    ["`createClient`", kib(core.bytes), "–"],
    ["a whole application: client, zod/mini, a model with one event", kib((await bundled(application)).bytes), "–"],
  ];
  for (const [name, path] of Object.entries(exports)) {
    if (!entries.test(name) || unbundled.has(name)) continue;
    const all = `export * as all from "${path}";`;
    const alone = await bundled(all);
    const beside = await bundled(`${client}\n${all}`);
    rows.push([`\`partita${name.slice(1)}\``, kib(alone.bytes), kib(beside.bytes - core.bytes)]);
  }
  return [
    { title: "Bundles by entry, in KiB of gzip", header: ["entry", "alone", "added to `createClient`"], rows },
    {
      title: "What `createClient` loads later, where it is needed, in KiB of gzip",
      header: ["file", "KiB"],
      rows: core.later
        .toSorted((one, other) => other.bytes - one.bytes)
        .map(({ name, bytes }) => [`\`${name}\``, kib(bytes)]),
    },
  ];
}
