import type { Log } from "../core/index.ts";

/** Structured log lines, one JSON object each. */
export const log: Log = (level, message, fields) => {
  console[level](JSON.stringify({ level, timestamp: Date.now(), message, ...fields }));
};
