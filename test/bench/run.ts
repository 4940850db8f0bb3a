// `npm run bench`: measures what Partita costs, see `usage`.
import { mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { fail, readCommandLine } from "../../src/tools/command-line.ts";
import { projectFolder } from "../../src/tools/wrangler.ts";
import { Bench, type Row } from "./bench.ts";
import { machine, workerdVersion } from "./machine.ts";
import { catchUp } from "./measures/catch-up.ts";
import { cost } from "./measures/cost.ts";
import { costs } from "./measures/costs.ts";
import { drain } from "./measures/drain.ts";
import { fanOut } from "./measures/fan-out.ts";
import { identity } from "./measures/identity.ts";
import { idle } from "./measures/idle.ts";
import { latency } from "./measures/latency.ts";
import { neighbours } from "./measures/neighbours.ts";
import { stalledReaders } from "./measures/reader.ts";
import { peers } from "./measures/peers.ts";
import { replay } from "./measures/replay.ts";
import { restart } from "./measures/restart.ts";
import { scale } from "./measures/scale.ts";
import { size } from "./measures/size.ts";
import { throughput } from "./measures/throughput.ts";
import { type KeptRows, keepRows } from "./kept.ts";
import { asMarkdown, asSvg, asText } from "./report.ts";

const measures = {
  throughput,
  latency,
  "fan-out": fanOut,
  identity,
  peers,
  neighbours,
  readers: stalledReaders,
  size,
  scale,
  "catch-up": catchUp,
  drain,
  idle,
  replay,
  restart,
  costs,
  cost,
};

const usage = `usage: npm run bench -- [--quick] [--into <file>] [measure…]
Measures what Partita costs, as ratios to floors and peers that are measured in the same run. Each measure takes less than five
minutes. When all are measured, docs/BENCHMARKS.md and its plot are written. Figures never fail it.
  --quick  runs short, and writes nothing
  --into   keeps the rows of the measures in this file, so that they can be measured one by one
  measure  one of ${Object.keys(measures).join(", ")}; all if none is named`;

const { values, positionals } = readCommandLine(usage, {
  options: { quick: { type: "boolean" }, into: { type: "string" } },
  allowPositionals: true,
});
const unknown = positionals.find((name) => !Object.hasOwn(measures, name));
if (unknown !== undefined) fail(`There is no measure "${unknown}". See --help.`, 2);
const quick = values.quick ?? false;
const chosen = Object.entries(measures).filter(([name]) => positionals.length === 0 || positionals.includes(name));

const bench = new Bench(quick);
const measured: KeptRows = {};
let kept = measured;
try {
  await bench.start();
  for (const [name, measure] of chosen) {
    const from = performance.now();
    measured[name] = await measure(bench);
    if (values.into !== undefined && !quick) kept = keepRows(values.into, measured);
    console.error(`${name}: ${((performance.now() - from) / 1_000).toFixed(0)} s`);
  }
} finally {
  await bench.stop();
}
console.log(asText(Object.values(measured).flat()));

// A page from some of the measures, or from a few short runs, would be misleading.
if (!quick && Object.keys(measures).every((name) => kept[name])) {
  const rows: Row[] = Object.keys(measures).flatMap((name) => kept[name]!);
  const { scripts } = JSON.parse(readFileSync(join(projectFolder, "package.json"), "utf8")) as { scripts: object };
  const circumstances = {
    date: new Date().toISOString().slice(0, 10),
    machine: machine(),
    workerd: workerdVersion(),
    command: "bench" in scripts ? "npm run bench" : "node test/bench/run.ts",
    runs: { usual: bench.runs, besideFloor: bench.runsBesideFloor },
  };
  mkdirSync(join(projectFolder, "docs", "images"), { recursive: true });
  const page = join(projectFolder, "docs", "BENCHMARKS.md");
  // The sections come from other commands.
  const [, ...sections] = readFileSync(page, "utf8").split(/^(?=## )/m);
  writeFileSync(page, [asMarkdown(rows, circumstances), ...sections].join("\n"));
  writeFileSync(join(projectFolder, "docs", "images", "benchmarks.svg"), asSvg(rows));
}
