import { type Bench, figure, type Row, saturation } from "../bench.ts";
import { benchToken, verifiedServer } from "../identity/server.ts";
import { quantile, ratios } from "../stats.ts";

/** Events/s and latency with verified identities, against open development mode. */
export async function identity(bench: Bench): Promise<Row[]> {
  const server = verifiedServer();
  await server.start();
  try {
    const token = await benchToken();
    const fresh = () => ({ ...bench.fresh(), server: server.url.origin, token });
    const job = { warmupEvents: bench.events(8_000), measureEvents: bench.events(20_000) };
    const [verified, open] = await bench.alternate([
      () => bench.stream(fresh(), { ...job, pid: server.pid }),
      () => bench.stream(bench.fresh(), job),
    ]);
    const pings = { count: bench.events(2_000) };
    const [verifiedPings, openPings] = await bench.alternate([
      () => bench.ping(fresh(), pings),
      () => bench.ping(bench.fresh(), pings),
    ]);
    const rates = (results: typeof open) => results!.map(({ accepted, seconds }) => accepted / seconds);
    const rate = (results: typeof open) => `${figure(quantile(rates(results), 0.5))}/s`;
    const p50 = (runs: typeof openPings) => runs!.map((times) => quantile(times, 0.5));
    const ms = (runs: typeof openPings) => `${figure(quantile(p50(runs), 0.5))} ms`;
    return [
      {
        what: "Events committed with verified identities",
        partita: rate(verified),
        floor: `open: ${rate(open)}`,
        value: ratios(rates(verified), rates(open)),
        unit: "×",
        bound: { atLeast: 0.95 },
        note: `verified: ${saturation(verified!)}; open: ${saturation(open!)}`,
      },
      {
        what: "One event at a time with a verified identity, p50",
        partita: ms(verifiedPings),
        floor: `open: ${ms(openPings)}`,
        value: ratios(p50(verifiedPings), p50(openPings)),
        unit: "×",
        bound: { atMost: 1.05 },
        note: "",
      },
    ];
  } finally {
    await server.stop();
  }
}
