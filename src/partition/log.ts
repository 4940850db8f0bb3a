import type { Log } from "../core/index.ts";
import { asciiJson } from "./ascii.ts";

/**
 * Structured log lines, one JSON object each, in ASCII: JSON leaves characters as they are that some
 * readers take for the end of a line, or a terminal for a command.
 */
export const log: Log = (level, message, fields) => {
  console[level](asciiJson({ level, timestamp: Date.now(), message, ...fields }));
};
