import { type Bench, figure, type Row } from "../bench.ts";
import { Connection } from "../connection.ts";
import { syncFrame } from "../frames.ts";
import { quantile, spread } from "../stats.ts";

/** About 5 MB of state: a node has about 240 bytes. */
const nodes = 21_000;
const events = 100_000;

/** What a client waits for that was away for a long time: all events, page by page, and the state after a restart. */
export async function catchUp(bench: Bench): Promise<Row[]> {
  const address = bench.fresh();
  await bench.stream(address, { stream: { event: "push", prefix: "n" }, measureEvents: nodes });
  const updates = { event: "update" as const, prefix: "n", nodes };
  await bench.stream(address, { stream: updates, makeTree: false, measureEvents: events - nodes });
  let bytes = 0;
  let folded: number | undefined;
  const [pages, starts] = await bench.alternate([
    async () => {
      const reader = await Connection.open(address, "reader");
      const from = performance.now();
      bytes = 0;
      for (let since: number | undefined = 0; since !== undefined;) {
        const page: Buffer = await reader.ask(syncFrame(since));
        bytes += page.length;
        // At the end of the page: a load generator that parses JSON measures itself.
        const [, hasMore, next] = /"hasMore":(true|false),"nextSinceEventId":(\d+)/.exec(
          page.toString("latin1", page.length - 300),
        )!;
        since = hasMore === "true" ? Number(next) : undefined;
      }
      reader.close();
      return performance.now() - from;
    },
    async () => {
      await bench.partita.restart();
      const from = performance.now();
      const reader = await Connection.open(address, "reader", { initialState: true });
      reader.close();
      folded ??= reader.sinceSnapshot;
      return performance.now() - from;
    },
  ]);
  return [
    {
      what: `Catch-up of ${figure(events)} events, page by page`,
      partita: `${figure((events / quantile(pages!, 0.5)) * 1_000)}/s`,
      floor: "–",
      value: spread(pages!),
      unit: "ms",
      bound: undefined,
      note: `${figure(bytes / 1_024 / 1_024)} MiB, by one reader that asks for a page when it has the one before`,
    },
    {
      what: `Cold start of ${figure(events)} events with a state of 5 MB, to \`connected\` with it`,
      partita: `${figure(quantile(starts!, 0.5))} ms`,
      floor: "–",
      value: spread(starts!),
      unit: "ms",
      bound: { atMost: 300 },
      note: `after a kill -9, from when workerd listens again; the first folds ${figure(folded ?? 0)} events, takes ${figure(starts![0]!)} ms, and leaves a snapshot to the others`,
    },
  ];
}
