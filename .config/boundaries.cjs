/** Arrows only downwards: edge, objects, shell, wire, core and tenant, model, storage, platform, protocol. */
const layer = (name) => `^src/${name}/`;
const only = (from, ...to) => ({
  name: `${from}-imports-only-${to.join("-") || "itself"}`,
  severity: "error",
  from: { path: layer(from) },
  to: { path: "^src/", pathNot: [from, ...to].map(layer) },
});
/** The same inside the client. `index.ts` and the hooks are above its folders. */
const clientOnly = (from, ...to) => ({
  name: `client-${from}-imports-only-${to.join("-") || "itself"}`,
  severity: "error",
  from: { path: layer(`client/${from}`) },
  to: { path: layer("client"), pathNot: [from, ...to].map((name) => layer(`client/${name}`)) },
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
    only("edge", "objects", "shell", "wire", "identity", "tenant", "core", "model", "models", "platform", "protocol"),
    only(
      "objects",
      "shell",
      "wire",
      "identity",
      "tenant",
      "core",
      "model",
      "models",
      "storage",
      "platform",
      "protocol",
    ),
    only("shell", "wire", "core", "tenant", "identity", "model", "models", "storage", "platform", "protocol"),
    only("wire", "core", "storage", "platform", "protocol"),
    only("tenant", "platform", "protocol", "storage", "core"),
    only("core", "model", "storage", "protocol"),
    only("identity", "platform", "protocol"),
    only("client", "model", "protocol"),
    clientOnly("api", "sync", "stores", "transport"),
    clientOnly("tabs", "sync", "stores", "transport"),
    clientOnly("sync", "stores", "transport"),
    clientOnly("transport"),
    clientOnly("stores"),
    {
      name: "client-sync-sees-the-store-port-only",
      severity: "error",
      from: { path: layer("client/sync") },
      to: { path: layer("client/stores"), pathNot: "^src/client/stores/store\\.ts$" },
    },
    only("demo", "client", "model", "models", "protocol"),
    only("models", "model", "protocol"),
    only("model", "protocol"),
    only("storage", "platform"),
    only("platform", "protocol"),
    only("protocol"),
    packages("protocol", "^node_modules/zod/"),
    packages("model", "^node_modules/zod/"),
    packages("models", "^node_modules/zod/"),
    packages("client", "^node_modules/(zod|eventsource-parser|react|@types/react)/|^(node:)?sqlite$"),
    packages("core", "^node_modules/zod/"),
    packages("edge", "^node_modules/(hono|hono-openapi|standardwebhooks|zod)/"),
    packages("identity", "^node_modules/jose/"),
    packages("platform", "^(node:)?(crypto|zlib)$"),
    packages("objects", "^(node:)?zlib$"),
    packages("shell", "^(node:)?(crypto|zlib)$"),
    packages("wire", "^$"),
    packages("tenant", "^$"),
    {
      name: "core-sees-the-storage-port-only",
      severity: "error",
      from: { path: layer("core") },
      to: { path: layer("storage"), pathNot: "^src/storage/(port|bytes|migrations)\\.ts$" },
    },
    {
      name: "cloudflare-only-in-adapters",
      comment: "Only edge/ and objects/ may import cloudflare:*",
      severity: "error",
      from: { pathNot: "^src/(edge|objects)/" },
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
      from: { path: layer("client"), pathNot: "^src/client/(stores/sqlite|react|react-suspense)\\.ts$" },
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
