import { gzipSync } from "node:zlib";
import { describe, expect, it } from "vitest";
import { type AnyModel, defineModel } from "../../src/model/index.ts";
import { bounds } from "../../src/protocol/index.ts";
import { type Message, sha256, type TestConnection, TestPartition } from "../support/partition.ts";

const value = (at: number) => `${at}:${"é😀".repeat(9_000)}`;
const fill = (room: TestPartition, from: number, count: number) => {
  const writer = room.client("writer");
  for (let at = from; at < from + count; at++) writer.submit(`d${at}`, "set", { target: `k${at}`, value: value(at) });
};

/** Writes the snapshot that is due in chunks of `units`, as the shell does. */
function writeSnapshot(room: TestPartition, units = 100_000): void {
  const draft = room.runJobs()!;
  const { eventId } = draft;
  const state = [...draft.state].join("");
  const stored: Uint8Array[] = [];
  for (let from = 0; from < state.length;) {
    let to = Math.min(from + units, state.length);
    if (to < state.length && state.codePointAt(to - 1)! > 0xffff) to--;
    stored.push(new Uint8Array(gzipSync(state.slice(from, to))));
    from = to;
  }
  for (const [at, bytes] of stored.entries()) room.partition.putSnapshotChunk(eventId, at, bytes, room.now);
  room.partition.completeSnapshot(draft, Buffer.byteLength(state), "gzip", sha256(Buffer.concat(stored)), room.now);
}

/** Pulls all chunks of a snapshot, and returns the state. */
function load(client: TestConnection, { eventIndex, chunks, bytes }: Message): unknown {
  let text = "";
  for (let chunk = 0; chunk < chunks; chunk++) {
    const [answer] = client.send("state_chunk", { eventIndex, chunk });
    expect(answer).toMatchObject({ type: "state_chunk", payload: { eventIndex, chunk } });
    text += answer.payload.text;
  }
  expect(Buffer.byteLength(text)).toBe(bytes);
  return JSON.parse(text);
}

const many = 1_001;
/** A partition with a snapshot of a large state, and events after it. */
function large(): TestPartition {
  const room = new TestPartition();
  fill(room, 1, 20);
  const writer = room.client("small");
  for (let at = 21; at <= many; at++) writer.submit(`d${at}`, "set", { target: "n", value: at });
  writeSnapshot(room);
  fill(room, many + 1, 2);
  return room;
}

const connect = { initialState: true, stateChunks: true };

