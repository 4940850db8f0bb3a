import { Mistake } from "./mistake.ts";

const portDefault = 8787;

/** A port from `--port`, from the environment's PORT, or 8787. */
export function portOf(given: string | undefined): number {
  const text = given ?? process.env["PORT"] ?? String(portDefault);
  const port = Number(text);
  if (/^\d{1,5}$/.test(text) && port >= 1 && port <= 65_535) return port;
  throw new Mistake(`The port must be a whole number from 1 to 65535, not "${text}".`, 2);
}
