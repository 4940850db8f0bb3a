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

const verdictOf = ({ failures }: Result): string => (failures.length === 0 ? "ok" : `FAILED: ${failures.join("; ")}`);

/** One line for each attack. */
export function asLine(result: Result): string {
  const { name, cpuMs, growthMiB, quietMs, besideMs } = result;
  return [
    name.padEnd(20),
    `${shown(cpuMs).padStart(7)} ms`,
    `${shown(growthMiB).padStart(6)} MiB`,
    `p99 ${shown(quietMs)} → ${shown(besideMs)} ms`.padEnd(22),
    `≤ ${boundOf(result)}`.padEnd(18),
    verdictOf(result),
    `(${answersOf(result)}; ${result.seconds.toFixed(0)} s)`,
  ].join("  ");
}

const row = (cells: readonly string[]): string => `| ${cells.join(" | ")} |`;

/** The table of docs/BENCHMARKS.md. */
export function asMarkdown(results: readonly Result[]): string {
  const header = ["attack", "CPU of one", "memory", "others' p99, quiet → beside", "bound", "verdict"];
  return [
    row(header),
    row(header.map(() => "---")),
    ...results.map((result) =>
      row([
        result.what,
        `${shown(result.cpuMs)} ms`,
        `${shown(result.growthMiB)} MiB`,
        `${shown(result.quietMs)} → ${shown(result.besideMs)} ms`,
        boundOf(result),
        result.failures.length === 0 ? "kept" : `**missed**: ${result.failures.join("; ")}`,
      ]),
    ),
  ].join("\n");
}
