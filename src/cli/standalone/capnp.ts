import type { Configuration } from "../configuration.ts";

/** A file of the bundle: its path from the configuration, and its name for imports. */
export interface ModuleFile {
  path: string;
  name: string;
}

const text = (value: string): string => JSON.stringify(value);

/** Settings that come from the environment where the server runs: secrets, and what differs by machine. */
export const environmentSettings: readonly string[] = [
  "PARTITA_JWT_SECRET",
  "PARTITA_JWKS_URL",
  "PARTITA_JWT_ALGORITHMS",
  "PARTITA_JWT_ISSUER",
  "PARTITA_JWT_AUDIENCE",
  "PARTITA_JWT_TYPE",
  "PARTITA_CLIENT_ID_CLAIM",
  "PARTITA_CLOCK_TOLERANCE",
  "PARTITA_TOKEN_LIFETIME_MAX",
  "PARTITA_ALLOWED_ORIGINS",
  "PARTITA_REQUEST_SIGNING_SECRET",
  "PARTITA_WEBHOOK_KEY",
  "PARTITA_AUDIT_KEYS",
  "PARTITA_PAGES",
  "PARTITA_DRAINING",
];

const list = (lines: readonly string[]): string => lines.map((line) => `    ${line},`).join("\n");

/** What a configuration of workerd is made of, besides that of wrangler. */
interface Parts {
  modules: readonly ModuleFile[];
  /** Whether `public` is served. */
  assets: boolean;
  /** Names of secrets that are the application's own. */
  secrets: readonly string[];
}

/** The configuration of workerd for a bundle. */
export function capnpOf(configuration: Configuration, { modules, assets, secrets }: Parts): string {
  const {
    compatibility_date: date = "2026-01-01",
    compatibility_flags: flags = [],
    vars = {},
    name = "partita",
  } = configuration;
  const objects = configuration.durable_objects?.bindings ?? [];
  const settings = Object.entries(vars).filter(([key]) => !environmentSettings.includes(key));
  const bindings = [
    ...objects.map(
      ({ name: binding, class_name: className }) =>
        `(name = ${text(binding)}, durableObjectNamespace = ${text(className)})`,
    ),
    ...settings.map(([key, value]) =>
      typeof value === "string"
        ? `(name = ${text(key)}, text = ${text(value)})`
        : `(name = ${text(key)}, json = ${text(JSON.stringify(value))})`,
    ),
    // start.mjs gives each the value of the environment, or that of settings.json.
    ...[...environmentSettings, ...secrets].map((key) => `(name = ${text(key)}, fromEnvironment = ${text(key)})`),
    ...(assets && configuration.assets?.binding
      ? [`(name = ${text(configuration.assets.binding)}, service = "static")`]
      : []),
  ];
  const classes = objects.map(
    ({ class_name: className }) =>
      `(className = ${text(className)}, uniqueKey = ${text(`${name}-${className}`)}, enableSql = true)`,
  );
  const runtime = [
    `  compatibilityDate = ${text(date)},`,
    `  compatibilityFlags = [${flags.map(text).join(", ")}],`,
  ].join("\n");
  const first = configuration.assets?.run_worker_first === true || !assets;
  return `# Made by partita build --standalone. start.mjs runs it.
using Workerd = import "/workerd/workerd.capnp";

const config :Workerd.Config = (
  services = [
    (name = "worker", worker = .worker),
    # What the Worker sends goes to the internet only, and not to this machine or its network.
    (name = "internet", network = (allow = ["public"], tlsOptions = (trustBrowserCas = true))),
    (name = "data", disk = (path = "data", writable = true)),
${assets ? `    (name = "static", worker = .static),\n    (name = "files", disk = "public"),\n` : ""}  ],
  sockets = [(name = "http", address = "127.0.0.1:8787", http = (), service = ${text(first ? "worker" : "static")})],
);

const worker :Workerd.Worker = (
  modules = [
    (name = "entry.js", esModule = embed "entry.js"),
${list(modules.map(moduleOf))}
  ],
${runtime}
  bindings = [
${list(bindings)}
  ],
  durableObjectNamespaces = [
${list(classes)}
  ],
  durableObjectStorage = (localDisk = "data"),
  globalOutbound = "internet",
);
${
  assets
    ? `
const static :Workerd.Worker = (
  modules = [(name = "static.js", esModule = embed "static.js")],
  compatibilityDate = ${text(date)},
  bindings = [
    (name = "FILES", service = "files"),${first ? "" : `\n    (name = "NEXT", service = "worker"),`}
  ],
);
`
    : ""
}`;
}

function moduleOf({ path, name }: ModuleFile): string {
  const kind =
    name.endsWith(".js") || name.endsWith(".mjs")
      ? "esModule"
      : name.endsWith(".wasm")
        ? "wasm"
        : name.endsWith(".bin")
          ? "data"
          : "text";
  return `(name = ${text(name)}, ${kind} = embed ${text(path)})`;
}
