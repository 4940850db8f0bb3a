import { type Bench, figure, type Row } from "../bench.ts";
import { Connection } from "../connection.ts";
import { frameAt } from "../frames.ts";
import { makeNodes } from "../probe.ts";
import { quantile, spread } from "../stats.ts";

/** From kill -9 to the first commit of a server that is started again at once. */
export async function restart(bench: Bench): Promise<Row[]> {
  const address = bench.fresh();
  const stream = await makeNodes(address, 100);
  const starts: number[] = [];
  const [times] = await bench.alternate([
    async () => {
      const from = performance.now();
      await bench.partita.restart();
      starts.push(performance.now() - from);
      const connection = await Connection.open(address, "first");
      await connection.submit(frameAt(stream, 0));
      connection.close();
      return performance.now() - from;
    },
  ]);
  return [
    {
      what: "From kill -9 to the first commit",
      partita: `${figure(quantile(times!, 0.5))} ms`,
      floor: "–",
      value: spread(times!),
      unit: "ms",
      bound: undefined,
      note: `of that ${figure(quantile(starts, 0.5))} ms until workerd listens`,
    },
  ];
}
