import { type Bench, figure, type Row, saturation } from "../bench.ts";
import { quantile, ratios } from "../stats.ts";

/** Committed events/s against *turn*: a floor that only answers, and one that also broadcasts to the other connections, as Partita does. */
export async function throughput(bench: Bench): Promise<Row[]> {
  // The state must stay below its bound, so the measure counts events, not seconds.
  const job = { warmupEvents: bench.events(8_000), measureEvents: bench.events(20_000) };
  const packedJob = { ...job, packed: true };
  const [ours, answers, turn, packed, packedTurn] = await bench.alternate(
    [
      () => bench.stream(bench.fresh(), job),
      () => bench.stream(bench.freshFloor("answers"), job),
      () => bench.stream(bench.freshFloor("turn"), job),
      () => bench.stream(bench.fresh(), packedJob),
      () => bench.stream(bench.freshFloor("turn"), packedJob),
    ],
    bench.runsBesideFloor,
  );
  const rates = (results: typeof ours) => results!.map(({ accepted, seconds }) => accepted / seconds);
  const rate = (results: typeof ours) => `${figure(quantile(rates(results), 0.5))}/s`;
  const row = { partita: rate(ours), unit: "×" as const };
  return [
    {
      ...row,
      what: "Events committed, 8 connections × 64 in flight",
      floor: rate(answers),
      value: ratios(rates(ours), rates(answers)),
      bound: undefined,
      note: `Partita: ${saturation(ours!)}; the floor only answers, Partita also broadcasts to 8`,
    },
    {
      ...row,
      what: "The same, the floor broadcasting too",
      floor: rate(turn),
      value: ratios(rates(ours), rates(turn)),
      bound: { atLeast: 0.6 },
      note: `floor: ${saturation(turn!)}`,
    },
    {
      ...row,
      what: "The same, with drafts packed into frames as the client library does",
      partita: rate(packed),
      floor: rate(packedTurn),
      value: ratios(rates(packed), rates(packedTurn)),
      bound: { atLeast: 0.6 },
      note: `Partita: ${saturation(packed!)}; floor: ${saturation(packedTurn!)}`,
    },
  ];
}
