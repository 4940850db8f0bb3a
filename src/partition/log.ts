import type { Log } from "../core/index.ts";

/**
 * Structured log lines, one JSON object each, in ASCII: JSON leaves characters as they are that some
 * readers take for the end of a line, or a terminal for a command.
 */
export const log: Log = (level, message, fields) => {
  console[level](asciiJson({ level, timestamp: Date.now(), message, ...fields }));
};

function asciiJson(line: object): string {
  return JSON.stringify(line).replace(
    /[\u007f-\uffff]/g,
    (character) => `\\u${character.charCodeAt(0).toString(16).padStart(4, "0")}`,
  );
}
