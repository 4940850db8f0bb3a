import { existsSync, readFileSync, statSync } from "node:fs";
import { resolve } from "node:path";
import { defineCommand } from "citty";
import { isLoopback, rulesOf, type TokenRules } from "../../identity/settings.ts";
import { type Configuration, readConfiguration } from "../configuration.ts";
import { devVariables } from "../dev-variables.ts";
import { Mistake } from "../mistake.ts";
import { printable } from "../printable.ts";
import { packageFolder, projectIn } from "../project.ts";
import { serverAt, unreachable } from "../server.ts";

/** What is found. `error`: it does not work; `warning`: production would refuse it, or costs more than it has to. */
interface Finding {
  level: "ok" | "warning" | "error";
  text: string;
}

/** Each binding with its class, and what does not work without it. Those with a `part` are of a part of the Worker. */
const bindings = [
  { binding: "PARTITIONS", className: "PartitionObject", without: "nothing works" },
  { binding: "TENANTS", className: "TenantObject", without: "nothing works" },
  { binding: "COURIERS", className: "CourierObject", without: "webhooks wait", part: "webhooks" },
  { binding: "METRICS", className: "MetricsObject", without: "there are no metrics and no costs", part: "metrics" },
] as const;
/** From this compatibility date on nodejs_compat is the default. */
const compatSince = "2026-08-04";
/** How long a server may take to answer. */
const answerMsMax = 10_000;

export const doctor = defineCommand({
  meta: {
    name: "doctor",
    description: "Says what is missing in the configuration of this folder, and what production would refuse",
  },
  args: { url: { type: "string", description: "Also asks the server at this address whether it is ready" } },
  async run({ args }) {
    const project = projectIn(".");
    const configuration = await readConfiguration(project);
    const findings = [
      ...namedFindings(configuration, project.folder),
      ...configurationFindings(configuration, textOf(configuration.main)),
      ...pagesFindings(configuration, devVariables(project.folder)),
      ...packageFindings(project.folder),
      ...identityFindings(configuration.vars ?? {}, devVariables(project.folder)),
      ...(args.url === undefined ? [] : await serverFindings(args.url)),
    ];
    const marks = { ok: "ok     ", warning: "warning", error: "ERROR  " };
    for (const { level, text } of findings) console.log(`${marks[level]}  ${printable(text)}`);
    if (args.url !== undefined)
      console.log(`What is in its partitions: npx partita console --url ${new URL(args.url).origin}`);
    const errors = findings.filter(({ level }) => level === "error").length;
    if (errors > 0) throw new Mistake(errors === 1 ? "1 thing does not work." : `${errors} things do not work.`);
  },
});

/**
 * What is wrong with the configuration. `main` is the text of the Worker's main module: a class that it names is to be bound.
 */
export function configurationFindings(config: Configuration, main = ""): Finding[] {
  const findings: Finding[] = [];
  const flags = config.compatibility_flags ?? [];
  const sqlite = new Set(config.migrations?.flatMap(({ new_sqlite_classes: classes = [] }) => classes));
  for (const { binding, className, without, ...of } of bindings) {
    const bound = config.durable_objects?.bindings?.find(({ name }) => name === binding);
    if (!bound) {
      if ("part" in of && !new RegExp(`\\b${className}\\b`).test(main)) continue;
      findings.push({
        level: "part" in of ? "warning" : "error",
        text: `the binding ${binding} of the class ${className} is missing: ${without} without it. docs/guide/parts.md shows it, and its migration`,
      });
    } else if (bound.script_name === undefined && !sqlite.has(bound.class_name ?? "")) {
      findings.push({
        level: "error",
        text: `${bound.class_name ?? className} is in no new_sqlite_classes of [[migrations]]: it would not be created`,
      });
    } else findings.push({ level: "ok", text: `${binding} is bound to ${bound.class_name ?? className}` });
  }
  if (!flags.includes("nodejs_compat") && (config.compatibility_date ?? compatSince) < compatSince)
    findings.push({ level: "error", text: 'compatibility_flags needs "nodejs_compat"' });
  if (!flags.includes("no_web_socket_compression"))
    findings.push({
      level: "warning",
      text: 'compatibility_flags has no "no_web_socket_compression": a small frame could become a large one before it is known who sent it',
    });
  if (!flags.includes("global_fetch_strictly_public"))
    findings.push({
      level: "warning",
      text: 'compatibility_flags has no "global_fetch_strictly_public": webhooks could reach origins of your own zone',
    });
  if (config.observability?.logs?.invocation_logs !== false)
    findings.push({
      level: "warning",
      text: "observability.logs.invocation_logs is not false: each message of a socket would be a log line, with headers in it",
    });
  return findings;
}

