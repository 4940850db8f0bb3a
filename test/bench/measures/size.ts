import { type Bench, figure, type Row } from "../bench.ts";
import { type Address, Connection } from "../connection.ts";
import { quantile, ratios, spread } from "../stats.ts";

const largeNodes = 10_000;
const largeEvents = 100_000;

/** The cost of a long log and a large tree: per event, at a cold start, and when a snapshot is taken. */
export async function size(bench: Bench): Promise<Row[]> {
  const large = bench.fresh();
  await bench.stream(large, { stream: { event: "push", prefix: "l" }, measureEvents: largeNodes });
  const updates = { event: "update" as const, prefix: "l", nodes: largeNodes };
  await bench.stream(large, { stream: updates, makeTree: false, measureEvents: largeEvents - largeNodes });
  // The pause first: each later push grows the state, and delays the next snapshot.
  const pause = await snapshotPause(bench, large);
  return [await perEvent(bench, large), pause, await coldStart(bench, large)];
}

async function perEvent(bench: Bench, large: Address): Promise<Row> {
  let run = 0;
  const job = { measureEvents: bench.events(4_000) };
  const [atLarge, atEmpty] = await bench.alternate([
    // The prefix makes the nodes of each run new.
    () => bench.stream(large, { ...job, stream: { event: "push", prefix: `r${run++}-` }, makeTree: false }),
    () => bench.stream(bench.fresh(), job),
  ]);
  const costs = (results: typeof atLarge) => results!.map(({ seconds, accepted }) => (seconds / accepted) * 1e6);
  return {
    what: `An event at ${figure(largeEvents)} events and ${figure(largeNodes)} nodes`,
    partita: `${figure(quantile(costs(atLarge), 0.5))} µs`,
    floor: `empty: ${figure(quantile(costs(atEmpty), 0.5))} µs`,
    value: ratios(costs(atLarge), costs(atEmpty)),
    unit: "×",
    bound: { atMost: 1.5 },
    note: "",
  };
}

async function snapshotPause(bench: Bench, large: Address): Promise<Row> {
  // The next snapshot is due after as many log bytes as the state has.
  const job = { makeTree: false, publishers: 2, inFlight: 8, measureEvents: 16_000 };
  const { pauseMs } = await bench.stream(large, {
    ...job,
    stream: { event: "update", prefix: "l", nodes: largeNodes },
  });
  const reader = await Connection.open(large, "reader", { initialState: true });
  reader.close();
  const taken = reader.sinceSnapshot !== undefined && reader.sinceSnapshot < job.measureEvents;
  const floor = await bench.stream(bench.freshFloor("turn"), { ...job, makeTree: true });
  return {
    what: "The longest pause of a stream in which a snapshot is taken",
    partita: `${figure(pauseMs)} ms`,
    floor: `${figure(floor.pauseMs)} ms`,
    value: spread([pauseMs]),
    unit: "ms",
    bound: taken ? { atMost: 50 } : undefined,
    note: taken ? `${figure(largeNodes)} nodes; the floor takes none` : "no snapshot was taken",
  };
}

async function coldStart(bench: Bench, large: Address): Promise<Row> {
  const [times] = await bench.alternate([
    async () => {
      await bench.partita.restart();
      const from = performance.now();
      const reader = await Connection.open(large, "reader", { initialState: true });
      const ms = performance.now() - from;
      reader.close();
      return ms;
    },
  ]);
  return {
    what: "Its cold start, to `connected` with the state",
    partita: `${figure(quantile(times!, 0.5))} ms`,
    floor: "–",
    value: spread(times!),
    unit: "ms",
    bound: { atMost: 1_000 },
    note: "after a kill -9, from when workerd listens again",
  };
}
