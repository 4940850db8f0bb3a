import { describe, expect, it } from "vitest";
import type { QueueEntry } from "../../../src/client/index.ts";
import { memoryStore } from "../../../src/client/stores/memory.ts";
import { stableMs } from "../../../src/client/sync/backoff.ts";
import { defaultTiming } from "../../../src/client/transport/timing.ts";
import { event, FakeWorld, rejected, type Sent, settle } from "./harness.ts";

const push = (id: string) => ["treePush", { target: "tree", value: { id } }] as const;
const update = (id: string, text: string) =>
  ["treeUpdate", { target: "tree", value: { text }, options: { id } }] as const;
const entry = (key: string, [type, payload]: readonly [string, object]): QueueEntry => ({
  key,
  mode: "single",
  drafts: [{ draftId: key, type, payload: payload as never }],
  queuedAt: 1_700_000_000_000,
});
const acceptance = (sent: Sent, eventId: number) => ({
  type: "event_accepted",
  payload: {
    draftId: sent.payload.draftId,
    ...event(eventId, sent.payload.event.type, sent.payload.event.payload, "me"),
  },
});
const emptyTree = { tree: { items: {}, tree: [] } };
const texts = (client: { state: any }) =>
  Object.fromEntries(Object.entries<any>(client.state.tree?.items ?? {}).map(([id, { text }]) => [id, text ?? ""]));

/** A client after a reload without a kept state, with `queued` in its store. */
async function reloaded(queued: readonly QueueEntry[]) {
  const world = new FakeWorld();
  const store = memoryStore();
  const before = await store("server/room/ada");
  for (const one of queued) await before.append(one);
  const client = world.client({ store });
  await settle();
  return { world, client };
}

describe("drafts after a reload without a kept state", () => {
  const queued = [entry("k1", push("a")), entry("k2", update("a", "one"))];

  it("[CL-10] are shown as waiting until the state is there, and until they are decided, and are sent", async () => {
    const { world, client } = await reloaded([entry("k0", ["set", { target: "title", value: "mine" }]), ...queued]);
    // Before there is a state: what the initial state takes is shown.
    expect(client.pending.map(({ key, failure, waiting }) => [key, failure, waiting])).toEqual([
      ["k0", undefined, false],
      ["k1", undefined, true],
      ["k2", undefined, true],
    ]);
    expect(client.state).toEqual({ title: "mine" });
    const fallen: unknown[] = [];
    client.on("fallen", (what) => fallen.push(what));
    world.socket.accept({ state: emptyTree, head: 3 });
    await settle();
    expect(client.pending.map(({ key, failure, waiting }) => [key, failure, waiting])).toEqual(
      ["k0", "k1", "k2"].map((key) => [key, undefined, true]),
    );
    const sent = world.socket.of("submit_event");
    expect(sent.map(({ payload }) => payload.draftId)).toEqual(["k0", "k1", "k2"]);
    world.socket.say(rejected(sent[0]!));
    world.socket.say(acceptance(sent[1]!, 4));
    expect([texts(client), client.pending]).toMatchObject([{ a: "" }, [{ key: "k2", waiting: true }]]);
    world.socket.say(acceptance(sent[2]!, 5));
    await settle();
    expect([texts(client), client.pending, fallen]).toEqual([{ a: "one" }, [], []]);
  });

  it("[CL-10] do not have later drafts rejected that depend on them", async () => {
    const { world, client } = await reloaded(queued);
    world.socket.accept({ state: emptyTree, head: 3 });
    world.socket.end();
    await settle();
    const verdict = client.submit(...update("a", "two"));
    await settle();
    expect(client.pending.at(-1)).toMatchObject({ failure: undefined, waiting: true });
    // What has no valid shape is rejected in any case.
    expect(await client.submit("set", { target: 5 } as never)).toMatchObject({ status: "rejected", local: true });
    await world.pass(1_000);
    world.socket.accept({ head: 3 });
    await settle();
    for (const [at, sent] of world.socket.of("submit_event").entries()) world.socket.say(acceptance(sent, 4 + at));
    expect(await verdict).toMatchObject({ status: "accepted", eventId: 6 });
    expect([texts(client), client.pending]).toEqual([{ a: "two" }, []]);
  });

  it("[CL-10] fall with what they needed, once that is decided", async () => {
    const { world, client } = await reloaded(queued.slice(0, 1));
    const fallen: unknown[] = [];
    client.on("fallen", ({ entries }) => fallen.push(...entries.map(({ failure }) => failure.code)));
    world.socket.accept({ state: emptyTree, head: 3, limits: { inFlightMax: 1 } });
    await settle();
    const verdict = client.submit(...update("a", "two"));
    await settle();
    expect([client.pending.at(-1)!.waiting, fallen]).toEqual([true, []]);
    world.socket.say(rejected(world.socket.of("submit_event")[0]!));
    await settle();
    expect(client.pending).toMatchObject([{ failure: { code: "validation_failed" }, waiting: false }]);
    expect(fallen).toEqual(["validation_failed"]);
    world.socket.say(rejected(world.socket.of("submit_event")[1]!));
    expect(await verdict).toMatchObject({ status: "rejected", local: false });
    // From now on the state is known for certain.
    expect(await client.submit(...update("a", "three"))).toMatchObject({ status: "rejected", local: true });
  });

  it("[CL-10] that are in the fetched state are shown once", async () => {
    const { world, client } = await reloaded(queued.slice(0, 1));
    world.socket.accept({ state: { tree: { items: { a: { id: "a" } }, tree: [{ id: "a", children: [] }] } }, head: 3 });
    await settle();
    world.socket.say(acceptance(world.socket.of("submit_event")[0]!, 3));
    await settle();
    expect([texts(client), client.pending, client.eventId]).toEqual([{ a: "" }, [], 3]);
  });
});