describe("a state in chunks", () => {
  it("[WP-11] [BD-8] comes with the proof of its event, for those who ask", () => {
    const room = large();
    room.restart();
    room.client("writer").submit("later", "set", { target: "n", value: 0 });
    const [first, last] = ["0000000000000001", "0000000000000002"];
    const asking = room.client("a", { ...connect, proofs: true });
    const { proof, snapshot } = asking.of("connected")[0].payload;
    expect([proof, snapshot.proof]).toEqual([last, first]);
    const [answer] = asking.send("sync", {});
    expect(answer.payload).toMatchObject({ snapshot: { proof: first }, proof: first });
    const [page] = asking.send("sync", { sinceEventId: snapshot.eventIndex, proof: snapshot.proof });
    expect(page.payload.proof).toBe(last);
    expect(JSON.stringify(room.client("b", connect).of("connected"))).not.toContain("proof");
  });

  it("[BD-3] [WP-3] [WP-6] a large state is a snapshot in chunks, and then the events after it", () => {
    const room = large();
    const a = room.open();
    const [connected] = a.connect("a", connect);
    expect(connected.payload).toMatchObject({ currentEventIndex: many + 2, sinceSnapshot: 2 });
    expect(connected.payload.initialState).toBeUndefined();
    const { snapshot } = connected.payload;
    expect(snapshot).toEqual({ eventIndex: many, chunks: expect.any(Number), bytes: expect.any(Number) });
    expect(snapshot.chunks).toBeGreaterThan(3);
    const writer = room.client("writer");
    const state = load(a, snapshot) as Record<string, unknown>;
    // What is committed meanwhile is not broadcast: it comes in the pages.
    writer.submit("late", "set", { target: "late", value: 1 });
    expect(a.of("broadcast")).toEqual([]);
    const [page] = a.send("sync", { sinceEventId: snapshot.eventIndex });
    for (const { event } of page.payload.events) state[event.payload.target] = event.payload.value;
    expect(page.payload).toMatchObject({ hasMore: false, nextSinceEventId: many + 3 });
    expect(state).toEqual(room.state());
    writer.submit("live", "set", { target: "live", value: 1 });
    expect(a.of("broadcast").map(({ payload }) => payload.eventId)).toEqual([many + 4]);
  });

  it("[BD-3] [WP-5] a connection at the head, too, gets no broadcast before its sync, also after hibernation", () => {
    const room = new TestPartition();
    fill(room, 1, 20);
    const small = room.client("small");
    for (let at = 21; at <= many; at++) small.submit(`d${at}`, "set", { target: "n", value: at });
    writeSnapshot(room);
    const a = room.open();
    expect(a.connect("a", connect)[0].payload).toMatchObject({
      currentEventIndex: many,
      snapshot: { eventIndex: many },
    });
    room.restart();
    const woken = room.attach(a.saved);
    room.client("writer").submit("late", "set", { target: "late", value: 1 });
    expect(woken.frames).toEqual([]);
    const [page] = woken.send("sync", { sinceEventId: many });
    expect(page.payload.events.map(({ eventId }: Message) => eventId)).toEqual([many + 1]);
  });

  it("[BD-3] [WP-3] a small state is inline, and so is every state for those who do not ask for chunks", () => {
    const room = new TestPartition();
    room.client("w").submit("d1", "set", { target: "n", value: 1 });
    expect(room.open().connect("a", connect)[0].payload).toMatchObject({ initialState: { n: 1 } });
    const { payload } = large().open().connect("a", { initialState: true })[0];
    expect(payload.snapshot).toBeUndefined();
    expect(Object.keys(payload.initialState)).toHaveLength(23);
  });

  it("[BD-3] without a snapshot a large state is the initial state and the log", () => {
    const room = new TestPartition();
    fill(room, 1, 10);
    const a = room.open();
    const [{ payload }] = a.connect("a", connect);
    expect(payload).toMatchObject({ currentEventIndex: 10, snapshot: { eventIndex: 0, chunks: 0, bytes: 0 } });
    let since = 0;
    for (let hasMore = true; hasMore;) {
      const [page] = a.send("sync", { sinceEventId: since });
      ({ hasMore, nextSinceEventId: since } = page.payload);
    }
    expect(since).toBe(10);
  });

  it("[BD-3] a snapshot that was replaced is said to be, and sync gives the newer one", () => {
    const room = large();
    const a = room.open();
    const { snapshot } = a.connect("a", connect)[0].payload;
    a.send("state_chunk", { eventIndex: snapshot.eventIndex, chunk: 0 });
    const writer = room.client("small");
    // As many bytes as the snapshot has, and as many events as make one due.
    fill(room, many + 3, 30);
    for (let at = many + 33; at <= 2 * many; at++) writer.submit(`d${at}`, "set", { target: "n", value: at });
    writeSnapshot(room);
    const [refused] = a.send("state_chunk", { eventIndex: snapshot.eventIndex, chunk: 1 });
    expect(refused).toMatchObject({
      type: "error",
      payload: { code: "snapshot_replaced", status: 410, retryable: false },
    });
    const [page] = a.send("sync", {});
    expect(page.payload).toMatchObject({ events: [], hasMore: true, nextSinceEventId: 2 * many });
    expect(page.payload.snapshot).toMatchObject({ eventIndex: 2 * many });
    expect(load(a, page.payload.snapshot)).toEqual(room.state());
    expect(a.send("sync", { sinceEventId: 2 * many })[0].payload).toMatchObject({ events: [], hasMore: false });
  });

  it("[BD-3] [LC-8] a damaged chunk ends in the log, never in a loop", () => {
    const room = large();
    room.driver.transaction(() => room.driver.script("UPDATE snapshot_chunks SET bytes = x'00' WHERE chunk = 1"));
    const a = room.open();
    const { snapshot } = a.connect("a", connect)[0].payload;
    const { eventIndex } = snapshot;
    expect(a.send("state_chunk", { eventIndex, chunk: 0 })[0].type).toBe("state_chunk");
    expect(a.send("state_chunk", { eventIndex, chunk: 1 })[0].payload.code).toBe("snapshot_replaced");
    const [page] = a.send("sync", {});
    expect(page.payload.snapshot).toBeUndefined();
    expect(page.payload.events[0].eventId).toBe(1);
  });

  it("[WP-8] [WP-2] a chunk that is not there is refused, and so is one before connect", () => {
    const room = large();
    expect(room.open().send("state_chunk", { eventIndex: many, chunk: 0 })[0].payload.code).toBe("not_connected");
    const a = room.client("a");
    expect(a.send("state_chunk", { eventIndex: many, chunk: 999 })[0].payload.code).toBe("bad_request");
    expect(a.send("state_chunk", { eventIndex: many, chunk: -1 })[0].payload.code).toBe("bad_request");
    expect(a.send("state_chunk", { eventIndex: 0, chunk: 0 })[0].payload.code).toBe("snapshot_replaced");
    expect(bounds.inlineStateBytesMax).toBeLessThan(bounds.sentFrameBytesMax);
  });
});

it("[BD-2] [WP-11] a connect that is refused because the state is too long for one message has not connected", () => {
  const text = "x".repeat(bounds.inlineStateUnitsMax);
  const model = defineModel({ name: "long", version: 1, initialState: () => ({ text }), events: {} });
  const room = new TestPartition({ model: model as AnyModel });
  const reader = room.open();
  expect(reader.connect("reader", { initialState: true })).toMatchObject([
    { type: "error", payload: { code: "too_expensive" } },
  ]);
  expect(reader.session.live).toBe(false);
  expect(reader.connect("reader", { initialState: true, stateChunks: true })).toMatchObject([{ type: "connected" }]);
});
