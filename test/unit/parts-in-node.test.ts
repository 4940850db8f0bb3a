import { readFileSync } from "node:fs";
import { expect, it } from "vitest";
import { createAuthority } from "../../src/node.ts";
import * as inNode from "../../src/parts/node.ts";
import { manifestOf, readSource } from "../../src/tools/package/manifest.ts";

it("[EC-2] partita/parts can be imported in Node: it has each name that it has in a Worker", () => {
  const ofWorker = readFileSync(new URL("../../src/parts/index.ts", import.meta.url), "utf8");
  const parts = [...ofWorker.matchAll(/^export const (\w+): Part\b/gm)].map(([, name]) => name!);
  expect(parts).toHaveLength(14);
  expect(Object.keys(inNode).toSorted()).toEqual([...parts, "allParts", "describeRoute", "schemaOf"].toSorted());
  expect(inNode.allParts.map(({ name }) => name)).toEqual(parts);
  const exported = new Map(Object.entries(inNode));
  for (const part of inNode.allParts) expect(exported.get(part.name)).toBe(part);
  // As a module of a Worker does that a test imports.
  expect(() => (createAuthority as (options: object) => never)({ parts: inNode.allParts })).toThrow(
    /createAuthority needs the runtime of Workers/,
  );
});

it("[EC-1] [EC-2] Node finds these entries, and a bundler for Workers those of a Worker", () => {
  const { exports } = manifestOf(readSource());
  for (const [entry, worker, node] of [
    [".", "index", "node"],
    ["./parts", "parts/index", "parts/node"],
  ] as const)
    expect(exports[entry]).toEqual({
      types: `./lib/${worker}.d.ts`,
      workerd: `./lib/${worker}.js`,
      node: `./lib/${node}.js`,
      default: `./lib/${worker}.js`,
    });
});
