import { spawn } from "node:child_process";
import { defineCommand } from "citty";
import { devVariables } from "../dev-variables.ts";
import { portOf } from "../port.ts";
import { projectIn, quietWrangler } from "../project.ts";

export const dev = defineCommand({
  meta: {
    name: "dev",
    description:
      "Serves the Worker of this folder on this machine, without tokens unless .dev.vars or the environment has keys",
  },
  args: {
    port: { type: "string", description: "The port; default: PORT of the environment, or 8787" },
    data: { type: "string", default: ".wrangler/state", description: "The folder of the data" },
  },
  async run({ args, rawArgs }) {
    const { folder, wrangler } = projectIn(".");
    const port = portOf(args.port);
    const settings = { ...devVariables(folder), ...process.env };
    const keyed = ["PARTITA_JWT_SECRET", "PARTITA_JWKS_URL", "PARTITA_IDENTITY"].some(
      (name) => settings[name] !== undefined,
    );
    const passed = rawArgs.includes("--") ? rawArgs.slice(rawArgs.indexOf("--") + 1) : [];
    const parameters = ["dev", "--ip=127.0.0.1", `--port=${port}`, `--persist-to=${args.data}`];
    const open = keyed ? [] : ["--var=PARTITA_IDENTITY:open"];
    const child = spawn(process.execPath, [wrangler, ...parameters, ...open, ...passed], {
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
