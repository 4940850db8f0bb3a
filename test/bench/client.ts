// Measures the client's view: one key typed into a document of 10,000 nodes, and the messages of the server.
// Run: node --disable-warning=ExperimentalWarning test/bench/client.ts
import { Replica } from "../../src/client/sync/replica.ts";
import type { QueueEntry } from "../../src/client/stores/store.ts";
import { insieme } from "../../src/models/insieme/index.ts";
import type { JsonObject, WireEvent } from "../../src/protocol/index.ts";
import { quantile } from "./stats.ts";

const nodes = 10_000;
const rounds = 400;

let keys = 0;
const entryOf = (type: string, payload: JsonObject): QueueEntry => {
  const key = `k${++keys}`;
  return { key, mode: "single", drafts: [{ draftId: key, type, payload }], queuedAt: keys };
};
const eventOf = (eventId: number, type: string, payload: JsonObject): { eventId: number; event: WireEvent } => ({
  eventId,
  event: { type, payload, partition: "p", id: `evt-${eventId}`, timestamp: eventId, clientId: "c" },
});
const typed = (at: number): JsonObject => ({
  target: "docs",
  value: { text: `${"x".repeat(at % 40)}` },
  options: { id: `n${(at * 7919) % nodes}` },
});

const replica = new Replica(insieme, { clientId: "me", principal: "dev:me", author: undefined });
const tree = Array.from({ length: nodes }, (_, at) => ({ id: `n${at}`, children: [] }));
const items = Object.fromEntries(tree.map(({ id }) => [id, { text: "some words of a document" }]));
replica.reset({ docs: { tree, items } }, 0, []);
replica.publish();

function measure(what: string, prepare: () => void, body: () => void): void {
  const times: number[] = [];
  for (let round = 0; round < rounds; round++) {
    prepare();
    const from = performance.now();
    body();
    times.push((performance.now() - from) * 1_000);
  }
  const shown = (q: number) => quantile(times, q).toFixed(0).padStart(6);
  console.log(`${what.padEnd(64)} p50 ${shown(0.5)} µs  p99 ${shown(0.99)} µs`);
}

const pending = (count: number) => {
  while (replica.pendingCount < count) replica.add(entryOf("treeUpdate", typed(keys)));
};
const settleFirst = () => {
  const [first] = replica.pending;
  if (!first) return;
  const { draftId, type, payload } = first.entry.drafts[0]!;
  replica.confirm({ ...eventOf(replica.eventId + 1, type, payload), draftId });
  replica.settle(first.entry.key);
  replica.rebase();
};

for (const count of [0, 100]) {
  pending(count);
  measure(`a key is typed, ${count} drafts pending: into the view`, settleFirst, () => {
    replica.add(entryOf("treeUpdate", typed(keys)));
  });
  measure(
    `and published as plain data`,
    () => {
      settleFirst();
      replica.add(entryOf("treeUpdate", typed(keys)));
    },
    () => void replica.publish(),
  );
  measure(`its acceptance comes`, () => pending(count + 1), settleFirst);
  measure(
    `somebody else's event comes`,
    () => pending(count),
    () => {
      replica.confirm(eventOf(replica.eventId + 1, "treeUpdate", typed(keys++)));
      replica.rebase();
    },
  );
}
