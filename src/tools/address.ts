/** The interface that `npm start` serves on. */
export const host = "127.0.0.1";
const portDefault = 8787;

/** The port that `npm start` serves on: PORT, or 8787. An Error where PORT is not a port. */
export function portOf({ PORT: text }: NodeJS.ProcessEnv): number | Error {
  if (text === undefined) return portDefault;
  const port = Number(text);
  if (/^\d{1,5}$/.test(text) && port >= 1 && port <= 65_535) return port;
  return new Error(`PORT must be a whole number from 1 to 65535, not "${text}".`);
}
