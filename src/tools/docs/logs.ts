// docs/guide/logs.md, from the tables of log lines in src/protocol.
import { commonLogFields, logEventFields } from "../../protocol/log-event-fields.ts";
import { logEvents } from "../../protocol/all-log-events.ts";
import type { LogEvent } from "../../protocol/log-events.ts";
import { logFields } from "../../protocol/log-fields.ts";

const code = (names: readonly string[]) => names.map((name) => `\`${name}\``).join(", ");

/** The page that says what log lines there are. */
export function logsPage(): string {
  const events = Object.entries(logEvents).map(
    ([event, [level, message]]) =>
      `| \`${event}\` | ${level} | ${message} | ${code(logEventFields[event as LogEvent])} |`,
  );
  const fields = Object.entries(logFields).map(([name, { is, means }]) => `| \`${name}\` | ${is} | ${means} |`);
  return `# Log lines

Every line is one JSON object, in ASCII, without a line end in it:

\`\`\`json
{"level":"error","timestamp":1764412800000,"event":"model_failed","message":"the model failed on a draft","tenant":"acme","partition":"board-1","principal":"alice","draftId":"d-1","traceId":"4bf92f3577b34da6a3ce929d0e0e4736","error":"Error: …"}
\`\`\`

| member | what it is |
|---|---|
| \`level\` | \`error\`: somebody has to look at it; \`warn\`: it may become one; \`info\`: normal |
| \`timestamp\` | milliseconds since 1970 |
| \`event\` | name of what happened, for queries and alerts. A name is never given another meaning |
| \`message\` | the same in words; always the same for an event |

All others are fields. A line of any event can have ${code(commonLogFields)}. What is longer than 4,096 characters is cut. No line holds a payload, a token, a ticket or a secret; \`error\` has what was thrown, and answers never have it.

A verdict has no line: it is in the log of its partition, or stored as a rejection. The line of a failure has the \`traceId\` that its caller received.

This page is generated from \`log-events.ts\`, \`log-event-fields.ts\` and \`log-fields.ts\` of \`src/protocol\`.

## Events

| event | level | message | fields |
|---|---|---|---|
${events.join("\n").replaceAll("|  |", "| |")}

## Fields

| field | type | what it is |
|---|---|---|
${fields.join("\n")}
`;
}
