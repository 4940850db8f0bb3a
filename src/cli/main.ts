#!/usr/bin/env node
import { stripVTControlCharacters } from "node:util";
import { type ArgsDef, type CommandDef, defineCommand, renderUsage, runCommand } from "citty";
import { Mistake } from "./mistake.ts";
import { assertParameters } from "./parameters.ts";
import { printableLines } from "./printable.ts";
import { ownVersion } from "./starter-dependencies.ts";

/** Commands differ in their parameters, so there is no specific type. */
type AnyCommand = CommandDef<any>;

/** Each is loaded when it is called: most need what another one does not. */
const subCommands: Readonly<Record<string, () => Promise<AnyCommand>>> = {
  init: async () => (await import("./commands/init.ts")).init,
  dev: async () => (await import("./commands/dev.ts")).dev,
  token: async () => (await import("./commands/token.ts")).token,
  simulate: async () => (await import("./commands/simulate.ts")).simulate,
  export: async () => (await import("./commands/export.ts")).exportCommand,
  import: async () => (await import("./commands/import.ts")).importCommand,
  "check-model": async () => (await import("./commands/check-model.ts")).checkModelCommand,
  verify: async () => (await import("./commands/verify.ts")).verifyCommand,
  costs: async () => (await import("./commands/costs.ts")).costsCommand,
  incident: async () => (await import("./commands/incident.ts")).incidentCommand,
  console: async () => (await import("./commands/console.ts")).consoleCommand,
  doctor: async () => (await import("./commands/doctor.ts")).doctor,
  "import-insieme": async () => (await import("./commands/import-insieme.ts")).importInsiemeCommand,
  build: async () => (await import("./commands/build.ts")).build,
};

const partita: AnyCommand = defineCommand({
  meta: { name: "partita", description: "An authoritative event backend on Cloudflare Durable Objects." },
  subCommands,
});

/** The command that is named; undefined: none is. @throws Mistake where there is no such command. */
async function commandIn([name]: readonly string[]): Promise<AnyCommand | undefined> {
  if (name === undefined || name.startsWith("-")) return undefined;
  if (Object.hasOwn(subCommands, name)) return await subCommands[name]!();
  throw new Mistake(`There is no command "${name}". The commands: ${Object.keys(subCommands).join(", ")}.`, 2);
}

/** How a command is used, or which there are; as text alone where that is not for a terminal. */
async function usageOf(command: AnyCommand | undefined): Promise<string> {
  const text = await (command ? renderUsage(command, partita) : renderUsage(partita));
  const isColoured = process.stdout.isTTY && !process.env["NO_COLOR"];
  return (isColoured ? text : stripVTControlCharacters(text)).replaceAll(/ +$/gm, "");
}

/** What was thrown, for the user. Only citty says what is missing by an error of its own. */
function mistakeOf(error: unknown): Mistake {
  if (error instanceof Mistake) return error;
  const { name, message } = error instanceof Error ? error : { name: "", message: String(error) };
  return name === "CLIError" ? new Mistake(`${message}. See --help.`, 2) : new Mistake(message);
}

const rawArgs = process.argv.slice(2);
const own = rawArgs.includes("--") ? rawArgs.slice(0, rawArgs.indexOf("--")) : rawArgs;
const asked = own.filter((text) => text !== "--help" && text !== "-h");
try {
  const command = await commandIn(asked);
  if (own.length === 0 || asked.length < own.length) console.log(await usageOf(command));
  else if (own[0] === "--version" || own[0] === "-v") console.log(ownVersion());
  else if (!command) throw new Mistake("Name a command first. See --help.", 2);
  else {
    assertParameters(own.slice(1), (command.args ?? {}) as ArgsDef);
    await runCommand(command, { rawArgs: rawArgs.slice(1) });
  }
} catch (error) {
  // What a user has to know is in the message; a stack is for the developers of this program.
  const { message, exitCode } = mistakeOf(error);
  console.error(printableLines(message));
  if (process.env["PARTITA_DEBUG"] && error instanceof Error) console.error(error.stack);
  process.exitCode = exitCode;
}
