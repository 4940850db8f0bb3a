// Part of `npm run client-cost`: how long a client takes to start from IndexedDB, without a network.
import "fake-indexeddb/auto";
import { Client } from "../../../src/client/api/client.ts";
import { indexedDbStore } from "../../../src/client/stores/indexed-db-file.ts";
import type { OpenStore } from "../../../src/client/stores/store.ts";
import { defaultTiming } from "../../../src/client/transport/timing.ts";
import type { Ports } from "../../../src/client/transport/ports.ts";
import { insieme } from "../../../src/models/insieme/index.ts";
import type { JsonObject } from "../../../src/protocol/index.ts";
import { document, update } from "./changes.ts";
import type { Table } from "./table.ts";

const rounds = 5;
const scope = "bench/p/me";

/** A platform whose server never answers. */
const ports: Ports = {
  now: () => Date.now(),
  after: (ms, run) => {
    const timer = setTimeout(run, ms);
    return () => clearTimeout(timer);
  },
  defer: (run) => queueMicrotask(run),
  random: () => 0.5,
  bytes: (count) => crypto.getRandomValues(new Uint8Array(count)),
  open: () => ({ send() {}, close() {} }),
  watch: () => () => {},
  sha256: () => Promise.resolve(""),
};

/** The start as an application sees it: until the state with all that is queued is there, and can be read. */
async function start(store: OpenStore, drafts: number): Promise<number> {
  const from = performance.now();
  const client = new Client<any, any>({
    model: insieme,
    partition: "p",
    clientId: "device",
    identity: { tenant: "default", principal: "me" },
    host: "bench",
    store,
    ports,
    timing: { ...defaultTiming, verifyMs: 0 },
    engine: { url: "ws://bench/v1/partitions/p/ws", token: undefined, presence: false },
  });
  await client.ready;
  const { state, pending } = client;
  const took = performance.now() - from;
  if (!("docs" in state) || pending.length !== drafts)
    throw new Error(`${pending.length} of ${drafts} drafts are there`);
  await client.close();
  return took;
}

/** The least time of a start with a kept state and a queue, in milliseconds. */
async function leastStart(state: JsonObject, drafts: readonly JsonObject[], name: string): Promise<string> {
  const open = indexedDbStore({ databaseName: name });
  const store = await open(scope);
  const { version: modelVersion } = insieme;
  await store.saveBase({ serverId: "log", eventId: 1, proof: "p", modelVersion, state: JSON.stringify(state) });
  await Promise.all(
    drafts.map((payload, at) => {
      const key = `k${at}`;
      return store.append({
        key,
        mode: "single",
        queuedAt: at,
        sentAt: 0,
        drafts: [{ draftId: key, type: "treeUpdate", payload }],
      });
    }),
  );
  await store.close();
  let time = Infinity;
  for (let round = 0; round < rounds; round++) time = Math.min(time, await start(open, drafts.length));
  return time.toFixed(0);
}

/**
 * The start with a kept state and a queue, in milliseconds. The database of Node keeps its rows in memory: what a disk
 * takes is not in it.
 */
export async function measureStart(): Promise<Table> {
  const rows: string[][] = [];
  for (const nodes of [1_000, 100_000]) {
    for (const drafts of [10, 1_000, 5_000]) {
      const queued = Array.from({ length: drafts }, (_, at) => update(at % nodes, { mine: at }));
      const time = await leastStart(document(nodes), queued, `${nodes}/${drafts}`);
      rows.push([nodes.toLocaleString("en"), drafts.toLocaleString("en"), time]);
    }
  }
  return { title: "Start-up from IndexedDB, in ms", header: ["nodes", "pending drafts", "ms"], rows };
}
