import { type Bench, figure, type Row, saturation } from "../bench.ts";
import { quantile, ratios } from "../stats.ts";

/** Events delivered to 100 and to 1,000 subscribers, against *turn*. The loop is closed over the deliveries: nothing piles up. */
export async function fanOut(bench: Bench): Promise<Row[]> {
  const rows: Row[] = [];
  for (const { subscribers, inFlight, events } of [
    { subscribers: 100, inFlight: 64, events: 16_000 },
    { subscribers: 1_000, inFlight: 16, events: 3_000 },
  ]) {
    const measureEvents = bench.events(events);
    const job = { subscribers, inFlight, warmupEvents: measureEvents / 3, measureEvents };
    const [ours, turn] = await bench.alternate([
      () => bench.stream(bench.fresh(), job),
      () => bench.stream(bench.freshFloor("turn"), job),
    ]);
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
      what: `Deliveries to ${figure(subscribers)} subscribers`,
      partita: rate(ours),
      floor: rate(turn),
      value: ratios(rates(ours), rates(turn)),
      unit: "×",
      bound: { atLeast: 0.7 },
      note: `Partita: ${saturation(ours!)}, ${joined(ours)} events a frame; floor: ${saturation(turn!)}, ${joined(turn)} events a frame`,
    });
  }
  return rows;
}
