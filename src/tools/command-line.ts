import { parseArgs, type ParseArgsConfig } from "node:util";

/**
 * Parses the parameters of a tool. `--help` prints `usage` and ends the process with 0. Parameters that the tool does
 * not have end it with 2, after one line on standard error.
 */
export function readCommandLine<const T extends ParseArgsConfig>(usage: string, config: T) {
  const parameters = process.argv.slice(2);
  const end = parameters.indexOf("--");
  if (parameters.slice(0, end === -1 ? undefined : end).some((text) => text === "--help" || text === "-h")) {
    console.log(usage);
    process.exit(0);
  }
  try {
    return parseArgs(config);
  } catch (error) {
    // Node adds advice in further sentences and lines.
    fail(`${(error as Error).message.split(/\.\s/)[0]!.replace(/\.$/, "")}. See --help.`, 2);
  }
}

/** Ends the process after one message on standard error. */
export function fail(message: string, exitCode = 1): never {
  console.error(message);
  process.exit(exitCode);
}
