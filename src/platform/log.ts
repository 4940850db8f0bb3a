import { type LogEvent, type LogFields, type LogKinds, ownLogs } from "../protocol/log-events.ts";
import { asciiJson } from "./ascii.ts";

let kinds: LogKinds = ownLogs;

/** Adds the events that a part of the Worker writes. */
export function addLogs(logs: LogKinds | undefined): void {
  kinds = { ...kinds, ...logs };
}

/** Of an event that no part has added, its name says what it is. */
const kindOf = (event: LogEvent) => kinds[event] ?? (["error", event] as const);

/** A longer text is cut: a line has at most six long texts, and the platform keeps 256 KB of one. */
const logTextUnitsMax = 4_096;

/**
 * The line of an event: one JSON object in ASCII, because JSON does not escape some characters that log readers treat as
 * the end of a line, or terminals as a command.
 */
export function logLine<Event extends LogEvent>(event: Event, fields: LogFields<Event>, timestamp: number): string {
  const [level, message] = kindOf(event);
  const cut = Object.entries(fields).map(([name, value]) => [name, typeof value === "string" ? short(value) : value]);
  return asciiJson({ level, timestamp, event, message, ...(Object.fromEntries(cut) as object) });
}

function short(text: string): string {
  return text.length > logTextUnitsMax ? `${text.slice(0, logTextUnitsMax)}…` : text;
}

/** Writes the line of an event to the console. */
export const log = <Event extends LogEvent>(event: Event, fields: LogFields<Event>): void => {
  console[kindOf(event)[0]](logLine(event, fields, Date.now()));
};
