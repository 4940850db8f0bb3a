// `npm run effects-cost [-- <rounds>]`: the CPU of an event that causes nothing, where its model has effects, as a multiple
// of that where it has none. Ends with 1 above 1.02. Measure on a machine that does nothing else.
import "../support/sql-modules.ts";
import { defineEffects, type Effects } from "../../src/model/effects.ts";
import type { AnyModel } from "../../src/model/index.ts";
import { insieme } from "../../src/models/insieme/index.ts";
import { quantile, ratios } from "./stats.ts";

const { TestPartition } = await import("../support/partition.ts");

const rounds = Number(process.argv[2] ?? 200);
const eventsOfRound = 500;
/** So long that the processor has learned the code of all. */
const warmUpRounds = 20;
/** Between two events, in milliseconds of the partition's clock: below the rate of a client. */
const pauseMs = 100;
const shareMax = 1.02;

const variants: Readonly<Record<string, Effects | undefined>> = {
  "no effects": undefined,
  "effects of other types": defineEffects(insieme, { treeDelete: () => undefined }),
  "effects of the type, which are none": defineEffects(insieme, { set: () => undefined }),
};

/** Returns what submits the events of a round, and takes their time in µs an event. */
function roundsOf(effects: Effects | undefined): () => number {
  const room = new TestPartition({ model: insieme as AnyModel, effects });
  const client = room.client("writer", { echo: false });
  let drafts = 0;
  return () => {
    const from = process.cpuUsage();
    for (let at = 0; at < eventsOfRound; at++) {
      room.now += pauseMs;
      const { type } = client.submit(`draft-${drafts}`, "set", { target: `n${drafts++ % 50}`, value: "x".repeat(100) });
      if (type !== "event_accepted") throw new Error(`${type} instead of a verdict`);
    }
    const { user, system } = process.cpuUsage(from);
    // What a test keeps of all that was sent, and no server does.
    client.frames.length = 0;
    client.received.length = 0;
    return (user + system) / eventsOfRound;
  };
}

const all = Object.entries(variants).map(([name, effects]) => ({
  name,
  run: roundsOf(effects),
  times: [] as number[],
}));
for (let round = -warmUpRounds; round < rounds; round++) {
  // Each of them is the first one as often as the others: what the collector of garbage does falls on all.
  for (let turn = 0; turn < all.length; turn++) {
    const { run, times } = all[(((round + turn) % all.length) + all.length) % all.length]!;
    const time = run();
    if (round >= 0) times.push(time);
  }
}
const [floor, ...others] = all;
console.log(`${floor!.name.padEnd(40)}${quantile(floor!.times, 0.5).toFixed(2)} µs of CPU an event`);
for (const { name, times } of others) {
  const { median } = ratios(times, floor!.times);
  console.log(`${name.padEnd(40)}${quantile(times, 0.5).toFixed(2)} µs, ${median.toFixed(3)} × in the median`);
  if (median > shareMax) process.exitCode = 1;
}
