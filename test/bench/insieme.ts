// `npm run bench-insieme`: what the wire of Insieme costs here and at the package's own server, by one load in one run.
import { readCommandLine } from "../../src/tools/command-line.ts";
import { OurServer } from "../insieme/our-server.ts";
import { InsiemeLoad } from "./insieme/load-process.ts";
import type { Project } from "./insieme/speaker.ts";
import { TheirProcess } from "./insieme/their-server.ts";
import { machine, workerdVersion } from "./machine.ts";
import { quantile } from "./stats.ts";

const usage = `usage: npm run bench-insieme -- [--runs 5] [--events 4000]
Measures this server and that of the package insieme: the same load, over the same wire, by turns, both with each answer on
the disk before it is sent. Prints medians of the runs.`;

const { values } = readCommandLine(usage, {
  options: { runs: { type: "string", default: "5" }, events: { type: "string", default: "4000" } },
});
const [runs, events] = [Number(values.runs), Number(values.events)];

/** Few events in a message and many messages, as of many clients; and what one client sends when it has much to send. */
const loads = {
  "committed events/s, a message each": { writers: 8, inFlight: 16, batch: 1, readers: 0 },
  "committed events/s, 50 a message": { writers: 8, inFlight: 1, batch: 50, readers: 0 },
  "deliveries/s to 100, a message each": { writers: 8, inFlight: 16, batch: 1, readers: 100 },
  "deliveries/s to 100, 50 a message": { writers: 8, inFlight: 1, batch: 50, readers: 100 },
} as const;

interface Side {
  pid: number;
  project(projectId: string): Project;
}

const median = (of: readonly number[]) => quantile(of, 0.5);
const range = (of: readonly number[]) =>
  `${median(of).toPrecision(4)} (${Math.min(...of).toPrecision(4)}–${Math.max(...of).toPrecision(4)})`;

function print(name: string, theirs: readonly number[], ours: readonly number[], less: boolean): void {
  const ratio = less ? median(theirs) / median(ours) : median(ours) / median(theirs);
  console.log(`${name.padEnd(40)} theirs ${range(theirs)}, ours ${range(ours)}: ${ratio.toFixed(1)} ×`);
}

const load = new InsiemeLoad();
const theirs = await TheirProcess.start();
// Neither verifies tokens: that is not compared.
const ours = await OurServer.start({ open: true });
try {
  const sides: Side[] = [theirs, ours];
  const measure = async (of: (side: Side, run: number) => Promise<number>) => {
    const figures: number[][] = sides.map(() => []);
    for (let run = 0; run <= runs; run++) {
      for (const [at, side] of sides.entries()) {
        const figure = await of(side, run);
        // The first run warms up.
        if (run > 0) figures[at]!.push(figure);
      }
    }
    return figures as [number[], number[]];
  };
  console.log(`${machine()}; workerd ${workerdVersion()}; ${runs} runs of ${events} events: medians, least and most.`);
  for (const [at, [name, shape]] of Object.entries(loads).entries()) {
    const cpu: number[][] = sides.map(() => []);
    const [one, two] = await measure(async (side, run) => {
      const result = await load.run({
        kind: "stream",
        project: side.project(`load-${at}-${run}`),
        pid: side.pid,
        ...shape,
        warmupEvents: events / 4,
        measureEvents: events,
      });
      cpu[sides.indexOf(side)]!.push((result.serverCpu / result.committed) * 1e6);
      return (shape.readers > 0 ? result.deliveries : result.committed) / result.seconds;
    });
    print(name, one, two, false);
    print("  CPU of the server, µs an event", cpu[0]!, cpu[1]!, true);
  }
  const [one, two] = await measure(async (side, run) => {
    const project = side.project(`ping-${run}`);
    return quantile(await load.run({ kind: "ping", project, warmup: 50, count: 300 }), 0.5);
  });
  print("p50 of one event at a time, ms", one, two, true);
} finally {
  load.stop();
  await Promise.all([theirs.stop(), ours.stop()]);
}
