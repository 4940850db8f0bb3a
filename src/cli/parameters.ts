import { parseArgs } from "node:util";
import type { ArgsDef } from "citty";
import { Mistake } from "./mistake.ts";

/**
 * Refuses what a command does not have, and an option without its value: citty takes them without a word. `own`: what
 * follows the name of the command, up to `--`.
 *
 * @throws Mistake
 */
export function assertParameters(own: readonly string[], defined: ArgsDef): void {
  const all = Object.entries(defined);
  const options = Object.fromEntries(
    all.flatMap(([name, { type }]) =>
      type === "positional" ? [] : [[name, { type: type === "boolean" ? type : "string" } as const]],
    ),
  );
  const { positionals } = strictly(() => parseArgs({ args: [...own], options, allowPositionals: true }));
  const extra = positionals[all.length - Object.keys(options).length];
  if (extra !== undefined) throw new Mistake(`Unexpected argument '${extra}'. See --help.`, 2);
}

function strictly<T>(parse: () => T): T {
  try {
    return parse();
  } catch (error) {
    const { message, code } = error as NodeJS.ErrnoException;
    // Of an unknown option Node says how it could be a value, too.
    const [said] = code === "ERR_PARSE_ARGS_UNKNOWN_OPTION" ? message.split(". ") : [message.replaceAll("\n", " ")];
    throw new Mistake(`${said!.replace(/\.$/, "")}. See --help.`, 2);
  }
}
