import { figure } from "../bench/bench.ts";
import type { Result } from "./runner.ts";

const unknown = "–";
const shown = (value: number | undefined): string => (value === undefined ? unknown : figure(value));

function answersOf({ answers }: Result): string {
  return Object.entries(answers)
    .map(([answer, times]) => `${answer} ${times}`)
    .join(", ");
}

const boundOf = ({ bound }: Result): string =>
  [
    bound.cpuMs === undefined ? [] : [`${figure(bound.cpuMs)} ms`],
    bound.memoryMiB === undefined ? [] : [`${figure(bound.memoryMiB)} MiB`],
  ]
    .flat()
    .join(", ") || unknown;

/** The memory, and that of the same with a Worker that does nothing. */
const memoryOf = ({ growthMiB, floorMiB }: Result): string =>
  `${shown(growthMiB)} MiB${floorMiB === undefined ? "" : ` (bare ${shown(floorMiB)})`}`;

const verdictOf = ({ failures }: Result): string => (failures.length === 0 ? "ok" : `FAILED: ${failures.join("; ")}`);

/** One line for each attack. */
export function asLine(result: Result): string {
  const { name, cpuMs } = result;
  return [
    name.padEnd(20),
    `${shown(cpuMs).padStart(7)} ms`,
    memoryOf(result).padStart(10),
    `p99 ${besideOf(result)}`.padEnd(36),
    `≤ ${boundOf(result)}`.padEnd(18),
    verdictOf(result),
    `(${answersOf(result)}; ${result.seconds.toFixed(0)} s)`,
  ].join("  ");
}

/** What others notice, and what they would notice of the same traffic with a bare Worker. */
const besideOf = ({ quietMs, besideMs, bareMs }: Result): string =>
  besideMs === undefined
    ? unknown
    : `${shown(quietMs)} → ${shown(besideMs)} ms${bareMs === undefined ? "" : ` (bare ${shown(bareMs)})`}`;

function table(header: readonly string[], rows: readonly (readonly string[])[]): string {
  const line = (cells: readonly string[]) => `| ${cells.join(" | ")} |`;
  return [line(header), line(header.map(() => "---")), ...rows.map(line)].join("\n");
}

/** The section of docs/BENCHMARKS.md. */
export function benchmarksSection(results: readonly Result[], circumstances: string): string {
  const header = ["attack", "CPU of one", "memory", "others' p99, quiet → beside", "bound", "verdict"];
  const rows = results.map((result) => [
    result.what,
    `${shown(result.cpuMs)} ms`,
    memoryOf(result),
    besideOf(result),
    boundOf(result),
    result.failures.length === 0 ? "kept" : `**missed**: ${result.failures.join("; ")}`,
  ]);
  return `## Attacks

Written by \`npm run attack -- --markdown\` on ${circumstances}.

${table(header, rows)}

How to read it: *CPU of one* is what one frame or request costs workerd, all its threads together, from rest to rest: the median of the rounds, each by another principal. *Memory* is the peak of the resident set above that before the attack, the largest of the rounds; garbage that is not collected yet counts. Where the attack consists of many frames, it is the memory of all of them together. Of some of those it is that of a second strike: the first one also shows what V8 and the platform take once (200 requests at once that the edge refuses take 46 MiB, and the same again 6 to 10). Where the platform takes most of it, the same is measured with objects that only open their database (*bare*), and the bound is for what is above that. *Others' p99* is that of small drafts to a partition of another tenant, in the same thread, every 5 ms; while one waits, those that are due count as waiting, too. Where it grows to more than three times, the same is measured beside a bare Worker that reads and sends as many bytes in as many requests (*bare*): what that costs others is the platform's, and what is above it is ours. Beside it the same principal repeats the attack for four seconds, up to 20 times a second, within its rates; a rejected removal for 40, because one takes longer than a hundredth of four.
`;
}

/** The table of docs/SECURITY.md. */
export function securityTable(results: readonly Result[]): string {
  const rows = results.map((result) => [result.what, result.boundBy, `${shown(result.cpuMs)} ms, ${memoryOf(result)}`]);
  return table(["attack", "what bounds it", "measured"], rows);
}
