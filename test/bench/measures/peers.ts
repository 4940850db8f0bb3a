import { fileURLToPath } from "node:url";
import { type Bench, figure, type Row, saturation } from "../bench.ts";
import { FloorServer } from "../floor/server.ts";
import { InsiemeLoad } from "../insieme/load-process.ts";
import type { StreamJob as InsiemeJob } from "../insieme/load.ts";
import { TheirProcess } from "../insieme/their-server.ts";
import type { StreamJob } from "../load.ts";
import { quantile, ratios } from "../stats.ts";

/** Makes an event on the other wire as long as ours, about 300 bytes. */
const value = "Chaconne, partita in D minor ".repeat(6);
const readers = 100;
/** This many times the events of a peer are measured here: a run of them would be over before it is warm. */
const oursMore = 8;

/**
 * Partita against what else serves such clients, each over its own wire, as its own client uses it. All have an event on the
 * disk before it is answered: the package's server by SQLite with WAL and full sync, the others by the output gate.
 */
export async function peers(bench: Bench): Promise<Row[]> {
  return [...(await insieme(bench)), ...(await partyserver(bench))];
}

/** The server of the package `insieme`, over `ws` and SQLite. */
async function insieme(bench: Bench): Promise<Row[]> {
  const load = new InsiemeLoad();
  const theirs = await TheirProcess.start();
  let projects = 0;
  const measureEvents = bench.events(2_000);
  const counts = { warmupEvents: measureEvents / 4, measureEvents };
  const their = async (shape: Pick<InsiemeJob, "inFlight" | "batch" | "readers">) => {
    const project = theirs.project(`peers-${projects++}`);
    const result = await load.run({ kind: "stream", project, pid: theirs.pid, writers: 8, value, ...shape, ...counts });
    return rateOf({ ...result, accepted: result.committed }, shape.readers > 0);
  };
  const our = async (shape: Pick<StreamJob, "inFlight" | "packed" | "subscribers">) =>
    rateOf(
      await bench.stream(bench.fresh(), {
        ...shape,
        warmupEvents: oursMore * measureEvents,
        measureEvents: oursMore * measureEvents,
      }),
      shape.subscribers > 0,
    );
  try {
    const rows: Row[] = [];
    for (const [what, batched, subscribers, bound] of [
      ["Events committed, one a message, against the server of `insieme`", false, 0, undefined],
      ["The same, as many a message as each client sends", true, 0, { atLeast: 8 }],
      ["Deliveries to 100, one a message, against the server of `insieme`", false, readers, undefined],
      ["The same, as many a message as each client sends", true, readers, { atLeast: 5 }],
    ] as const) {
      const [ours, other] = await bench.alternate([
        () => our({ inFlight: 64, packed: batched, subscribers }),
        () => their({ inFlight: batched ? 1 : 64, batch: batched ? 50 : 1, readers: subscribers }),
      ]);
      rows.push(against(what, ours!, other!, bound, batched ? "ours packed, theirs 50 events a message" : ""));
    }
    return rows;
  } finally {
    load.stop();
    await theirs.stop();
  }
}

/** A server made with `partyserver`: a Durable Object, with the log of the floors. */
async function partyserver(bench: Bench): Promise<Row[]> {
  const main = fileURLToPath(new URL("../peers/party-worker.js", import.meta.url));
  const party = new FloorServer({ main, className: "PartyObject" });
  await party.start();
  try {
    let rooms = 0;
    const room = () => ({ server: party.url.origin, partition: `room-${rooms++}` });
    const committed = { warmupEvents: bench.events(500), measureEvents: bench.events(2_000) };
    const fanned = { subscribers: readers, warmupEvents: bench.events(100), measureEvents: bench.events(400) };
    const compare = async (what: string, job: Partial<StreamJob> & typeof committed, note = "") => {
      const [ours, theirs] = await bench.alternate([
        () =>
          bench.stream(bench.fresh(), {
            ...job,
            warmupEvents: oursMore * job.warmupEvents,
            measureEvents: oursMore * job.measureEvents,
          }),
        () => bench.stream(room(), { ...job, pid: party.pid }),
      ]);
      const rates = (of: typeof ours) => of!.map((result) => rateOf(result, job.subscribers !== undefined));
      const cores = `Partita: ${saturation(ours!)}; \`partyserver\`: ${saturation(theirs!)}`;
      return against(what, rates(ours), rates(theirs), undefined, `${note}${cores}`);
    };
    const rows = [
      await compare(
        "Events committed, against a server made with `partyserver`",
        committed,
        "it commits and broadcasts each message by itself; ",
      ),
      await compare("The same, with drafts packed into frames", { ...committed, packed: true }),
      await compare(`Deliveries to ${readers}, against it`, fanned),
    ];
    const pings = { count: bench.events(500) };
    const [ours, theirs] = await bench.alternate([
      async () => quantile(await bench.ping(bench.fresh(), pings), 0.5),
      async () => quantile(await bench.ping(room(), pings), 0.5),
    ]);
    return [
      ...rows,
      {
        what: "One event at a time, against it, p50",
        partita: `${figure(quantile(ours!, 0.5))} ms`,
        floor: `${figure(quantile(theirs!, 0.5))} ms`,
        value: ratios(ours!, theirs!),
        unit: "×",
        bound: undefined,
        note: "",
      },
    ];
  } finally {
    await party.stop();
  }
}

const rateOf = (
  { accepted, deliveries, seconds }: { accepted: number; deliveries: number; seconds: number },
  delivered: boolean,
): number => (delivered ? deliveries : accepted) / seconds;

function against(
  what: string,
  ours: readonly number[],
  theirs: readonly number[],
  bound: Row["bound"],
  note: string,
): Row {
  const rate = (of: readonly number[]) => `${figure(quantile(of, 0.5))}/s`;
  return { what, partita: rate(ours), floor: rate(theirs), value: ratios(ours, theirs), unit: "×", bound, note };
}
