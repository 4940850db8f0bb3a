// `npm run client-cost`: what a change costs the client, by the size of the state and of the queue.
import { select } from "../../src/client/select.ts";
import { Replica } from "../../src/client/sync/replica.ts";
import { selective } from "../../src/client/sync/selective.ts";
import type { QueueEntry } from "../../src/client/stores/store.ts";
import type { State } from "../../src/model/index.ts";
import { insieme } from "../../src/models/insieme/index.ts";
import type { JsonObject } from "../../src/protocol/index.ts";
import { measureStart } from "./client-start.ts";

const rounds = 30;
const selections = 1_000;
/** As the replica itself loads the code for long queues. */
const longQueueMin = 65;

let keys = 0;

function document(nodes: number): JsonObject {
  const tree = Array.from({ length: nodes }, (_, at) => ({ id: `n${at}`, children: [] }));
  const items = Object.fromEntries(tree.map(({ id }) => [id, { text: "some words" }]));
  return { docs: { tree, items }, flat: Object.fromEntries(tree.map(({ id }, at) => [id, at])) };
}

function measure(what: string, prepare: () => void, body: () => void): void {
  const times: number[] = [];
  for (let round = 0; round < rounds; round++) {
    prepare();
    const from = performance.now();
    body();
    times.push((performance.now() - from) * 1_000);
  }
  times.sort((one, other) => one - other);
  console.log(`${what.padEnd(60)} least ${times[0]!.toFixed(0)} µs, median ${times[rounds >> 1]!.toFixed(0)} µs`);
}

const update = (id: number, value: JsonObject): JsonObject => ({ target: "docs", value, options: { id: `n${id}` } });

class Client {
  readonly replica = new Replica<JsonObject>(insieme, { clientId: "me", principal: "dev:me", author: undefined });
  readonly #listeners = new Set<() => void>();
  readonly #nodes: number;

  constructor(nodes: number) {
    this.#nodes = nodes;
    this.replica.reset(document(nodes), 0, []);
  }

  get live(): State<object> {
    this.replica.rebase();
    return this.replica.live;
  }

  subscribe(listener: () => void): () => void {
    this.#listeners.add(listener);
    return () => this.#listeners.delete(listener);
  }

  get head(): QueueEntry {
    return this.replica.pending[0]!.entry;
  }

  submit(): void {
    const key = `k${++keys}`;
    const payload = update(keys % this.#nodes, { mine: keys });
    this.replica.add({ key, mode: "single", queuedAt: keys, drafts: [{ draftId: key, type: "treeUpdate", payload }] });
  }

  fill(pending: number): void {
    this.replica.rebase();
    while (this.replica.pendingCount < pending) this.submit();
  }

  event(type: string, payload: JsonObject, draftId?: string): void {
    const { replica } = this;
    const clientId = draftId === undefined ? "other" : "me";
    const event = { type, payload, partition: "p", id: "e", timestamp: 1, clientId };
    replica.confirm({ eventId: replica.eventId + 1, event, draftId });
    replica.rebase();
    for (const listener of this.#listeners) listener();
  }

  accept({ key, drafts: [draft] }: QueueEntry): void {
    this.event(draft!.type, draft!.payload, draft!.draftId);
    this.reject(key);
  }

  reject(key: string): void {
    this.replica.settle(key);
    this.replica.rebase();
  }
}

for (const nodes of [1_000, 100_000]) {
  for (const pending of [10, 1_000, 5_000]) {
    const client = new Client(nodes);
    if (pending >= longQueueMin) client.replica.rebaseBy(selective);
    client.fill(pending);
    const of = `${nodes} nodes, ${pending} pending: `;
    let head = client.head;
    const prepare = () => {
      client.fill(pending);
      head = client.head;
    };
    measure(
      `${of}submit`,
      () => client.accept(client.head),
      () => client.submit(),
    );
    let count = 0;
    measure(`${of}remote event`, prepare, () =>
      client.event("treeUpdate", update((++count * 7) % nodes, { text: `t${count}` })),
    );
    measure(`${of}acceptance`, prepare, () => client.accept(head));
    measure(`${of}rejection at the head`, prepare, () => client.reject(head.key));
  }
}

const client = new Client(100_000);
let calls = 0;
for (let at = 0; at < selections; at++) {
  type Shape = { docs: { items: Record<string, unknown> }; flat: Record<string, number> };
  const made = [
    select(client as never, (state) => (state as Shape).docs.items[`n${at}`]),
    select(client as never, (state) => (state as Shape).flat[`n${at}`]),
  ];
  for (const selection of made) selection.subscribe(() => calls++);
}
let count = 0;
const setKey = () => client.event("set", { target: `flat.n${count % selections}`, value: ++count + 0.5 });
measure(
  "2,000 selections: a node of 100,000 changes",
  () => {},
  () => client.event("treeUpdate", update(++count % selections, { text: `t${count}` })),
);
measure("2,000 selections: a key of an object of 100,000 changes", () => {}, setKey);
measure("client.state after the same", setKey, () => void client.replica.publish());
if (calls !== 3 * rounds) throw new Error(`${calls} listeners were called for ${3 * rounds} changes`);

for (const nodes of [1_000, 100_000]) {
  for (const drafts of [10, 5_000]) {
    const queued = Array.from({ length: drafts }, (_, at) => update(at % nodes, { mine: at }));
    await measureStart(`${nodes} nodes, ${drafts} drafts: start-up from IndexedDB`, document(nodes), queued);
  }
}
