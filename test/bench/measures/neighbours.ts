import { type Bench, figure, type Row } from "../bench.ts";
import { makeNodes, probeDuring, updater } from "../probe.ts";
import { quantile, spread } from "../stats.ts";

/** The number of nodes that the events cycle through. */
const nodes = 100;
/** The drafts in flight of a flooding connection: just below the bound of a connection. */
const floodInFlight = 1_000;
/** The bound for the growth of another client's p99 (docs/SECURITY.md). */
const floodFactorMax = 20;

/** The latency of others while a partition is at its limit: other partitions, HTTP, and a normal client of the same partition. */
export async function neighbours(bench: Bench): Promise<Row[]> {
  const [busy, other] = [bench.fresh(), bench.fresh()];
  const stream = await makeNodes(busy, nodes);
  await makeNodes(other, nodes);
  const load = (publishers: number, inFlight: number, on = busy) =>
    bench.stream(on, { stream, makeTree: false, publishers, inFlight, measureEvents: bench.events(60_000) });
  const get = (path: string) => async () => {
    const response = await fetch(new URL(path, bench.partita.url));
    await response.arrayBuffer();
    if (!response.ok) throw new Error(`${path} was answered ${response.status}`);
  };
  const events = get(`/v1/partitions/${other.partition}/events?limit=10`);
  const rows: Row[] = [];
  const add = (what: string, times: readonly number[], bound: Row["bound"], floor = "–") =>
    rows.push({
      what,
      partita: `${figure(quantile(times, 0.99))} ms`,
      floor,
      value: spread([quantile(times, 0.99)]),
      unit: "ms",
      bound,
      note: `${times.length} requests, p50 ${figure(quantile(times, 0.5))} ms`,
    });

  const neighbour = await updater(other, stream);
  const beside = await probeDuring(load(8, 64), neighbour.probe);
  neighbour.close();
  // The same beside a busy floor shows the influence of the machine.
  const [busyFloor, otherFloor] = [bench.freshFloor("turn"), bench.freshFloor("each")];
  await makeNodes(busyFloor, nodes);
  const floorNeighbour = await updater(otherFloor, stream);
  const besideFloor = await probeDuring(load(8, 64, busyFloor), floorNeighbour.probe);
  floorNeighbour.close();
  const floor = `beside the floor: ${figure(quantile(besideFloor, 0.99))} ms`;
  add("Meanwhile a draft to another partition, p99", beside, { atMost: 50 }, floor);
  add("Meanwhile HTTP GET of another partition's events, p99", await probeDuring(load(8, 64), events), { atMost: 50 });
  add("Meanwhile HTTP GET /livez, p99", await probeDuring(load(8, 64), get("/livez")), { atMost: 50 });

  const behaved = await updater(busy, stream);
  const quiet = await probeDuring(bench.stream(other, idle(bench)), behaved.probe);
  const flooded = await probeDuring(load(1, floodInFlight), behaved.probe);
  behaved.close();
  for (const [name, of, bound] of [
    ["p50", 0.5, undefined],
    ["p99", 0.99, { atMost: floodFactorMax }],
  ] as const) {
    rows.push({
      what: `A client beside one that floods (1 × ${figure(floodInFlight)} in flight), ${name}`,
      partita: `${figure(quantile(flooded, of))} ms`,
      floor: `quiet: ${figure(quantile(quiet, of))} ms`,
      value: spread([quantile(flooded, of) / quantile(quiet, of)]),
      unit: "×",
      bound,
      note: "",
    });
  }
  return rows;
}

/** Almost no load, so that the quiet latency is measured in the same way. */
const idle = (bench: Bench) => ({
  makeTree: false,
  publishers: 1,
  inFlight: 1,
  stream: { event: "update" as const, prefix: "n", nodes },
  measureEvents: bench.events(2_000),
});
