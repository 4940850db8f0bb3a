// Measures whether a change is a gain: the CPU time of an event in builds of the Worker and in the floor, run by turns,
// because a shared machine changes from one minute to the next.
import { readCommandLine } from "../../src/tools/command-line.ts";
import { pushes } from "./bench.ts";
import { startBundle } from "./bundle.ts";
import { FloorServer } from "./floor/server.ts";
import { LoadGenerator } from "./load.ts";
import { quantile } from "./stats.ts";

const usage = `usage: node --disable-warning=ExperimentalWarning test/bench/compare.ts <bundle> [<bundle>…]
         [--subscribers=100] [--runs=20] [--events=6000]
Compares the CPU time of an event in bundles and in the floor. A bundle is a folder that npm run deploy:dry has made
in any checkout: dist/worker.`;

const { values, positionals } = readCommandLine(usage, {
  options: {
    subscribers: { type: "string", default: "100" },
    runs: { type: "string", default: "20" },
    events: { type: "string", default: "6000" },
  },
  allowPositionals: true,
});
const [subscribers, runs, measureEvents] = [values.subscribers, values.runs, values.events].map(Number) as [
  number,
  number,
  number,
];

const floor = new FloorServer();
const generator = new LoadGenerator();
const stops: (() => Promise<void>)[] = [];
try {
  const sides: { name: string; origin: string; pid: number; partition: string; costs: number[]; rates: number[] }[] =
    [];
  for (const name of positionals) {
    const { stop, ...server } = await startBundle(name);
    stops.push(stop);
    sides.push({ name, ...server, partition: "compare", costs: [], rates: [] });
  }
  stops.push(() => floor.stop());
  await floor.start();
  sides.push({ name: "floor", origin: floor.url.origin, pid: floor.pid, partition: "turn", costs: [], rates: [] });
  for (let run = 0; run <= runs; run++) {
    for (const { origin, pid, partition, costs, rates } of sides) {
      const { serverCpu, accepted, seconds } = await generator.run({
        kind: "stream",
        address: { server: origin, partition: `${partition}-${run}` },
        pid,
        publishers: 8,
        inFlight: 64,
        subscribers,
        stream: pushes,
        makeTree: true,
        warmupEvents: measureEvents / 3,
        measureEvents,
      });
      // The first run warms up.
      if (run === 0) continue;
      costs.push((serverCpu / accepted) * 1e6);
      rates.push(accepted / seconds);
    }
  }
  const shown = (of: readonly number[], digits: number) =>
    `${quantile(of, 0.5).toFixed(digits)} (${quantile(of, 0.25).toFixed(digits)}–${quantile(of, 0.75).toFixed(digits)})`;
  const bare = sides.at(-1)!;
  console.log("Medians (and quartiles) of the runs, and of each run's ratio to the floor.");
  for (const { name, costs, rates } of sides) {
    const cost = shown(
      costs.map((value, run) => value / bare.costs[run]!),
      2,
    );
    const rate = shown(
      rates.map((value, run) => value / bare.rates[run]!),
      2,
    );
    console.log(`${name}: ${shown(costs, 1)} µs of CPU an event, ${cost} ×; ${shown(rates, 0)} events/s, ${rate} ×`);
  }
} finally {
  generator.stop();
  for (const stop of stops) await stop();
}
