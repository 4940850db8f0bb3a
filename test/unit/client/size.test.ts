import { describe, expect, it } from "vitest";
import { application, bundled } from "../../support/bundles.ts";

/** Bytes of what `createClient` brings into an application, minified and compressed, without a model. */
const clientBytesMax = 20 * 1024;
/** Bytes of a whole application without its pages: the client, the core of zod/mini, and a model with one event. */
const applicationBytesMax = 24 * 1024;
/** Bytes of each part that is loaded only where it is needed. */
const laterBytesMax = 3.5 * 1024;
/**
 * Parts with a bound of their own. What merges drafts is loaded only for a model with merged types, as text, and whole: each
 * of such a client's drafts is sent by all of it, so dividing it would save no client a byte.
 */
const laterBytesOf: Readonly<Record<string, number>> = { "src/client/api/merging.ts": 4.75 * 1024 };

describe("the bundle", () => {
  it("[CL-5] is small, with all its imports", async () => {
    const { bytes, later, inputs } = await bundled('export { createClient } from "./src/client/index.ts";');
    expect(bytes).toBeLessThanOrEqual(clientBytesMax);
    // IndexedDB, the other stores, what both share, the base, long queues, tabs, the fallback over HTTP, polling, the watch over
    // the network, presence, the tokens, what a connection and what a client need only at times; what merges drafts; what records changes for undo,
    // what undoes them, and what both need.
    expect(later).toHaveLength(17);
    const tooLarge = later.filter(({ name, bytes }) => bytes > (laterBytesOf[name] ?? laterBytesMax));
    expect(tooLarge).toEqual([]);
    expect(later.map(({ name }) => name)).toEqual(expect.arrayContaining(Object.keys(laterBytesOf)));
    // Neither code of the server, nor locales of the schema library.
    expect(inputs.filter((path) => /^src\/(?!client\/|model\/|protocol\/)|zod\/locales/.test(path))).toEqual([]);
  });

  it("[CL-14] calls nothing that React Native's engine lacks", async () => {
    const folders = ["client", "client/react", "client/select", "text", "model"];
    const models = ["insieme", "inventory", "jobs", "ledger", "open-types", "text"].map((name) => `models/${name}`);
    const paths = [...folders, ...models].map(
      (name) => `./src/${name}${/react|select/.test(name) ? ".ts" : "/index.ts"}`,
    );
    const { text } = await bundled(paths.map((path, at) => `export * as part${at} from "${path}";`).join("\n"));
    expect(text).toContain("createClient");
    // Hermes has toReversed, toSpliced and with.
    expect(text).not.toMatch(/\.(toSorted|withResolvers|groupBy)\(|\bstructuredClone\(/);
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
