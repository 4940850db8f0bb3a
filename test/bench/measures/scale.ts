import type { PreparedEvent } from "../../attack/prepared.ts";
import { type Bench, figure, type Row } from "../bench.ts";
import type { StreamJob } from "../load.ts";
import { prepare } from "../prepared.ts";
import { quantile, ratios } from "../stats.ts";

const longEvents = 1_000_000;
const largeNodes = 100_000;
/** The nodes that are changed, in the large tree and in one that has no others. */
const changedNodes = 2_000;
const nodesOfFolder = 100;

/** What an event costs after a million others, and in a tree of 100,000 nodes. */
export async function scale(bench: Bench): Promise<Row[]> {
  const long = bench.fresh();
  prepare(bench.folder, long.partition, settings(bench.events(longEvents)));
  const large = bench.fresh();
  prepare(bench.folder, large.partition, tree(largeNodes));
  const small = bench.fresh();
  prepare(bench.folder, small.partition, tree(changedNodes));

  // The nodes of all runs stay in the partition of a million events, and have to fit into its state.
  const counts = { warmupEvents: bench.events(3_000), measureEvents: bench.events(7_000) };
  let run = 0;
  const pushes = (): Pick<StreamJob, "stream"> => ({ stream: { event: "push", prefix: `r${run++}-` } });
  const updates = { stream: { event: "update" as const, prefix: "n", nodes: changedNodes }, makeTree: false };
  const cost = async (...job: Parameters<Bench["stream"]>) => {
    const { seconds, accepted } = await bench.stream(...job);
    return (seconds / accepted) * 1e6;
  };
  const [atMillion, atEmpty, inLarge, inSmall] = await bench.alternate([
    // The tree is made in the first run.
    () => cost(long, { ...counts, ...pushes() }),
    () => cost(bench.fresh(), { ...counts, ...pushes() }),
    () => cost(large, { ...counts, ...updates }),
    () => cost(small, { ...counts, ...updates }),
  ]);
  const us = (of: readonly number[]) => `${figure(quantile(of, 0.5))} µs`;
  return [
    {
      what: `An event after ${figure(bench.events(longEvents))} others`,
      partita: us(atMillion!),
      floor: `empty: ${us(atEmpty!)}`,
      value: ratios(atMillion!, atEmpty!),
      unit: "×",
      bound: { atMost: 1.2 },
      note: "",
    },
    {
      what: `An event in a tree of ${figure(largeNodes)} nodes`,
      partita: us(inLarge!),
      floor: `${figure(changedNodes)} nodes: ${us(inSmall!)}`,
      value: ratios(inLarge!, inSmall!),
      unit: "×",
      bound: { atMost: 1.5 },
      note: "",
    },
  ];
}

/** Events of about 300 bytes that set 1,000 properties in turn. */
function* settings(count: number): Generator<PreparedEvent> {
  const filling = "x".repeat(260);
  for (let at = 0; at < count; at++) {
    yield { type: "set", payload: { target: `key${at % 1_000}`, value: `${at} ${filling}` } };
  }
}

/** A tree of folders in folders, each with 100 nodes. */
function* tree(nodes: number): Generator<PreparedEvent> {
  yield { type: "set", payload: { target: "files", value: {} } };
  for (let at = 0; at < nodes; at++) {
    const parent = at < nodesOfFolder ? "_root" : `n${Math.floor(at / nodesOfFolder) - 1}`;
    const value = { id: `n${at}`, name: `node ${at}` };
    yield { type: "treePush", payload: { target: "files", value, options: { parent } } };
  }
}