/** Whether what the configuration names is there: wrangler misses it only when it builds the Worker. */
export function namedFindings({ main, assets, build }: Configuration, folder: string): Finding[] {
  const unless = build?.command === undefined ? "" : `. If \`${build.command}\` makes it, run that first`;
  const named = (name: string, path: string, isThere: boolean): Finding =>
    isThere
      ? { level: "ok", text: `${name} is ${path}` }
      : { level: "error", text: `${name} names ${path}, which does not exist${unless}` };
  const findings: Finding[] =
    main === undefined
      ? [{ level: "error", text: 'main is missing: name the module of the Worker, as main = "src/worker.ts"' }]
      : [named("main", main, isFile(main))];
  if (assets?.directory === undefined) return findings;
  const directory = resolve(folder, assets.directory);
  return [...findings, named("assets.directory", directory, existsSync(directory))];
}

const isFile = (path: string): boolean => statSync(path, { throwIfNoEntry: false })?.isFile() ?? false;

/** The text of a module; empty where there is none yet. */
function textOf(path: string | undefined): string {
  return path !== undefined && isFile(path) ? readFileSync(path, "utf8") : "";
}

/** The package has no pages: a setting that asks for them has no effect. */
export function pagesFindings(config: Configuration, local: Readonly<Record<string, string>>): Finding[] {
  const { PARTITA_PAGES: asked = "" } = { ...config.vars, ...local };
  if (asked === "" || config.assets?.binding === "ASSETS") return [];
  return [
    {
      level: "warning",
      text: "PARTITA_PAGES has no effect: the pages are not in a Worker of your own. The console has a command: npx partita console",
    },
  ];
}

/** What is wrong with the settings of a deployment, and of this machine. */
export function identityFindings(
  vars: Readonly<Record<string, unknown>>,
  local: Readonly<Record<string, string>>,
): Finding[] {
  if (vars["PARTITA_IDENTITY"] === "open")
    return [
      {
        level: "error",
        text: "[vars] has PARTITA_IDENTITY = open: a deployment would answer nobody. Put it into .dev.vars",
      },
    ];
  const settings = Object.fromEntries(
    Object.entries(vars).flatMap(([name, value]) => (typeof value === "string" ? [[name, value]] : [])),
  );
  const { PARTITA_JWT_SECRET: _, ...others } = local;
  const keySet = settings["PARTITA_JWKS_URL"] ?? others["PARTITA_JWKS_URL"];
  // The secret is not in the configuration; whether the deployment has it shows at its address.
  const secret = keySet === undefined ? { PARTITA_JWT_SECRET: "0".repeat(32) } : {};
  const rules = rulesOf({ ...secret, ...others, ...settings });
  const verified =
    keySet === undefined
      ? "set the secret by: npx wrangler secret put PARTITA_JWT_SECRET"
      : `they are verified by the keys at ${keySet}`;
  const fault = typeof rules === "string" ? rules : keysFault(rules);
  const deployed: Finding =
    fault !== undefined
      ? { level: "warning", text: `a deployment would refuse each request: ${fault}` }
      : { level: "ok", text: `the settings of tokens are complete; ${verified}` };
  return [deployed, ...localFindings({ ...settings, ...local })];
}

/** Why a deployment cannot fetch its keys; undefined: nothing speaks against it. */
const keysFault = ({ keys }: TokenRules): string | undefined =>
  "jwksUrl" in keys && isLoopback(keys.jwksUrl.hostname)
    ? "PARTITA_JWKS_URL is an address of this machine, which it cannot reach."
    : undefined;

/** What is wrong with the settings of this machine, where they name keys. */
function localFindings(settings: Readonly<Record<string, string>>): Finding[] {
  if (settings["PARTITA_IDENTITY"] === "open") return [];
  if (settings["PARTITA_JWT_SECRET"] === undefined && settings["PARTITA_JWKS_URL"] === undefined) return [];
  const rules = rulesOf(settings);
  if (typeof rules !== "string") return [];
  return [{ level: "warning", text: `with .dev.vars, the server of partita dev refuses each request: ${rules}` }];
}

function packageFindings(folder: string): Finding[] {
  try {
    packageFolder(folder, "zod");
    return [];
  } catch {
    return [{ level: "error", text: "zod is not installed: npm install zod" }];
  }
}

/** Whether a server is ready. */
async function serverFindings(url: string): Promise<Finding[]> {
  const server = serverAt(url);
  const findings = await Promise.all(
    ["/livez", "/readyz"].map(async (path): Promise<Finding> => {
      const at = new URL(path, server).href;
      try {
        const response = await fetch(at, { signal: AbortSignal.timeout(answerMsMax) });
        const text = await response.text();
        if (response.ok) return { level: "ok", text: `${at} answers ${response.status}` };
        return { level: "error", text: `${at} answers ${response.status}: ${detailOf(text)}` };
      } catch (error) {
        return { level: "error", text: unreachable(server, error) };
      }
    }),
  );
  // Of a server that does not answer both say the same.
  return findings.filter(({ text }, at) => findings.findIndex((other) => other.text === text) === at);
}

function detailOf(text: string): string {
  try {
    return String((JSON.parse(text) as { detail?: string }).detail ?? text);
  } catch {
    return text.slice(0, 200);
  }
}
