import { type LogEvent, type LogFields, logEvents } from "../protocol/log-events.ts";
import { asciiJson } from "./ascii.ts";

/** A longer text is cut: a line has at most six long texts, and the platform keeps 256 KB of one. */
const logTextUnitsMax = 4_096;

/**
 * The line of an event: one JSON object in ASCII, because JSON does not escape some characters that log readers treat as
 * the end of a line, or terminals as a command.
 */
export function logLine<Event extends LogEvent>(event: Event, fields: LogFields<Event>, timestamp: number): string {
  const [level, message] = logEvents[event];
  const cut = Object.entries(fields).map(([name, value]) => [name, typeof value === "string" ? short(value) : value]);
  return asciiJson({ level, timestamp, event, message, ...(Object.fromEntries(cut) as object) });
}

function short(text: string): string {
  return text.length > logTextUnitsMax ? `${text.slice(0, logTextUnitsMax)}…` : text;
}

/** Writes the line of an event to the console. */
export const log = <Event extends LogEvent>(event: Event, fields: LogFields<Event>): void => {
  console[logEvents[event][0]](logLine(event, fields, Date.now()));
};
