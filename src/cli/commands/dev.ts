import { spawn } from "node:child_process";
import { resolve } from "node:path";
import { defineCommand } from "citty";
import { variablesOf } from "../configuration.ts";
import { devVariables } from "../dev-variables.ts";
import { makeFolder } from "../files.ts";
import { parametersOf } from "../passed-settings.ts";
import { assertFree, loopbackHost, portOf } from "../port.ts";
import { projectIn, quietWrangler } from "../project.ts";

/** Of the commands of this program, not of the Worker. */
const ofCommands = new Set(["PARTITA_TOKEN", "PARTITA_DEBUG"]);

/**
 * The settings that wrangler has from no file: those of the environment, and the open development mode where nothing says
 * by which keys tokens are verified. `files`: the variables of wrangler.toml and of .dev.vars.
 */
export function settingsFor(
  files: Readonly<Record<string, string>>,
  environment: NodeJS.ProcessEnv,
): Record<string, string> {
  const given = Object.fromEntries(
    Object.entries(environment).flatMap(([name, value]) =>
      value !== undefined && name.startsWith("PARTITA_") && !ofCommands.has(name) ? [[name, value]] : [],
    ),
  );
  const all = { ...files, ...given };
  const keyed = ["PARTITA_JWT_SECRET", "PARTITA_JWKS_URL", "PARTITA_IDENTITY"].some((name) => all[name] !== undefined);
  return keyed ? given : { ...given, PARTITA_IDENTITY: "open" };
}

export const dev = defineCommand({
  meta: {
    name: "dev",
    description:
      "Serves the Worker of this folder on this machine, without tokens unless wrangler.toml, .dev.vars or the environment has keys",
  },
  args: {
    port: { type: "string", description: "The port; default: PORT of the environment, or 8787" },
    data: { type: "string", default: ".wrangler/state", description: "The folder of the data" },
  },
  async run({ args, rawArgs }) {
    const { folder, wrangler } = projectIn(".");
    const port = portOf(args.port);
    makeFolder(resolve(folder, args.data));
    // wrangler would end in a way that shows no reason.
    await assertFree(port);
    const passed = rawArgs.includes("--") ? rawArgs.slice(rawArgs.indexOf("--") + 1) : [];
    const parameters = ["dev", `--ip=${loopbackHost}`, `--port=${port}`, `--persist-to=${args.data}`];
    const files = { ...(await variablesOf(folder)), ...devVariables(folder) };
    const settings = parametersOf(settingsFor(files, process.env), folder);
    const child = spawn(process.execPath, [wrangler, ...parameters, ...settings, ...passed], {
      cwd: folder,
      stdio: "inherit",
      env: { ...quietWrangler, ...process.env },
    });
    // Ctrl-C reaches the whole group: wrangler ends by itself, and this process after it.
    for (const signal of ["SIGINT", "SIGTERM", "SIGHUP"] as const) process.on(signal, () => child.kill(signal));
    process.exitCode = await new Promise<number>((resolve, reject) => {
      child.once("error", reject);
      child.once("exit", (code) => resolve(code ?? 0));
    });
  },
});
