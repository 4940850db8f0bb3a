import { describe, expect, it } from "vitest";
import * as z from "zod/mini";
import { memoryStore } from "../../../src/client/stores/memory.ts";
import { defaultTiming } from "../../../src/client/transport/timing.ts";
import { defineModel } from "../../../src/model/index.ts";
import { accepted, broadcast, event, FakeWorld, refused, rejected, settle } from "./harness.ts";

const counter = defineModel({
  name: "counter",
  version: 1,
  initialState: () => ({ total: 0 }),
  events: {
    add: {
      payload: z.strictObject({ by: z.int() }),
      reduce(state, { payload }) {
        state.total += payload.by;
      },
    },
  },
});

const set = (target: string, value: number) => ["set", { target, value }] as const;

// Each of these was a bug that test/simulation/clients has found, reduced to a minimum.
describe("bugs that the simulator has found", () => {
  it("[CL-3] an attempt fails if its token never arrives", async () => {
    const world = new FakeWorld();
    let asked = 0;
    const token = () => (asked++ === 0 ? new Promise<string>(() => {}) : "fresh");
    const client = world.client({ engine: { url: "ws://server/", token, presence: false } });
    await world.pass(defaultTiming.connectMs - 1);
    expect(client.status.status).toBe("connecting");
    await world.pass(1);
    expect(client.status).toMatchObject({ status: "offline", reason: "connection_lost" });
    await world.pass(1_000);
    expect(asked).toBe(2);
    world.socket.accept();
    await settle();
    expect(client.status.status).toBe("online");
  });

  it("[CL-3] a connection is stable only after it was online without interruption, and leaves no timer", async () => {
    const world = new FakeWorld();
    const client = await world.online();
    world.socket.say(broadcast(2, "set", { target: "b", value: 2 }));
    const [sync] = world.socket.of("sync");
    world.socket.say(world.socket.page(sync!.id, [event(1, ...set("a", 1)), event(2, ...set("b", 2))], 2));
    await settle();
    expect(client.status.status).toBe("online");
    await client.close();
    expect(world.timers).toBe(0);
  });

  it("[CL-7] verify ends with the connection if its answer is lost", async () => {
    const world = new FakeWorld();
    const client = await world.online();
    const same = client.verify();
    await settle();
    await settle();
    // Heartbeats are answered, so nothing else detects the loss.
    for (let count = 0; count < 3; count++) {
      world.socket.frame('{"type":"heartbeat"}');
      await world.pass(defaultTiming.answerMs / 3);
    }
    expect(await same).toBe(undefined);
    expect(client.status.status).toBe("offline");
  });

  it("[WP-11] ignores messages that arrive before `connected`", async () => {
    const world = new FakeWorld();
    const client = await world.online({}, { head: 1, state: { a: 1 } });
    world.socket.end();
    await world.pass(1_000);
    world.socket.open();
    world.socket.say(broadcast(2, "set", { target: "b", value: 2 }));
    await settle();
    expect(client.state).toEqual({ a: 1 });
    expect(client.status.status).toBe("offline");
  });

  it("[WP-5] stays online after a second `connected`, and can request missing events", async () => {
    const world = new FakeWorld();
    const client = await world.online({}, { head: 1, state: { a: 1 } });
    const [connect] = world.socket.of("connect");
    const payload = { serverId: "log-1", currentEventIndex: 1, initialState: { a: 1 }, sinceSnapshot: 0 };
    world.socket.say({ type: "connected", inReplyTo: connect!.id, payload });
    world.socket.say(broadcast(3, "set", { target: "c", value: 3 }));
    await settle();
    expect(world.socket.of("sync")).toHaveLength(1);
    expect(client.status.status).toBe("syncing");
  });

  it("[CL-1] shows an own event once if it is broadcast before its verdict", async () => {
    const world = new FakeWorld();
    const client = await world.online({}, { state: { tree: { items: {}, tree: [] } } });
    const push = (id: string) => ["treePush", { target: "tree", value: { id } }] as const;
    const verdicts = [client.submit(...push("a")), client.submit(...push("b"))];
    await settle();
    const [a, b] = world.socket.of("submit_event");
    const before = client.state;
    // The commit was uncertain: `a` was refused, but its event is in the log.
    world.socket.say(refused(a!, "storage_unavailable", { retryable: true, retryAfter: 1 }), {
      type: "broadcast",
      payload: { ...event(1, ...push("a"), "me"), draftId: a!.payload.draftId },
    });
    await settle();
    expect(client.state).toEqual(before);
    // They fit, and are held back.
    expect(client.status.held?.code).toBe("storage_unavailable");
    for (const { failure } of client.pending) expect(failure).toBe(client.status.held);
    world.socket.say(refused(b!, "storage_unavailable", { retryable: true, retryAfter: 1 }));
    await world.pass(2_000);
    const [again, after] = world.socket.of("submit_event").slice(2);
    world.socket.say(accepted(again!, 1), accepted(after!, 2));
    expect((await Promise.all(verdicts)).map(({ status }) => status)).toEqual(["accepted", "accepted"]);
    expect(client.state).toEqual(before);
  });

  it("[CL-1] each event removes one of several equal own drafts from the view", async () => {
    const world = new FakeWorld();
    const client = await world.online({ model: counter }, { state: { total: 0 } });
    const verdicts = [client.submit("add", { by: 1 }), client.submit("add", { by: 1 })];
    await settle();
    const [first, second] = world.socket.of("submit_event");
    expect(client.state).toEqual({ total: 2 });
    // The second one arrived first, on an earlier connection.
    const { draftId } = second!.payload;
    world.socket.say({ type: "broadcast", payload: { ...event(1, "add", { by: 1 }, "me"), draftId } });
    await settle();
    expect(client.state).toEqual({ total: 2 });
    world.socket.say(accepted(first!, 2));
    await settle();
    expect(client.state).toEqual({ total: 2 });
    world.socket.say(accepted(second!, 1));
    await Promise.all(verdicts);
    expect(client.state).toEqual({ total: 2 });
  });

  it("[WP-11] [ID-14] submits a draft again if its verdict waits for events of a replaced log", async () => {
    const world = new FakeWorld();
    const client = await world.online({}, { head: 1, state: { a: 1 } });
    const verdict = client.submit(...set("b", 2));
    await settle();
    const [sent] = world.socket.of("submit_event");
    world.socket.say(accepted(sent!, 3));
    await settle();
    expect(client.pending).toHaveLength(1);
    world.socket.end();
    await world.pass(1_000);
    world.socket.accept({ head: 1, serverId: "log-2" });
    await settle();
    world.socket.accept({ head: 1, serverId: "log-2", state: { a: 1 } });
    await settle();
    const [again] = world.socket.of("submit_event");
    expect(again!.payload).toEqual(sent!.payload);
    world.socket.say(accepted(again!, 2));
    expect(await verdict).toMatchObject({ status: "accepted", eventId: 2 });
    expect(client.state).toEqual({ a: 1, b: 2 });
  });

  it("[ER-5] nothing waits longer after the clock was set back", async () => {
    const world = new FakeWorld();
    const client = await world.online();
    void client.submit(...set("a", 1));
    await settle();
    const [sent] = world.socket.of("submit_event");
    world.socket.say(refused(sent!, "overloaded", { retryable: true, retryAfter: 1 }));
    world.now -= 60 * 60 * 1_000;
    void client.submit(...set("b", 2));
    await settle();
    expect(world.socket.of("submit_event")).toHaveLength(3);
  });

  it("[CL-2] the next client sends drafts of a client that was closed before its store was open", async () => {
    const world = new FakeWorld();
    const memory = memoryStore();
    let open = () => {};
    const slow = new Promise<void>((resolve) => (open = resolve));
    const client = world.client({
      store: async (scope) => {
        await slow;
        return memory(scope);
      },
    });
    const verdict = client.submit(...set("a", 1));
    const closing = client.close();
    expect(await verdict).toEqual({ status: "undecided" });
    open();
    await closing;
    expect((await (await memory("server/room/ada")).load()).entries).toHaveLength(1);
  });

  it("[CL-6] an abort before the store is open withdraws the draft", async () => {
    const world = new FakeWorld();
    const memory = memoryStore();
    const client = world.client({ store: memory });
    const abort = new AbortController();
    const verdict = client.submit(...set("a", 1), { signal: abort.signal });
    abort.abort();
    expect(await verdict).toEqual({ status: "withdrawn" });
    await settle();
    expect(client.pending).toHaveLength(0);
    expect((await (await memory("server/room/ada")).load()).entries).toHaveLength(0);
  });

  it("[CL-6] [CL-2] reports a draft as withdrawn only after the store has removed it", async () => {
    const world = new FakeWorld();
    const memory = memoryStore();
    let forget = () => {};
    const slow = new Promise<void>((resolve) => (forget = resolve));
    const client = world.client({
      store: async (scope) => {
        const store = await memory(scope);
        const remove = store.remove.bind(store);
        store.remove = async (keys) => {
          await slow;
          await remove(keys);
        };
        return store;
      },
    });
    await settle();
    const abort = new AbortController();
    let verdictSeen: unknown;
    const verdict = client.submit(...set("a", 1), { signal: abort.signal });
    void verdict.then((status) => (verdictSeen = status));
    await settle();
    abort.abort();
    await settle();
    expect(client.pending).toHaveLength(0);
    expect(verdictSeen).toBe(undefined);
    forget();
    expect(await verdict).toEqual({ status: "withdrawn" });
  });

  it("[CL-6] an abort, and closing the client, end the wait for conflicting events", async () => {
    const world = new FakeWorld();
    const client = await world.online({}, { head: 1, state: { a: 1 } });
    const abort = new AbortController();
    const again = { expectedEventId: 1, onConflict: () => ({ target: "a", value: 9 }) };
    const aborted = client.submit(...set("a", 2), { ...again, signal: abort.signal });
    const closed = client.submit(...set("a", 3), again);
    await settle();
    const conflict = (at: number) => {
      const rejection = rejected(world.socket.of("submit_event")[at]!, "conflict");
      return { ...rejection, payload: { ...rejection.payload, conflictingEventIds: [2] } };
    };
    world.socket.say(conflict(0), conflict(1));
    world.socket.end();
    await settle();
    abort.abort();
    expect(await aborted).toEqual({ status: "withdrawn" });
    void client.close();
    expect(await closed).toMatchObject({ status: "rejected", problem: { code: "conflict" } });
  });

  it("[CL-4] close notifies all listeners and leaves no timer, also with many pending drafts", async () => {
    const world = new FakeWorld();
    const client = await world.online();
    world.socket.end();
    for (let at = 0; at < 300; at++) void client.submit(...set("a", at));
    await world.pass(100);
    let notified = 0;
    client.subscribe(() => notified++);
    void client.submit(...set("b", 1));
    await client.close();
    await settle();
    expect(notified).toBe(1);
    expect(world.timers).toBe(0);
  });

  it("[CL-1] [CL-11] a batch that the rules reject is not reduced to find out how to undo it", async () => {
    const world = new FakeWorld();
    const client = await world.online({}, { state: { tree: {} } });
    const push = (id: string, parent: string) => ({
      type: "treePush",
      payload: { target: "tree", value: { id }, options: { parent } },
    });
    // The third node would be below itself: whatever walks up from it would not end.
    const verdict = await client.submitBatch("atomic", [push("a", "_root"), push("b", "a"), push("a", "b")] as never);
    expect(verdict).toMatchObject({ status: "rejected", local: true, problem: { errors: [{ code: "DUPLICATE_ID" }] } });
    expect([client.state, client.canUndo]).toEqual([{ tree: {} }, false]);
  });
});