/** Answers `connect` with a large state; it is requested in the next turn. */
async function offer(world: FakeWorld, chunks: number, eventIndex = 5): Promise<void> {
  world.socket.open();
  const snapshot = { eventIndex, chunks, bytes: 1_000, proof: `p${eventIndex}` };
  world.socket.say({
    type: "connected",
    inReplyTo: world.socket.of("connect")[0]!.id,
    payload: { serverId: "log-1", currentEventIndex: 7, proof: "p7", snapshot },
  });
  await settle();
}
const requested = (world: FakeWorld) => world.socket.of("state_chunk").map(({ payload }) => payload.chunk);
const answer = (world: FakeWorld, chunk: number, text: string) => {
  const { id, payload } = world.socket.of("state_chunk").findLast(({ payload }) => payload.chunk === chunk)!;
  world.socket.say({ type: "state_chunk", inReplyTo: id, payload: { ...payload, text } });
};

describe("loading", () => {
  it("[CL-10] the status says whether the state is there, and how much of it has arrived", async () => {
    const world = new FakeWorld();
    const client = world.client();
    const progress: unknown[] = [];
    client.on("status", (status) => progress.push([status.status, status.loaded, status.progress]));
    expect(client.status).toEqual({ status: "offline", reason: "new", loaded: false });
    await settle();
    await offer(world, 2);
    answer(world, 0, '{"title":');
    answer(world, 1, '"five"}');
    const [sync] = world.socket.of("sync");
    world.socket.say(world.socket.page(sync!.id, [event(6, "set", { target: "a", value: 6 })], 8, true));
    const [, next] = world.socket.of("sync");
    world.socket.say(
      world.socket.page(
        next!.id,
        [7, 8].map((id) => event(id, "set", { target: "a", value: id })),
        8,
      ),
    );
    const bytes = (done: number) => ({ unit: "bytes", done, of: 1_000 });
    expect(progress).toEqual([
      ["connecting", false, undefined],
      ["syncing", false, undefined],
      ["syncing", false, bytes(0)],
      ["syncing", false, bytes(500)],
      ["syncing", true, { unit: "events", done: 6, of: 8 }],
      ["online", true, undefined],
    ]);
    expect(client.status).toBe(client.status);
    expect(client.state).toEqual({ title: "five", a: 8 });
  });

  it("[CL-10] goes on after a lost connection with the chunks that are missing, and begins again for another state", async () => {
    const world = new FakeWorld();
    const client = world.client();
    await settle();
    await offer(world, 4);
    answer(world, 0, '{"a":');
    answer(world, 1, "[1");
    expect(requested(world)).toEqual([0, 1, 2, 3]);
    world.socket.end();
    await world.pass(1_000);
    await offer(world, 4);
    expect(requested(world)).toEqual([2, 3]);
    answer(world, 3, "}");
    world.socket.end();
    await world.pass(1_000);
    await offer(world, 4);
    expect(requested(world)).toEqual([2]);
    answer(world, 2, ",2]");
    expect(client.state).toEqual({ a: [1, 2] });

    const other = new FakeWorld();
    other.client();
    await settle();
    await offer(other, 4, 5);
    answer(other, 0, "{");
    other.socket.end();
    await other.pass(1_000);
    await offer(other, 4, 6);
    expect(requested(other)).toEqual([0, 1]);
  });

  it("[CL-10] asks for smaller pages after each connection that was silent for too long, until one was online for a while", async () => {
    const world = new FakeWorld();
    const client = world.client();
    await settle();
    world.socket.accept({ head: 2 });
    await settle();
    world.socket.end();
    /** What it asks for at the next connection, on which no page comes. */
    const asked = async () => {
      const count = world.sockets.length;
      while (world.sockets.length === count) await world.pass(1_000);
      world.socket.open();
      const { id, payload } = world.socket.of("connect")[0]!;
      const connected = { serverId: "log-1", currentEventIndex: 4, limits: {} };
      world.socket.say({ type: "connected", inReplyTo: id, payload: connected });
      return payload.maxBytes;
    };
    expect([await asked(), await asked(), await asked(), await asked(), await asked()]).toEqual([
      1_048_576, 262_144, 65_536, 16_384, 16_384,
    ]);
    const { id } = world.socket.of("connect")[0]!;
    world.socket.say(world.socket.page(id, [event(3, "set", { target: "a", value: 1 })], 4, true));
    const [next] = world.socket.of("sync");
    expect(next!.payload).toMatchObject({ sinceEventId: 3, maxBytes: 16_384 });
    world.socket.say(world.socket.page(next!.id, [event(4, "set", { target: "a", value: 2 })], 4));
    await world.pass(stableMs);
    expect(client.status.status).toBe("online");
    world.socket.say({ type: "head", payload: { eventIndex: 9 } });
    expect(world.socket.of("sync").at(-1)!.payload).toMatchObject({ sinceEventId: 4, maxBytes: 1_048_576 });
  });

  it("[CL-10] waits longer for one message after each connection that was silent for too long, until it is online", async () => {
    const { answerMs, heartbeatMs, heartbeatAnswerMs } = defaultTiming;
    const world = new FakeWorld();
    const client = world.client();
    await settle();
    /** How long it waits for a chunk on the present connection. */
    const patience = async () => {
      await offer(world, 2);
      const { now } = world;
      const count = world.sockets.length;
      while (client.status.status === "syncing") await world.pass(1_000);
      const waited = world.now - now;
      while (world.sockets.length === count) await world.pass(1_000);
      return waited;
    };
    expect(await patience()).toBe(answerMs);
    expect(await patience()).toBe(Math.min(2 * answerMs, heartbeatMs + 2 * heartbeatAnswerMs));
    expect(await patience()).toBe(heartbeatMs + 4 * heartbeatAnswerMs);
    expect(await patience()).toBe(heartbeatMs + 8 * heartbeatAnswerMs);
    expect(await patience()).toBe(heartbeatMs + 8 * heartbeatAnswerMs);
    await offer(world, 2);
    answer(world, 0, "{");
    answer(world, 1, "}");
    const [sync] = world.socket.of("sync");
    world.socket.say(world.socket.page(sync!.id, [], 5));
    expect(client.status.status).toBe("online");
    const silent = world.now;
    while (client.status.status === "online") await world.pass(1_000);
    expect(world.now - silent).toBe(heartbeatMs + heartbeatAnswerMs);
  });
});
