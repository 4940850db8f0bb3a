import { type Bench, figure, type Row } from "../bench.ts";
import { quantile, ratios } from "../stats.ts";

/** The latency of one event at a time, against *each*. */
export async function latency(bench: Bench): Promise<Row[]> {
  const job = { count: bench.events(2_000) };
  const [ours, each] = await bench.alternate(
    [() => bench.ping(bench.fresh(), job), () => bench.ping(bench.freshFloor("each"), job)],
    bench.runsBesideFloor,
  );
  return [0.5, 0.99].map((p) => {
    const ms = (runs: typeof ours) => runs!.map((times) => quantile(times, p));
    return {
      what: `One event at a time, p${p * 100}`,
      partita: `${figure(quantile(ms(ours), 0.5))} ms`,
      floor: `${figure(quantile(ms(each), 0.5))} ms`,
      value: ratios(ms(ours), ms(each)),
      unit: "×",
      bound: { atMost: p === 0.5 ? 1.15 : 2 },
      note: "",
    };
  });
}
