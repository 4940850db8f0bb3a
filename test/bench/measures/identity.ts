import { type Bench, figure, type Row, saturation } from "../bench.ts";
import { bareServer, benchToken, verifiedServer } from "../identity/server.ts";
import { quantile, ratios } from "../stats.ts";

/** Events/s and latency with verified identities and metrics, against open development mode without metrics. What an event works is metered in both. */
export async function identity(bench: Bench): Promise<Row[]> {
  const server = verifiedServer();
  const bare = bareServer();
  await server.start();
  await bare.start();
  try {
    const token = await benchToken();
    const fresh = () => ({ ...bench.fresh(), server: server.url.origin, token });
    const freshBare = () => ({ ...bench.fresh(), server: bare.url.origin });
    const job = { warmupEvents: bench.events(8_000), measureEvents: bench.events(20_000) };
    const [verified, open] = await bench.alternate([
      () => bench.stream(fresh(), { ...job, pid: server.pid }),
      () => bench.stream(freshBare(), { ...job, pid: bare.pid }),
    ]);
    const pings = { count: bench.events(2_000) };
    const [verifiedPings, openPings] = await bench.alternate([
      () => bench.ping(fresh(), pings),
      () => bench.ping(freshBare(), pings),
    ]);
    const rates = (results: typeof open) => results!.map(({ accepted, seconds }) => accepted / seconds);
    const rate = (results: typeof open) => `${figure(quantile(rates(results), 0.5))}/s`;
    const p50 = (runs: typeof openPings) => runs!.map((times) => quantile(times, 0.5));
    const ms = (runs: typeof openPings) => `${figure(quantile(p50(runs), 0.5))} ms`;
    return [
      {
        what: "Events committed with verified identities, metrics and metering",
        partita: rate(verified),
        floor: `without: ${rate(open)}`,
        value: ratios(rates(verified), rates(open)),
        unit: "×",
        bound: { atLeast: 0.95 },
        note: `verified: ${saturation(verified!)}; without: ${saturation(open!)}`,
      },
      {
        what: "One event at a time with them, p50",
        partita: ms(verifiedPings),
        floor: `without: ${ms(openPings)}`,
        value: ratios(p50(verifiedPings), p50(openPings)),
        unit: "×",
        bound: { atMost: 1.05 },
        note: "",
      },
    ];
  } finally {
    await server.stop();
    await bare.stop();
  }
}
