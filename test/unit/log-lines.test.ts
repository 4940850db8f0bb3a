import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import { addLogs, logLine } from "../../src/platform/log.ts";
import { commonLogFields, logEventFields } from "../../src/protocol/log-event-fields.ts";
import { logEvents } from "../../src/protocol/all-log-events.ts";
import type { LogEvent, LogFields } from "../../src/protocol/log-events.ts";
import { type LogField, logFields, type LogValues } from "../../src/protocol/log-fields.ts";
import { checkedText } from "../support/log-lines.ts";

/** What is no part of the server. */
const elsewhere = /^(cli|demo|tools|client|testing|worker|react)\//;

const sources = readdirSync("src", { recursive: true, encoding: "utf8" })
  .filter((path) => path.endsWith(".ts") && !elsewhere.test(path))
  .map((path) => ({ path, text: readFileSync(join("src", path), "utf8") }));

const examples = { text: 'a "text"\n\u2028', number: 7, flag: true } as const;

function exampleOf(event: LogEvent): LogFields<LogEvent> {
  const names: readonly LogField[] = [...commonLogFields, ...logEventFields[event]];
  const values = names.map((name) => [name, name === "traceId" ? "0a".repeat(16) : examples[logFields[name].is]]);
  return Object.fromEntries(values) as LogFields<LogEvent>;
}

describe("log lines", () => {
  it("[OB-1] of a part that is missing have the name of the event as their message", () => {
    const line: object = JSON.parse(logLine("delivery_failed", {}, 1));
    expect(line).toEqual({ level: "error", timestamp: 1, event: "delivery_failed", message: "delivery_failed" });
  });

  it("[OB-1] of each event are one line of JSON, with all fields of the schema", () => {
    addLogs(logEvents);
    for (const event of Object.keys(logEvents) as LogEvent[]) {
      const line = checkedText(logLine(event, exampleOf(event), 1));
      expect(line.fields).toEqual(exampleOf(event));
    }
  });

  it("[OB-1] are written with an event of the table, by one function, and each event is used", () => {
    const used = new Set<string>();
    const withConsole: string[] = [];
    for (const { path, text } of sources) {
      if (path === join("protocol", "log-events.ts")) continue;
      for (const [, event] of text.matchAll(/(?:\blog|#log|#changed)\(\s*"(\w+)"/g)) used.add(event!);
      if (/\bconsole\b\s*[.[]/.test(text)) withConsole.push(path);
    }
    expect(withConsole).toEqual([join("platform", "log.ts")]);
    expect([...used].toSorted()).toEqual(Object.keys(logEvents).toSorted());
  });

  it("[OB-1] use each field of the table", () => {
    const used = new Set<string>([...commonLogFields, ...Object.values(logEventFields).flat()]);
    expect([...used].toSorted()).toEqual(Object.keys(logFields).toSorted());
  });

  it("[OB-1] have a bound: a long text is cut", () => {
    const error = "x".repeat(100_000);
    const { fields } = checkedText(logLine("request_failed", { error }, 1));
    expect((fields as LogValues).error).toBe(`${"x".repeat(4_096)}…`);
  });
});
