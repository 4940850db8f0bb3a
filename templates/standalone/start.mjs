// Starts the server of this folder: node start.mjs
// Environment:
//   HOST, PORT   where it listens; 127.0.0.1 and 8787 if absent. Put a proxy with TLS before it
//   DATA         the folder of the data; ./data if absent
//   PARTITA_*    the settings of the Worker; those of settings.json if absent. Secrets belong here, or into ENV_FILE
//   ENV_FILE     a file of lines NAME=value that are settings, too
import { spawn } from "node:child_process";
import { existsSync, mkdirSync, readFileSync } from "node:fs";
import { createRequire } from "node:module";
import { dirname, join, resolve } from "node:path";
import { fileURLToPath } from "node:url";
import { parseEnv } from "node:util";

const folder = dirname(fileURLToPath(import.meta.url));
const { HOST = "127.0.0.1", PORT = "8787", DATA = join(folder, "data"), ENV_FILE } = process.env;
if (!/^\d{1,5}$/.test(PORT) || Number(PORT) > 65_535) end(`PORT must be a number from 0 to 65535, not "${PORT}".`);
const defaults = JSON.parse(readFileSync(join(folder, "settings.json"), "utf8"));
if (ENV_FILE !== undefined && !existsSync(ENV_FILE)) end(`There is no file ${ENV_FILE}.`);
const file = ENV_FILE === undefined ? {} : parseEnv(readFileSync(ENV_FILE, "utf8"));
const data = resolve(DATA);
mkdirSync(data, { recursive: true });

const workerd = spawn(
  binary(),
  [
    "serve",
    join(folder, "config.capnp"),
    `--socket-addr=http=${HOST}:${PORT}`,
    `--directory-path=data=${data}`,
    ...(existsSync(join(folder, "public")) ? [`--directory-path=files=${join(folder, "public")}`] : []),
  ],
  { stdio: "inherit", env: { ...defaults, ...file, ...process.env } },
);
for (const signal of ["SIGINT", "SIGTERM", "SIGHUP"]) process.on(signal, () => workerd.kill("SIGTERM"));
workerd.once("error", (error) => end(`workerd cannot be started: ${error.message}`));
workerd.once("exit", (code, signal) => process.exit(code ?? (signal === "SIGTERM" ? 0 : 1)));
console.log(`Serves at http://${HOST}:${PORT}, data in ${data}`);

/** The program of workerd that npm has installed. */
function binary() {
  try {
    return createRequire(import.meta.url)("workerd").default;
  } catch {
    end("workerd is not installed here: npm install");
  }
}

function end(message) {
  console.error(message);
  process.exit(1);
}
