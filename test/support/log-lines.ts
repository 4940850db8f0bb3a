import * as z from "zod/mini";
import { commonLogFields, logEventFields } from "../../src/protocol/log-event-fields.ts";
import { logEvents } from "../../src/protocol/all-log-events.ts";
import type { LogEvent, LogFields } from "../../src/protocol/log-events.ts";
import { type LogField, logFields } from "../../src/protocol/log-fields.ts";

/** A line that the tested code has logged. */
export interface LoggedLine {
  readonly event: LogEvent;
  readonly level: string;
  readonly message: string;
  readonly fields: Readonly<Record<string, unknown>>;
}

const values = { text: z.string(), number: z.number(), flag: z.boolean() } as const;
const traceId = z.string().check(z.regex(/^[0-9a-f]{32}$/));

const fieldSchemas = new Map<string, z.ZodMiniType>(
  Object.entries(logFields).map(([name, { is }]) => [name, z.optional(name === "traceId" ? traceId : values[is])]),
);

/** By event, those that were needed: tests measure the memory of what they run, and all of them take some MiB. */
const fieldsSchemas = new Map<LogEvent, z.ZodMiniType>();

/** The schema of the fields of an event: no others, and each of its type. */
function fieldsSchemaOf(event: LogEvent): z.ZodMiniType {
  const known = fieldsSchemas.get(event);
  if (known) return known;
  const names: readonly LogField[] = [...commonLogFields, ...logEventFields[event]];
  const schema = z.strictObject(Object.fromEntries(names.map((name) => [name, fieldSchemas.get(name)!])));
  fieldsSchemas.set(event, schema);
  return schema;
}

function checkFields(event: LogEvent, fields: object): void {
  const { error } = fieldsSchemaOf(event).safeParse(fields);
  if (error) throw new Error(`a line of "${event}" is not of its schema: ${error.message}`);
}

/** Checks a logged line against the schema of log lines. Returns it with its level and message. */
export function checkedLine<Event extends LogEvent>(event: Event, fields: LogFields<Event>): LoggedLine {
  const [level, message] = logEvents[event];
  checkFields(event, fields);
  return { event, level, message, fields };
}

/** Checks the text of a line as it is written. Returns what is in it. */
export function checkedText(line: string): LoggedLine {
  // Visible ASCII, so that it is one line and no command of a terminal.
  if (!/^[\u0020-\u007e]+$/.test(line)) throw new Error(`not one line of visible characters: ${line}`);
  const { level, timestamp, event, message, ...fields } = JSON.parse(line) as LoggedLine & Record<string, unknown>;
  const known: readonly [string, string] | undefined = logEvents[event];
  if (known?.[0] !== level || known[1] !== message || !Number.isInteger(timestamp))
    throw new Error(`not a line of a known event: ${line}`);
  checkFields(event, fields);
  return { event, level, message, fields };
}
