import { setTimeout as sleep } from "node:timers/promises";
import { type Bench, figure, type Row } from "../bench.ts";
import { Connection } from "../connection.ts";
import { residentMiB } from "../machine.ts";
import { makeNodes, probeDuring, updater } from "../probe.ts";
import { quantile, spread } from "../stats.ts";

const readers = 8;
/** The bytes of a broadcast event. */
const broadcastBytes = 600;
const nodes = 100;

/** The cost of clients that never read: workerd's memory, and the latency of a client that reads. */
export async function stalledReaders(bench: Bench): Promise<Row[]> {
  const measureEvents = 80_000;
  const measure = async (stalled: boolean) => {
    // Memory that an earlier measure freed would hide the memory of this one.
    await bench.partita.restart();
    const { pid } = bench.partita;
    const address = bench.fresh();
    const stream = await makeNodes(address, nodes);
    const connections: Connection[] = [];
    for (let at = 0; at < readers; at++) {
      const connection = await Connection.open(address, `reader${at}`);
      if (stalled) connection.pause();
      connections.push(connection);
    }
    const client = await updater(address, stream);
    await sleep(500);
    const before = residentMiB(pid);
    let peak = before;
    const sampling = setInterval(() => (peak = Math.max(peak, residentMiB(pid))), 20);
    const times = await probeDuring(
      bench.stream(address, { stream, makeTree: false, publishers: 4, inFlight: 32, measureEvents }),
      client.probe,
    );
    clearInterval(sampling);
    client.close();
    for (const connection of connections) connection.close();
    return { growth: peak - before, p50: quantile(times, 0.5), p99: quantile(times, 0.99) };
  };
  const reading = await measure(false);
  const stalled = await measure(true);
  const unbounded = (measureEvents * broadcastBytes) / 1_024 / 1_024;
  return [
    {
      what: "Memory per reader that never reads",
      partita: `${figure((stalled.growth - reading.growth) / readers)} MiB`,
      floor: `unbounded: ${figure(unbounded)} MiB`,
      value: spread([(stalled.growth - reading.growth) / readers]),
      unit: "MiB",
      bound: { atMost: 32 },
      note: `${readers} of them; workerd grew by ${figure(stalled.growth)} MiB, with as many that read by ${figure(reading.growth)} MiB`,
    },
    {
      what: "Latency of others beside them, p50",
      partita: `${figure(stalled.p50)} ms`,
      floor: `all read: ${figure(reading.p50)} ms`,
      value: spread([stalled.p50 / reading.p50]),
      unit: "×",
      bound: undefined,
      note: `p99 ${figure(stalled.p99)} ms; all read ${figure(reading.p99)} ms`,
    },
  ];
}
