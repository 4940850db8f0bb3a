// Measures whether a change is a gain: builds of the Worker and the floor, run by turns, because a shared machine changes
// from one minute to the next.
import { readCommandLine } from "../../src/tools/command-line.ts";
import { pushes } from "./bench.ts";
import { startBundle } from "./bundle.ts";
import { FloorServer } from "./floor/server.ts";
import type { Address } from "./connection.ts";
import { LoadGenerator } from "./load.ts";
import { quantile } from "./stats.ts";

const usage = `usage: node --disable-warning=ExperimentalWarning test/bench/compare.ts <bundle> [<bundle>…]
         [--subscribers=100] [--in-flight=64] [--runs=20] [--events=6000] [--packed] [--lone]
Compares bundles and the floor: the CPU time of an event in a stream, events per second, and how many are in a frame; with --lone the time from a
draft to its verdict while nothing else is on its way; with --packed several drafts are in a frame. A bundle is a folder that npm run deploy:dry has made in any
checkout: dist/worker.`;

const { values, positionals } = readCommandLine(usage, {
  options: {
    subscribers: { type: "string", default: "100" },
    "in-flight": { type: "string", default: "64" },
    runs: { type: "string", default: "20" },
    events: { type: "string", default: "6000" },
    packed: { type: "boolean", default: false },
    lone: { type: "boolean", default: false },
  },
  allowPositionals: true,
});
const [subscribers, inFlight, runs, measureEvents] = [
  values.subscribers,
  values["in-flight"],
  values.runs,
  values.events,
].map(Number) as [number, number, number, number];

/** One side, and a figure of each kind for each run. */
interface Side {
  name: string;
  origin: string;
  pid: number;
  /** The partition of each run begins with it. */
  partition: string;
  figures: Record<string, number[]>;
}

type Figures = Record<string, number>;

async function stream(address: Address, { pid }: Side): Promise<Figures> {
  const { serverCpu, accepted, seconds, deliveries, frames } = await generator.run({
    kind: "stream",
    address,
    pid,
    publishers: 8,
    inFlight,
    subscribers,
    packed: values.packed,
    stream: pushes,
    makeTree: true,
    warmupEvents: measureEvents / 3,
    measureEvents,
  });
  return {
    "µs of CPU an event": (serverCpu / accepted) * 1e6,
    "events/s": accepted / seconds,
    ...(subscribers > 0 && { "events a frame": deliveries / frames }),
  };
}

async function lone(address: Address): Promise<Figures> {
  const { times } = await generator.run({
    kind: "ping",
    address,
    stream: pushes,
    makeTree: true,
    warmup: measureEvents / 20,
    count: measureEvents / 4,
  });
  return { "µs at p50": quantile(times, 0.5) * 1e3, "µs at p99": quantile(times, 0.99) * 1e3 };
}

const shown = (of: readonly number[], digits: number) =>
  `${quantile(of, 0.5).toFixed(digits)} (${quantile(of, 0.25).toFixed(digits)}–${quantile(of, 0.75).toFixed(digits)})`;

const floor = new FloorServer();
const generator = new LoadGenerator();
const stops: (() => Promise<void>)[] = [];
try {
  const sides: Side[] = [];
  for (const name of positionals) {
    const { stop, ...server } = await startBundle(name);
    stops.push(stop);
    sides.push({ name, ...server, partition: "compare", figures: {} });
  }
  stops.push(() => floor.stop());
  await floor.start();
  const mode = values.lone ? "each" : "turn";
  sides.push({ name: "floor", origin: floor.url.origin, pid: floor.pid, partition: mode, figures: {} });
  for (let run = 0; run <= runs; run++) {
    for (const side of sides) {
      const address = { server: side.origin, partition: `${side.partition}-${run}` };
      const figures = values.lone ? await lone(address) : await stream(address, side);
      // The first run warms up.
      if (run === 0) continue;
      for (const [name, value] of Object.entries(figures)) (side.figures[name] ??= []).push(value);
    }
  }
  const bare = sides.at(-1)!;
  console.log("Medians (and quartiles) of the runs, and of each run's ratio to the floor.");
  for (const { name, figures } of sides) {
    const parts = Object.entries(figures).map(([unit, all]) => {
      const ratios = all.map((value, run) => value / bare.figures[unit]![run]!);
      return `${shown(all, 1)} ${unit}, ${shown(ratios, 2)} ×`;
    });
    console.log(`${name}: ${parts.join("; ")}`);
  }
} finally {
  generator.stop();
  for (const stop of stops) await stop();
}
