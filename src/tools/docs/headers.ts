// docs/guide/headers.md, from the table of headers in src/protocol.
import { type HeaderNotes, headerNotes } from "../../protocol/header-notes.ts";
import { headers } from "../../protocol/headers.ts";

const titles = {
  request: "Of requests",
  response: "Of answers",
  internal: "From the Worker to its objects",
  webhook: "Of webhooks",
} as const;

const keys = Object.keys(headers) as (keyof typeof headers)[];

const code = (name: string | undefined) => (name === undefined ? "" : `\`${name}\``);

/** The page that says which headers there are, and where what they say goes on to. */
export function headersPage(): string {
  const sections = Object.entries(titles).map(([on, title]) => {
    const lines = keys
      .filter((key) => headers[key].on === on)
      .map((key) => {
        const { means, inside = "", log, webhook }: HeaderNotes = headerNotes[key];
        return `| ${code(headers[key].name)} | ${means} | ${inside} | ${code(log)} | ${code(webhook)} |`
          .replaceAll("|  |", "| |")
          .replaceAll("|  |", "| |");
      });
    return `## ${title}

| header | what it is | inside | log field | webhook |
|---|---|---|---|---|
${lines.join("\n")}
`;
  });
  return `# Headers

Every header that Partita reads or sets, and where what it says goes on to: inside the server, in [log lines](logs.md), and in webhooks. One trace id leads through all of them: \`traceparent\` of a request, \`Partita-Trace-Id\` of its answer, \`traceId\` of its problems and log lines, and \`traceparent\` of the webhooks that it causes, directly or by way of other partitions.

Clients cannot set the headers from the Worker to its objects: the Worker removes them. This page is generated from \`src/protocol/headers.ts\`, where the code takes the names from, and \`header-notes.ts\` beside it.

${sections.join("\n")}`;
}
