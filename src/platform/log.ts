import { asciiJson } from "./ascii.ts";

/**
 * Structured log lines, one JSON object each, in ASCII: JSON leaves characters as they are that some
 * readers take for the end of a line, or a terminal for a command.
 */
export const log = (
  level: "info" | "warn" | "error",
  message: string,
  fields: Readonly<Record<string, unknown>>,
): void => {
  console[level](asciiJson({ level, timestamp: Date.now(), message, ...fields }));
};
