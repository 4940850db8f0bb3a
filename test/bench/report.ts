import { figure, type Row } from "./bench.ts";
import type { Spread } from "./stats.ts";

/** Whether a row is within its bound; undefined if it has none. */
export function kept({ bound, value }: Row): boolean | undefined {
  if (!bound) return undefined;
  return "atLeast" in bound ? value.median >= bound.atLeast : value.median <= bound.atMost;
}

const rounded = (value: number): string => figure(Number(value.toPrecision(value < 1 ? 2 : 3)));

function valueText({ value: { median, low, high }, unit }: Row): string {
  const own = unit === "×" ? "×" : ` ${unit}`;
  return low === high ? `${rounded(median)}${own}` : `${rounded(median)}${own} (${rounded(low)}–${rounded(high)})`;
}

/** A bound, as "≥ 0.4 ×". */
export function boundText({ bound, unit }: Row): string {
  if (!bound) return "–";
  return "atLeast" in bound ? `≥ ${figure(bound.atLeast)} ${unit}` : `≤ ${figure(bound.atMost)} ${unit}`;
}

function verdict(row: Row): string {
  const within = kept(row);
  return within === undefined ? "reported" : within ? "kept" : "**missed**";
}

const header = ["measure", "Partita", "compared with", "result (range)", "bound", "verdict", "notes"];
const cells = (row: Row): string[] => [
  row.what,
  row.partita,
  row.floor,
  valueText(row),
  boundText(row),
  verdict(row),
  row.note,
];

/** The table for a terminal. */
export function asText(rows: readonly Row[]): string {
  const table = [header, ...rows.map(cells)];
  const widths = header.map((_, column) => Math.max(...table.map((line) => line[column]!.length)));
  return table
    .map((line) =>
      line
        .map((cell, at) => cell.padEnd(widths[at]!))
        .join("  ")
        .trimEnd(),
    )
    .join("\n");
}

/** The environment of a run. */
export interface Circumstances {
  date: string;
  machine: string;
  workerd: string;
  command: string;
  runs: { usual: number; besideFloor: number };
}

/** The page docs/BENCHMARKS.md. */
export function asMarkdown(rows: readonly Row[], { date, machine, workerd, command, runs }: Circumstances): string {
  const line = (texts: readonly string[]) => `| ${texts.join(" | ")} |`;
  return `# Benchmarks

Written by \`${command}\` on ${date}: ${machine}, workerd ${workerd}, ${runs.usual} runs of each, alternating (${runs.besideFloor} where a floor is beside it).

![Each result, as a share of its bound](images/benchmarks.svg)

${[line(header), line(header.map(() => "---")), ...rows.map((row) => line(cells(row)))].join("\n")}

How to read it: compare the ratios, not the absolute figures. The figures are those of one machine, whose cores the load generator, Partita, the floor and the disk share. A floor (\`test/bench/floor/worker.js\`) is the minimum that a Durable Object can do for the same frames, in the same workerd with the same generator: parse, an INSERT with the same columns and index, answer. It has a statement for each event, where Partita has one for those of a window. The latency is compared with a floor that commits and answers frame by frame, throughput and deliveries with one that processes the frames of a \`setTimeout(0)\` window in one transaction. Each ratio is the median of the ratios of neighbouring runs, with the minimum and the maximum. Events are \`treePush\` or \`treeUpdate\` of about 300 bytes, draft ids UUIDv7, clients receive arrays of messages and no echo. The notes show which side used its core fully. The rows written per accepted event are counted and asserted in \`test/workerd/sockets.test.ts\`. What a million events cost is counted from the statements that run, the indexes and each \`setAlarm\`, at list prices of November 2026; a commit is assumed to take 9 ms of duration, a message to a socket 15 µs (\`test/bench/measures/cost.ts\`).

The peers get events of the same length from the same number of writers, each over its own wire: the server of the package \`insieme\` in Node, with SQLite in WAL mode and \`synchronous=FULL\`; and a Durable Object made with \`partyserver\`, with the log of the floors (\`test/bench/peers/party-worker.js\`). Each has an event on the disk before it answers. Neither checks rights, schemas or rules, and \`partyserver\` has no idempotency of its own but the index. \`@livestore/sync-cf\` is not among them: it refuses a push that is not based on its head, so writers at the same time would measure how they rebase, not what a commit costs; its clients speak the RPC of Effect, which needs another generator; and it asks for 19 peers, most of them of that framework.

What is the platform's, and the same for a floor: reading frames and sending them (11 to 20 µs each, whatever their size), the commit and its pages, the memory of a socket and of an object, and the time until workerd listens. What is above the floor is ours: the schema, the rules and the reducer, the rest of a row, the texts of the messages, the snapshots; of a cold start, reading and folding what follows the snapshot, and the text of the state.
`;
}

/** The plot ends at this multiple of the bound. */
const sharesShown = 2;
const width = 900;
const barsFrom = 470;
const barsTo = 760;
const rowHeight = 30;
const top = 64;

/** The plot: each result that has a bound, as a share of the bound. */
export function asSvg(rows: readonly Row[]): string {
  const bounded = rows.filter(({ bound }) => bound !== undefined);
  const groups: [string, Row[]][] = [
    ["should pass the line", bounded.filter(({ bound }) => "atLeast" in bound!)],
    ["should end before the line", bounded.filter(({ bound }) => "atMost" in bound!)],
  ];
  const x = (share: number) => barsFrom + (Math.min(share, sharesShown) / sharesShown) * (barsTo - barsFrom);
  const lines: string[] = [];
  let y = top;
  for (const [title, members] of groups) {
    lines.push(`<text class="group" x="8" y="${y + 16}">${title}</text>`);
    y += rowHeight;
    for (const row of members) {
      const limit = "atLeast" in row.bound! ? row.bound.atLeast : row.bound!.atMost;
      const share = (of: keyof Spread) => x(Math.max(row.value[of], 0) / limit);
      const middle = y + 10;
      lines.push(
        `<text x="8" y="${y + 15}">${escaped(row.what.replaceAll("`", ""))}</text>`,
        `<rect class="${kept(row) ? "kept" : "missed"}" x="${barsFrom}" y="${y}" width="${(share("median") - barsFrom).toFixed(1)}" height="20" rx="2"/>`,
        `<path class="range" d="M${share("low").toFixed(1)} ${middle}H${share("high").toFixed(1)}"/>`,
        `<text class="figure" x="${width - 8}" y="${y + 15}">${rounded(row.value.median)} (${boundText(row)})</text>`,
      );
      y += rowHeight;
    }
  }
  const line = x(1);
  return `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 ${width} ${y + 12}" role="img" aria-labelledby="title">
<title id="title">Each result of the benchmark, as a share of its bound</title>
<style>
text { font: 13px system-ui, sans-serif; fill: #24292f }
.group, .head { font-weight: 600 }
.figure { text-anchor: end }
.kept { fill: #2da44e }
.missed { fill: #cf5b22 }
.range { stroke: #24292f; stroke-width: 2 }
.bound { stroke: #6e7781; stroke-width: 2; stroke-dasharray: 4 3 }
@media (prefers-color-scheme: dark) { text { fill: #e6edf3 } .range { stroke: #e6edf3 } }
</style>
<text class="head" x="8" y="24">Each result, as a share of its bound</text>
<text x="${line}" y="24" text-anchor="middle">bound</text>
<path class="bound" d="M${line} 32V${y}"/>
${lines.join("\n")}
</svg>
`;
}

const escaped = (text: string): string => text.replaceAll("&", "&amp;").replaceAll("<", "&lt;");
