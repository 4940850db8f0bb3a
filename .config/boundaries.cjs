/** Arrows only downwards: edge, partition, core, model, models, storage, protocol. */
const layer = (name) => `^src/${name}/`;
const only = (from, ...to) => ({
  name: `${from}-imports-only-${to.join("-") || "itself"}`,
  severity: "error",
  from: { path: layer(from) },
  to: { path: "^src/", pathNot: [from, ...to].map(layer) },
});
/** Packages that a layer may use, besides the layers. */
const packages = (from, allowed) => ({
  name: `${from}-packages`,
  severity: "error",
  from: { path: layer(from) },
  to: { dependencyTypes: ["npm", "npm-dev", "npm-optional", "core"], pathNot: allowed },
});

module.exports = {
  forbidden: [
    only("edge", "identity", "tenant", "partition", "core", "model", "protocol"),
    only("identity", "protocol"),
    only("tenant", "partition", "core", "protocol", "storage"),
    only("partition", "identity", "core", "model", "storage", "protocol"),
    only("core", "model", "storage", "protocol"),
    only("client", "model", "protocol"),
    only("demo", "client", "model", "models", "protocol"),
    only("models", "model", "protocol"),
    only("model", "protocol"),
    only("storage"),
    only("protocol"),
    packages("protocol", "^node_modules/zod/"),
    packages("model", "^node_modules/zod/"),
    packages("models", "^node_modules/zod/"),
    packages("client", "^node_modules/(zod|idb|eventsource-parser|react|@types/react)/|^(node:)?sqlite$"),
    packages("core", "^node_modules/zod/"),
    packages("edge", "^node_modules/(hono|hono-openapi|standardwebhooks|zod)/"),
    packages("identity", "^node_modules/jose/"),
    packages("partition", "^node_modules/zod/|^(node:)?(crypto|zlib)$"),
    {
      name: "core-sees-the-storage-port-only",
      severity: "error",
      from: { path: layer("core") },
      to: { path: layer("storage"), pathNot: "^src/storage/(port|bytes|migrations)\\.ts$" },
    },
    {
      name: "cloudflare-only-in-the-shell",
      comment: "Only edge/, partition/ and tenant/ may import cloudflare:*",
      severity: "error",
      from: { pathNot: "^src/(edge|partition|tenant)/" },
      to: { path: "^cloudflare:" },
    },
    {
      name: "no-tools-in-the-product",
      severity: "error",
      from: { pathNot: "^(src/tools|test)/" },
      to: { path: "^src/tools/|^src/storage/node\\.ts$" },
    },
    {
      name: "client-runs-everywhere",
      comment: "Only the store for Node imports node:*, and only the hooks import React",
      severity: "error",
      from: { path: layer("client"), pathNot: "^src/client/(stores/sqlite|react)\\.ts$" },
      to: { path: "^(node:)?sqlite$|^node_modules/(react|@types/react)/" },
    },
    { name: "no-cycles", severity: "error", from: { path: "^src/" }, to: { circular: true } },
    {
      name: "resolvable",
      severity: "error",
      from: { pathNot: "^src/tools/" },
      to: { couldNotResolve: true, pathNot: "^cloudflare:" },
    },
  ],
  options: {
    tsConfig: { fileName: "tsconfig.json" },
    tsPreCompilationDeps: true,
    doNotFollow: { path: "node_modules" },
    enhancedResolveOptions: {
      extensions: [".ts", ".js", ".mjs", ".sql", ".d.ts"],
      exportsFields: ["exports"],
      conditionNames: ["import", "types"],
    },
  },
};
