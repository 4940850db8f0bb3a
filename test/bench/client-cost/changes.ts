// Part of `npm run client-cost`: what a change costs in the replica, by the size of the state and of the queue.
import { select } from "../../../src/client/select.ts";
import { Replica } from "../../../src/client/sync/replica.ts";
import { selective } from "../../../src/client/sync/selective.ts";
import type { QueueEntry } from "../../../src/client/stores/store.ts";
import type { State } from "../../../src/model/index.ts";
import { insieme } from "../../../src/models/insieme/index.ts";
import type { JsonObject } from "../../../src/protocol/index.ts";
import type { Table } from "./table.ts";

const rounds = 30;
const selections = 1_000;
/** As the replica itself loads the code for long queues. */
const longQueueMin = 65;

let keys = 0;

/** A document with a tree of this many nodes, and a flat object of as many keys. */
export function document(nodes: number): JsonObject {
  const tree = Array.from({ length: nodes }, (_, at) => ({ id: `n${at}`, children: [] }));
  const items = Object.fromEntries(tree.map(({ id }) => [id, { text: "some words" }]));
  return { docs: { tree, items }, flat: Object.fromEntries(tree.map(({ id }, at) => [id, at])) };
}

/** The least time of `rounds`, in microseconds. */
function least(body: () => void, prepare = () => {}): string {
  let time = Infinity;
  for (let round = 0; round < rounds; round++) {
    prepare();
    const from = performance.now();
    body();
    time = Math.min(time, (performance.now() - from) * 1_000);
  }
  return time.toFixed(0);
}

/** The payload of a `treeUpdate` of one node. */
export const update = (id: number, value: JsonObject): JsonObject => ({
  target: "docs",
  value,
  options: { id: `n${id}` },
});

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

/** Submit, remote event, acceptance and rejection, in microseconds. */
export function measureChanges(): Table {
  const rows: string[][] = [];
  for (const nodes of [1_000, 100_000]) {
    for (const pending of [10, 1_000, 5_000]) {
      const client = new Client(nodes);
      if (pending >= longQueueMin) client.replica.rebaseBy(selective);
      client.fill(pending);
      let head = client.head;
      let count = 0;
      const prepare = () => {
        client.fill(pending);
        head = client.head;
      };
      const remote = () => client.event("treeUpdate", update((++count * 7) % nodes, { text: `t${count}` }));
      rows.push([
        nodes.toLocaleString("en"),
        pending.toLocaleString("en"),
        least(
          () => client.submit(),
          () => client.accept(client.head),
        ),
        least(remote, prepare),
        least(() => client.accept(head), prepare),
        least(() => client.reject(head.key), prepare),
      ]);
    }
  }
  return {
    title: "A change, in µs",
    header: ["nodes", "pending drafts", "submit", "remote event", "acceptance", "rejection at the head"],
    rows,
  };
}

/** A remote event while many selections are mounted, in microseconds. */
export function measureSelections(): Table {
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
  const setNode = () => client.event("treeUpdate", update(++count % selections, { text: `t${count}` }));
  const rows = [
    ["a node of 100,000 changes", least(setNode)],
    ["a key of an object of 100,000 changes", least(setKey)],
    ["`client.state` is read after that", least(() => void client.replica.publish(), setKey)],
  ];
  if (calls !== 3 * rounds) throw new Error(`${calls} listeners were called for ${3 * rounds} changes`);
  return { title: "A remote event with 2,000 selectors mounted, in µs", header: ["what", "µs"], rows };
}
