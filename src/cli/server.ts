import { Mistake } from "./mistake.ts";
import { loopbackHost, portOf } from "./port.ts";

/** The folder that a user's file names are relative to: npm runs scripts in the folder of the project. */
export function folderOfUser(): string {
  return process.env["INIT_CWD"] ?? process.cwd();
}

/** How long a server may take to answer. */
export const answerMsMax = 30_000;

/** Of the option `--url`. */
export const serverDescription = "The address of the server; default: http://127.0.0.1 at PORT, or 8787";

/** The server at an address; undefined: the one that `partita dev` serves in the same environment. */
export function serverAt(text: string | undefined): URL {
  if (text === undefined) return new URL(`http://${loopbackHost}:${portOf(undefined)}`);
  if (!/^https?:\/\//.test(text) || !URL.canParse(text))
    throw new Mistake(`"${text}" is not the URL of a server, as http://127.0.0.1:8787`, 2);
  return new URL(text);
}

/** @throws Mistake where nothing answers at once: an import tries again for a minute, as while a server starts again. */
export async function assertReachable(server: URL): Promise<void> {
  try {
    await (await fetch(new URL("/livez", server), { signal: AbortSignal.timeout(answerMsMax) })).body?.cancel();
  } catch (error) {
    throw new Mistake(unreachable(server, error));
  }
}

/** Why `fetch` has failed, for the user: its own message says no reason. */
export function unreachable(server: URL, error: unknown): string {
  const { message, cause } = error as Error;
  const isRefused = (cause as NodeJS.ErrnoException | undefined)?.code === "ECONNREFUSED";
  const why = isRefused ? "nothing listens there" : cause instanceof Error ? cause.message || message : message;
  const remedy = isRefused && server.hostname === loopbackHost ? " Start it by: npx partita dev" : "";
  return `${server.origin} cannot be reached: ${why}.${remedy}`;
}
