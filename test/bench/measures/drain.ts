import { createClient } from "../../../src/client/index.ts";
import { insieme } from "../../../src/models/insieme/index.ts";
import { type Bench, figure, type Row } from "../bench.ts";
import { makeNodes } from "../probe.ts";
import { quantile, spread } from "../stats.ts";

const drafts = 5_000;
/** The number of nodes that the drafts cycle through. */
const nodes = 100;
/** Makes an event about 300 bytes long. */
const text = "Chaconne, partita in D minor ".repeat(5);

/** What a person who was offline waits for: from the connection until each draft has its verdict. */
export async function drain(bench: Bench): Promise<Row[]> {
  const count = bench.events(drafts);
  const [times] = await bench.alternate([
    async () => {
      const address = bench.fresh();
      const { prefix } = await makeNodes(address, nodes);
      const { server, partition } = address;
      const client = createClient({ url: server, partition, model: insieme, clientId: "away", tabs: false });
      await until(() => client.status.status === "online");
      client.pause();
      for (let at = 0; at < count; at++) {
        void client.submit("treeUpdate", {
          target: "files",
          value: { text: `${at} ${text}` },
          options: { id: `${prefix}${at % nodes}` },
        });
      }
      const from = performance.now();
      client.resume();
      await until(() => client.pending.length === 0);
      const time = performance.now() - from;
      await client.close();
      return time;
    },
  ]);
  return [
    {
      what: `${figure(count)} drafts made offline, until each has its verdict`,
      partita: `${figure((count / quantile(times!, 0.5)) * 1_000)}/s`,
      floor: "–",
      value: spread(times!),
      unit: "ms",
      bound: { atMost: 3_000 },
      note: "by the client library, from the first attempt to connect",
    },
  ];
}

async function until(isSo: () => boolean): Promise<void> {
  while (!isSo()) await new Promise((resolve) => setTimeout(resolve, 1));
}
