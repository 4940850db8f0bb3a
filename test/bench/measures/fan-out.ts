import { type Bench, figure, type Row, saturation } from "../bench.ts";
import { quantile, ratios } from "../stats.ts";

/** Credit as in the client library, but so much that no reader falls behind on a busy machine. */
const creditBytes = 4 * 1024 * 1024;

/**
 * Events delivered to 100 and to 1,000 subscribers, against *turn*, which has no credit. The loop waits for the
 * deliveries, so no queue builds up.
 */
export async function fanOut(bench: Bench): Promise<Row[]> {
  const rows: Row[] = [];
  for (const { subscribers, inFlight, events, credit, atLeast } of [
    { subscribers: 100, inFlight: 64, events: 16_000, atLeast: 0.85 },
    { subscribers: 100, inFlight: 64, events: 16_000, atLeast: 0.85, credit: creditBytes },
    { subscribers: 1_000, inFlight: 16, events: 3_000, atLeast: 0.95 },
  ]) {
    const measureEvents = bench.events(events);
    const job = { subscribers, inFlight, warmupEvents: measureEvents / 3, measureEvents };
    const [ours, turn] = await bench.alternate(
      [
        () => bench.stream(bench.fresh(), credit === undefined ? job : { ...job, credit }),
        () => bench.stream(bench.freshFloor("turn"), job),
      ],
      bench.runsBesideFloor,
    );
    const rates = (results: typeof ours) => results!.map(({ deliveries, seconds }) => deliveries / seconds);
    const rate = (results: typeof ours) => `${figure(quantile(rates(results), 0.5))}/s`;
    const joined = (results: typeof ours) =>
      figure(
        quantile(
          results!.map(({ deliveries, frames }) => deliveries / frames),
          0.5,
        ),
      );
    rows.push({
      what: `Deliveries to ${figure(subscribers)} subscribers${credit === undefined ? "" : ", each with credit"}`,
      partita: rate(ours),
      floor: rate(turn),
      value: ratios(rates(ours), rates(turn)),
      unit: "×",
      bound: { atLeast },
      note: `Partita: ${saturation(ours!)}, ${joined(ours)} events a frame; floor: ${saturation(turn!)}, ${joined(turn)} events a frame`,
    });
  }
  return rows;
}
