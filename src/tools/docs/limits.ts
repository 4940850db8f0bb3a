// The pages that are made from the code, and the numbers of docs/guide/limits.md.
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { bounds, defaultLimits, type Rate } from "../../protocol/index.ts";
import { projectFolder } from "../wrangler.ts";
import { headersPage } from "./headers.ts";
import { logsPage } from "./logs.ts";

const guide = join(projectFolder, "docs", "guide");
const begin = "<!-- from the code, by npm run docs -->\n";
const end = "<!-- end -->";
const units = [
  ["GiB", 1024 ** 3],
  ["MiB", 1024 ** 2],
  ["KiB", 1024],
] as const;

/** The generated documents, by path. */
export function generatedDocuments(): Map<string, string> {
  const path = join(guide, "limits.md");
  const text = readFileSync(path, "utf8");
  const [before, rest = ""] = text.split(begin) as [string, string?];
  const after = rest.slice(rest.indexOf(end));
  return new Map([
    [path, `${before}${begin}${limitsTable()}${after}`],
    [join(guide, "bounds.md"), boundsPage()],
    [join(guide, "logs.md"), logsPage()],
    [join(guide, "headers.md"), headersPage()],
  ]);
}

function count(value: number): string {
  return value.toLocaleString("en");
}

function bytes(value: number): string {
  const [unit, size] = units.find(([, each]) => value >= each) ?? ["bytes", 1];
  return `${Number((value / size).toFixed(1))} ${unit}`;
}

const rate = (limit: Rate | null, shown: (value: number) => string): string =>
  limit === null ? "none" : `${shown(limit.perSecond)} a second after ${shown(limit.burst)} at once`;

function limitsTable(): string {
  const limits = defaultLimits;
  const rows = [
    [
      "the state, by what it takes in memory",
      `${bytes(bounds.stateBytesMax)}: about 100,000 items of a tree`,
      "a draft that makes the state larger is rejected as `state_too_large`; one that makes it smaller is accepted",
      "let users delete something, or divide the document into more partitions",
    ],
    [
      "the timers",
      `${count(bounds.timersMax)}, and ${bytes(bounds.timersBytesMax)} of their payloads`,
      "a draft that would set another one is refused as `too_many_timers`; everything else goes on",
      "cancel those that are not needed, or divide the document",
    ],
    [
      "the log",
      `${bytes(bounds.logBytesMax)}, or \`limits.logBytes\``,
      "a new draft is refused as `storage_full`; reading goes on, connections stay, replays are answered",
      "give the tenant more, or begin another partition",
    ],
    [
      "the work of one draft",
      `${count(bounds.draftWorkMax)} units, about 25 ms`,
      "it is rejected as `draft_too_expensive`, with `work: {counted, max}`",
      "change less in one event",
    ],
    [
      "the work of a batch in one frame",
      `${count(bounds.batchWorkMax)} units`,
      "the same for an atomic batch; of a sequential one the rest is `overloaded`, and our client sends it again",
      "smaller batches",
    ],
    [
      "a frame; a batch",
      `${bytes(bounds.frameBytesMax)}; ${count(bounds.batchEventsMax)} events`,
      "the client rejects it before it is sent, the server refuses it",
      "more batches, or store the file elsewhere and its address here",
    ],
    [
      "drafts of one user",
      `${rate(limits.principal, count)}; one that takes much work on the state counts as several`,
      "`rate_limited` with `retryAfter`; our client keeps the draft, and sends it then",
      "`limits.principal`, and `limits.eventTypes` for single types",
    ],
    ["bytes of one user", rate(limits.principalBytes, bytes), "the same", "`limits.principalBytes`"],
    [
      "reads of one user",
      `${rate(limits.reads, count)}, in units; a unit is a request or 4 KiB`,
      "the same",
      "`limits.reads`",
    ],
    [
      "connections of one user to a partition; of all",
      `${count(limits.connectionsPerPrincipal!)}; ${count(limits.connectionsPerPartition!)}`,
      "`too_many_connections`",
      "`limits.connectionsPerPrincipal`, `limits.connectionsPerPartition`",
    ],
    [
      "open streams over HTTP",
      `${count(bounds.streamsMax)}, of one user ${count(bounds.streamsPerPrincipalMax)}`,
      "the same",
      "WebSockets have no such bound",
    ],
    ["a hash of the state, by `verify()`", `${bytes(bounds.hashStateBytesMax)} of text`, "it is not compared", ""],
  ];
  const lines = rows.map((cells) => `| ${cells.join(" | ")} |`.replace("|  |", "| |"));
  return `| what | bound | at the bound | what to do |\n|---|---|---|---|\n${lines.join("\n")}\n`;
}

/** A bound in the sources: a comment, and the names that it is about. */
interface Documented {
  comment: string;
  names: string[];
}

function boundsPage(): string {
  const documented = ["draft-bounds.ts", "bounds.ts"].flatMap((name) =>
    documentedIn(readFileSync(join(projectFolder, "src", "protocol", name), "utf8")),
  );
  const rows = documented.map(({ comment, names }) => {
    const values = names.map((name) => `\`${name}\`: ${shown(name, bounds[name as keyof typeof bounds])}`);
    return `| ${values.join("<br>")} | ${comment.replaceAll("|", "\\|")} |`;
  });
  return `# All bounds

What could grow without end has a bound. [Limits](limits.md) says which of them an application meets, and what to do there. This is the whole list, generated from \`src/protocol/bounds.ts\`; they cannot be set.

| bound | what it is about, and why |
|---|---|
${rows.join("\n")}
`;
}

function documentedIn(source: string): Documented[] {
  const found: Documented[] = [];
  const parts = source.matchAll(/^ {2}\/\*\*(.*?)\*\/$|^ {2}(\w+): /gms);
  for (const [, comment, name] of parts) {
    if (comment !== undefined) found.push({ comment: textOf(comment), names: [] });
    else if (name !== undefined) found.at(-1)?.names.push(name);
  }
  return found.filter(({ names }) => names.length > 0);
}

/** A comment as one line. Documents that it names are linked. */
function textOf(comment: string): string {
  const text = comment.replaceAll(/\s*\n\s*\*? ?/g, " ").trim();
  return text.replaceAll(/docs\/decisions\/(\d{4})-[\w-]+\.md/g, (path, number: string) => {
    return `[decision ${Number(number)}](../${path.slice("docs/".length)})`;
  });
}

function shown(name: string, value: unknown): string {
  if (typeof value !== "number") return JSON.stringify(value);
  if (name.includes("Bytes") && value >= 1024) return bytes(value);
  return /Ms(Max|Min)?$/.test(name) && value >= 1_000 ? `${count(value / 1_000)} s` : count(value);
}
