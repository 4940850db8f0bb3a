import { asciiJson } from "./ascii.ts";

/**
 * Writes structured log lines, one JSON object each, in ASCII: JSON does not escape some characters that log readers
 * treat as the end of a line, or terminals as a command.
 */
export const log = (
  level: "info" | "warn" | "error",
  message: string,
  fields: Readonly<Record<string, unknown>>,
): void => {
  console[level](asciiJson({ level, timestamp: Date.now(), message, ...fields }));
};
