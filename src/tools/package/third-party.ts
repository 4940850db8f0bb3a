import { existsSync, readFileSync } from "node:fs";
import { join } from "node:path";
import type { UserConfig } from "tsdown";
import { projectFolder } from "../wrangler.ts";

/**
 * Packages whose code is in this package: hono-openapi, and what it needs. As a dependency it would ask each application
 * for an alias: it loads all of `zod/v4/core`, which has the messages of zod in all languages, 650 KiB.
 */
export const bundledPackages = [
  "hono-openapi",
  "hono-openapi/node_modules/@standard-community/standard-openapi",
  "@hono/standard-validator",
  "@standard-community/standard-json",
  "quansync",
];

/** What hono-openapi loads for schemas of other libraries. */
const otherLibraries = /\/@standard-community\/.*\/(arktype|effect|sury|typebox|valibot)-[^/]+\.js$/;
const forOldZod = new Set(["zod-openapi", "zod-to-json-schema"]);
const nothing = "\0nothing";

/** Takes out of hono-openapi what this package does not need: all but the schemas of zod 4. */
export const onlyZod: Extract<UserConfig["plugins"], { name: string }> = {
  name: "only-zod",
  resolveId: {
    order: "pre" as const,
    handler(id: string, importer: string | undefined) {
      if (!importer?.includes("/@standard-community/")) return undefined;
      if (id === "zod/v4/core") return join(projectFolder, "src/edge/document/zod-core.ts");
      return forOldZod.has(id) ? nothing : undefined;
    },
  },
  load(id: string) {
    if (id === nothing) return "export {};";
    if (otherLibraries.test(id)) return 'export default () => { throw new Error("schemas are of zod"); };';
    return undefined;
  },
};

/** The licences of packages, named by their folders below `node_modules`. */
export function thirdPartyNotices(packages: readonly string[]): string {
  const notices = packages.map((name) => {
    const folder = join(projectFolder, "node_modules", name);
    const manifest = JSON.parse(readFileSync(join(folder, "package.json"), "utf8"));
    const { name: title, version, license } = manifest as Record<"name" | "version" | "license", string>;
    const path = join(folder, "LICENSE");
    const text = existsSync(path) ? `\n\n${readFileSync(path, "utf8").trim()}` : "";
    return `## ${title} ${version}\n\nLicence: ${license}${text}`;
  });
  return `# Code of others in this package\n\n${notices.join("\n\n")}\n`;
}
