#!/usr/bin/env node
import { type CommandDef, defineCommand, renderUsage, runCommand } from "citty";
import { Mistake } from "./mistake.ts";
import { printableLines } from "./printable.ts";

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

/** Prints how a command is used. */
async function help(parameters: readonly string[]): Promise<void> {
  const name = parameters.find((text) => !text.startsWith("-")) ?? "";
  const command = Object.hasOwn(subCommands, name) ? await subCommands[name]!() : undefined;
  console.log(await (command ? renderUsage(command, partita) : renderUsage(partita)));
}

/** Refuses options that a command does not have: citty takes them without a word. */
async function assertKnown(parameters: readonly string[]): Promise<void> {
  const name = parameters.find((text) => !text.startsWith("-")) ?? "";
  if (!Object.hasOwn(subCommands, name)) return;
  const { args = {} } = await subCommands[name]!();
  const unknown = parameters.find((text) => {
    const [, option] = /^--?(?:no-)?([^=]+)/.exec(text) ?? [];
    return option !== undefined && !Object.hasOwn(args as object, option);
  });
  if (unknown) throw new Mistake(`Unknown option '${unknown}'. See --help.`, 2);
}

/** 2 for wrong parameters, as of citty itself. */
function exitCodeOf(error: unknown): number {
  if (error instanceof Mistake) return error.exitCode;
  return error instanceof Error && error.name === "CLIError" ? 2 : 1;
}

const rawArgs = process.argv.slice(2);
const own = rawArgs.includes("--") ? rawArgs.slice(0, rawArgs.indexOf("--")) : rawArgs;
try {
  if (own.length === 0 || own.includes("--help") || own.includes("-h")) await help(own);
  else {
    await assertKnown(own);
    await runCommand(partita, { rawArgs });
  }
} catch (error) {
  // What a user has to know is in the message; a stack is for the developers of this program.
  console.error(printableLines(error instanceof Error ? error.message : String(error)));
  if (process.env["PARTITA_DEBUG"] && error instanceof Error) console.error(error.stack);
  process.exitCode = exitCodeOf(error);
}
