import { Mistake } from "./mistake.ts";
import { portOf } from "./port.ts";

/** The folder that a user's file names are relative to: npm runs scripts in the folder of the project. */
export function folderOfUser(): string {
  return process.env["INIT_CWD"] ?? process.cwd();
}

/** The server at an address; undefined: the one that `partita dev` serves in the same environment. */
export function serverAt(text: string | undefined): URL {
  if (text === undefined) return new URL(`http://127.0.0.1:${portOf(undefined)}`);
  if (!/^https?:\/\//.test(text) || !URL.canParse(text))
    throw new Mistake(`"${text}" is not the URL of a server, as http://127.0.0.1:8787`, 2);
  return new URL(text);
}
