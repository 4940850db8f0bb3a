import { describe, expect, it, vi } from "vitest";
import type { OpenStore } from "../../../src/client/stores/store.ts";
import { memoryStore } from "../../../src/client/stores/memory.ts";
import { Engine } from "../../../src/client/sync/engine.ts";
import { accepted, broadcast, FakeWorld, refused, rejected, settle } from "./harness.ts";

const title = (value: string) => ["set", { target: "title", value }] as const;
const day = 24 * 60 * 60 * 1_000;

describe("the queue in hand", () => {
  it("[CL-13] [WP-12] says why and until when the server holds it back, and goes on without the withdrawn draft", async () => {
    const world = new FakeWorld();
    const client = await world.online();
    const [one, two] = [client.submit(...title("1")), client.submit(...title("2"))];
    await settle();
    const [first, second] = world.socket.of("submit_event");
    const problem = { retryable: true, retryAfter: 30 * 24 * 60 * 60 };
    world.socket.say(refused(first!, "rate_limited", problem), refused(second!, "rate_limited", problem));
    await settle();
    const { held } = client.status;
    expect(held).toMatchObject({ code: "rate_limited", key: first!.payload.draftId, long: true });
    expect(held!.until).toBeGreaterThanOrEqual(world.now + 30 * day);
    for (const { failure } of client.pending) expect(failure).toBe(held);
    expect(await client.withdraw(held!.key!)).toBe(true);
    expect(await one).toEqual({ status: "withdrawn" });
    expect([client.status.reason, client.status.held]).toEqual(["ok", undefined]);
    expect(world.sockets).toHaveLength(2);
    world.socket.accept();
    await settle();
    const again = world.socket.of("submit_event");
    expect(again.map(({ payload }) => payload.draftId)).toEqual([second!.payload.draftId]);
    world.socket.say(accepted(again[0]!, 1));
    expect(await two).toMatchObject({ status: "accepted" });
  });

  it("[CL-13] says by its event what became of a withdrawn draft that another program has sent after all", async () => {
    const world = new FakeWorld();
    const client = await world.online();
    const events: unknown[] = [];
    client.on("confirmed", ({ events: these }) => events.push(...these));
    const verdict = client.submit(...title("1"));
    await settle();
    world.socket.say(
      refused(world.socket.of("submit_event")[0]!, "rate_limited", { retryable: true, retryAfter: 100 }),
    );
    await settle();
    const { key } = client.pending[0]!;
    expect(await client.withdraw(key)).toBe(true);
    expect([await verdict, client.state]).toEqual([{ status: "withdrawn" }, {}]);
    world.socket.accept();
    const sent = broadcast(1, ...title("1"));
    world.socket.say({ ...sent, payload: { ...sent.payload, draftId: key } });
    await settle();
    expect(events).toMatchObject([{ eventId: 1, draftId: key }]);
    expect([client.state, client.pending]).toEqual([{ title: "1" }, []]);
  });

  it("[CL-13] withdraws nothing that the server may have decided", async () => {
    const world = new FakeWorld();
    const client = await world.online();
    const verdict = client.submit(...title("1"));
    await settle();
    const [sent] = world.socket.of("submit_event");
    const { key } = client.pending[0]!;
    expect(await client.withdraw(key)).toBe(false);
    world.socket.say(refused(sent!, "storage_unavailable", { retryable: true, retryAfter: 100 }));
    await settle();
    // The outcome is open.
    expect(await client.withdraw(key)).toBe(false);
    // The hold outlives the silence after which a connection counts as lost.
    world.socket.end();
    await world.pass(60_000);
    world.socket.accept();
    await settle();
    world.socket.say(accepted(world.socket.of("submit_event")[0]!, 1));
    expect(await verdict).toMatchObject({ status: "accepted" });
    expect(await client.withdraw(key)).toBe(false);
  });

  it("[CL-13] replaces a draft that was not sent, also one of before a reload, and never one that was", async () => {
    const world = new FakeWorld();
    const store = memoryStore();
    const before = world.client({ store });
    const options = { replaces: "title" };
    const first = before.submit(...title("1"), options);
    await settle();
    const second = before.submit(...title("2"), options);
    expect(before.pending).toHaveLength(1);
    expect(await first).toEqual({ status: "withdrawn", replaced: true });
    void second;
    await before.flushed();
    await before.close();
    const client = world.client({ store });
    await settle();
    const third = client.submit(...title("3"), options);
    await settle();
    expect(client.pending).toHaveLength(1);
    world.socket.accept();
    await settle();
    const [sent, ...others] = world.socket.of("submit_event");
    expect([sent!.payload.event.payload.value, others]).toEqual(["3", []]);
    void client.submit(...title("4"), options);
    await settle();
    expect(client.pending).toHaveLength(2);
    world.socket.say(accepted(sent!, 1));
    expect(await third).toMatchObject({ status: "accepted" });
  });

  it("[CL-13] connects again although the draft that the server has held back is withdrawn meanwhile", async () => {
    const world = new FakeWorld();
    const client = await world.online();
    void client.submit(...title("1"));
    await settle();
    const [sent] = world.socket.of("submit_event");
    world.socket.say(refused(sent!, "rate_limited", { retryable: true, retryAfter: 3_600 }));
    await settle();
    // For longer than a frame of this connection can be late.
    await world.pass(11_000);
    world.socket.end();
    await settle();
    expect(client.status.status).toBe("offline");
    expect(await client.withdraw(sent!.payload.draftId)).toBe(true);
    await world.pass(60_000);
    expect(world.sockets.length).toBeGreaterThan(1);
    await client.close();
  });

  it("[CL-13] [CL-11] does not try a draft in conflict again over a later one that replaces the same", async () => {
    const world = new FakeWorld();
    const client = await world.online();
    let calls = 0;
    const onConflict = () => ({ target: "title", value: String(++calls) });
    const replaces = "title";
    const first = client.submit(...title("1"), { expectedEventId: 0, onConflict, replaces });
    await settle();
    const second = client.submit(...title("2"), { replaces });
    const conflict = rejected(world.socket.of("submit_event")[0]!, "conflict");
    world.socket.say(broadcast(1, "set", { target: "title", value: "theirs" }));
    world.socket.say({ ...conflict, payload: { ...conflict.payload, conflictingEventIds: [1] } as object });
    expect(await first).toMatchObject({ status: "rejected", problem: { code: "conflict" } });
    await settle();
    expect([calls, client.state]).toMatchObject([0, { title: "2" }]);
    const [, sent] = world.socket.of("submit_event");
    world.socket.say(accepted(sent!, 2));
    expect(await second).toMatchObject({ status: "accepted" });
    await client.close();
  });

  it("[CL-13] [CL-2] says that drafts are stored only when they are, also of a client that closes before it is open", async () => {
    const world = new FakeWorld();
    const memory = memoryStore();
    const calls: (() => void)[] = [];
    const store: OpenStore = async (scope) => {
      const opened = await memory(scope);
      opened.append = () => new Promise((resolve) => calls.push(resolve));
      return opened;
    };
    const client = world.client({ store });
    void client.submit(...title("1"));
    const flushed = client.flushed().then(() => true);
    void client.close();
    await settle();
    await settle();
    expect([calls.length, await Promise.race([flushed, false])]).toEqual([1, false]);
    calls[0]!();
    expect(await flushed).toBe(true);
  });

  it("[CL-13] settled waits for what is pending when it is called, for each kind of end, and for nothing later", async () => {
    const world = new FakeWorld();
    const client = await world.online();
    expect(await client.settled()).toBe(true);
    const values = ["accepted", "rejected", "parked", "withdrawn"];
    for (const value of values) void client.submit("set", { target: value, value });
    await settle();
    const sent = world.socket.of("submit_event");
    let isSettled: boolean | undefined;
    void client.settled().then((result) => (isSettled = result));
    await settle();
    void client.submit("set", { target: "later", value: 1 });
    world.socket.say(accepted(sent[0]!, 1), rejected(sent[1]!));
    await settle();
    world.socket.say(refused(sent[2]!, "draft_failed", { retryable: false }));
    await settle();
    expect([isSettled, client.pending.length]).toEqual([undefined, 2]);
    const hold = { retryable: true, retryAfter: 100 };
    world.socket.say(refused(sent[3]!, "rate_limited", hold));
    await settle();
    expect(isSettled).toBeUndefined();
    expect(await client.withdraw(client.pending[0]!.key)).toBe(true);
    await settle();
    expect(isSettled).toBe(true);
    expect(client.pending.map(({ drafts }) => drafts[0]!.payload["target"])).toEqual(["later"]);

    const late = client.settled();
    await client.close();
    expect(await late).toBe(false);
  });

  it("[CL-13] flushed waits for the store to open, and says whether what was submitted survives a reload", async () => {
    for (const durable of [true, false]) {
      const world = new FakeWorld();
      const memory = memoryStore();
      let open = () => {};
      const opened = new Promise<void>((resolve) => (open = resolve));
      const store: OpenStore = async (scope) => {
        await opened;
        return Object.assign(await memory(scope), { durable });
      };
      const client = world.client({ store });
      void client.submit(...title("1"));
      void client.submit(...title("2"));
      const flushed = client.flushed();
      await settle();
      expect(await Promise.race([flushed, settle()])).toBeUndefined();
      open();
      expect(await flushed).toBe(durable);
      const { entries } = await (await memory("server/room/ada")).load();
      expect(entries.map(({ drafts }) => drafts[0]!.payload["value"])).toEqual(["1", "2"]);
      await client.close();
    }
  });

  it("[CL-13] flushed waits until what was submitted to an open store is stored", async () => {
    const world = new FakeWorld();
    const memory = memoryStore();
    const stored: (() => void)[] = [];
    const store: OpenStore = async (scope) => {
      const opened = await memory(scope);
      opened.append = () => new Promise((resolve) => stored.push(resolve));
      return opened;
    };
    const client = await world.online({ store });
    void client.submit(...title("1"));
    let isFlushed = false;
    const flushed = client.flushed().then(() => (isFlushed = true));
    await settle();
    await settle();
    expect([stored.length, isFlushed]).toEqual([1, false]);
    stored[0]!();
    expect(await flushed).toBe(true);
    await client.close();
  });

  it("[CL-13] keeps what the server has rejected when it is closed at the verdict", async () => {
    const world = new FakeWorld();
    const store = memoryStore();
    const before = await world.online({ store });
    const verdict = before.submit(...title("1"));
    await settle();
    world.socket.say(rejected(world.socket.of("submit_event")[0]!, "validation_failed"));
    await verdict;
    await before.close();
    const client = world.client({ store });
    await settle();
    expect([client.pending, client.rejected]).toMatchObject([[], [{ rejected: { status: "rejected" } }]]);
    await client.close();
  });

  it("[CL-13] keeps what the server has rejected until it is discarded, over reloads", async () => {
    const world = new FakeWorld();
    const store = memoryStore();
    const before = await world.online({ store });
    const verdict = before.submit(...title("1"));
    await settle();
    world.socket.say(rejected(world.socket.of("submit_event")[0]!, "validation_failed"));
    expect(await verdict).toMatchObject({ status: "rejected" });
    expect(await before.settled()).toBe(true);
    await before.close();
    const client = world.client({ store });
    await settle();
    expect([client.pending, client.parked]).toEqual([[], []]);
    const [kept] = client.rejected;
    expect(kept).toMatchObject({
      drafts: [{ payload: { value: "1" } }],
      rejected: { problem: { code: "validation_failed" } },
    });
    client.discard(kept!.key);
    expect(client.rejected).toEqual([]);
    await client.close();
    const after = world.client({ store });
    await settle();
    expect(after.rejected).toEqual([]);
    await after.close();
  });

  it("[CL-13] [CL-14] gives up a conflict with an event that the view will not show", async () => {
    const world = new FakeWorld();
    const client = await world.online();
    world.socket.say(broadcast(1, "of a newer model", {}));
    await settle();
    let calls = 0;
    const onConflict = () => void calls++;
    const verdict = client.submit(...title("1"), { expectedEventId: 0, onConflict });
    await settle();
    const conflict = rejected(world.socket.of("submit_event")[0]!, "conflict");
    world.socket.say({ ...conflict, payload: { ...conflict.payload, conflictingEventIds: [1] } as object });
    await settle();
    expect(await Promise.race([verdict, settle()])).toMatchObject({ status: "rejected" });
    expect(calls).toBe(0);
    await client.close();
  });

  it("[CL-13] [CL-11] a rejected replacement does not show a draft that its undo hides", async () => {
    const world = new FakeWorld();
    const client = await world.online();
    // A tab that follows cannot know whether it was sent.
    const canReplace = vi.spyOn(Engine.prototype, "canReplace").mockReturnValue(true);
    const options = { replaces: "title" };
    void client.submit(...title("1"), options);
    await settle();
    void client.undo();
    expect(client.pending).toMatchObject([{ undoing: true }]);
    const verdict = client.submit("set", { target: "title", value: 1, options: 5 } as never, options);
    expect(await verdict).toMatchObject({ status: "rejected", local: true });
    void client.submit(...title("2"));
    expect(client.pending).toMatchObject([{ undoing: true }, { undoing: false }]);
    canReplace.mockRestore();
    await client.close();
  });

  it("[CL-13] [CL-14] what was accepted while the view stands still is shown, and not pending", async () => {
    const world = new FakeWorld();
    const client = await world.online();
    world.socket.say(broadcast(1, "of a newer model", {}));
    await settle();
    void client.submit(...title("mine"));
    await settle();
    const settled = client.settled();
    await settle();
    world.socket.say(accepted(world.socket.of("submit_event")[0]!, 2));
    await settle();
    expect(client.pending).toEqual([]);
    expect(await Promise.race([settled, settle()])).toBe(true);
    expect(client.state).toMatchObject({ title: "mine" });
    await client.close();
  });

  it("[CL-13] sends drafts that were made offline although the store hangs", async () => {
    const world = new FakeWorld();
    const memory = memoryStore();
    const store: OpenStore = async (scope) => {
      const opened = await memory(scope);
      opened.update = () => new Promise(() => {});
      return opened;
    };
    const client = world.client({ store });
    await settle();
    const verdict = client.submit(...title("1"));
    world.socket.accept();
    await world.pass(5_000);
    world.socket.say(accepted(world.socket.of("submit_event")[0]!, 1));
    expect(await verdict).toMatchObject({ status: "accepted" });
  });

  it("[CL-13] [CL-2] opens within a second where the store never answers, and loses nothing", async () => {
    const world = new FakeWorld();
    const silence = () => new Promise<never>(() => {});
    const store: OpenStore = async () => ({
      durable: true,
      load: silence,
      identify: silence,
      append: silence,
      update: silence,
      remove: silence,
      saveBase: silence,
      delete: silence,
      close: silence,
    });
    const client = world.client({ store });
    const reasons: string[] = [];
    client.on("degraded", ({ reason }) => reasons.push(reason));
    const verdict = client.submit(...title("1"));
    const flushed = client.flushed();
    await world.pass(1_000);
    expect([reasons, client.durable, world.sockets.length]).toEqual([["blocked"], false, 1]);
    expect(await flushed).toBe(false);
    world.socket.accept();
    await settle();
    world.socket.say(accepted(world.socket.of("submit_event")[0]!, 1));
    expect(await verdict).toMatchObject({ status: "accepted" });
    const closing = client.close();
    await world.pass(1_000);
    await closing;
    expect(world.timers).toBe(0);
  });

  it("[CL-13] [CL-2] what a store returns too late is shown, and sent", async () => {
    const world = new FakeWorld();
    const memory = memoryStore();
    const before = world.client({ store: memory });
    void before.submit("set", { target: "old", value: 1 });
    await before.flushed();
    await before.close();
    let answer = () => {};
    const answered = new Promise<void>((resolve) => (answer = resolve));
    const store: OpenStore = async (scope) => {
      const opened = await memory(scope);
      const load = opened.load.bind(opened);
      opened.load = () => answered.then(load);
      return opened;
    };
    const client = world.client({ store });
    void client.submit("set", { target: "new", value: 2 });
    await world.pass(1_000);
    world.socket.accept();
    await settle();
    expect(client.state).toEqual({ new: 2 });
    answer();
    await settle();
    expect(client.state).toEqual({ new: 2, old: 1 });
    await world.pass(100);
    const values = world.socket.of("submit_event").map(({ payload }) => payload.event.payload.target);
    expect(values).toEqual(["new", "old"]);
    const kept = (await (await memory("server/room/ada")).load()).entries;
    expect(kept.map(({ drafts }) => drafts[0]!.payload["target"]).toSorted()).toEqual(["new", "old"]);
    await client.close();
  });

  it("[CL-13] what was never sent does not expire, whatever the clock of the device says", async () => {
    const world = new FakeWorld();
    world.serverNow = () => world.now;
    const store = memoryStore();
    world.now -= 400 * day;
    const before = world.client({ store });
    void before.submit(...title("1"));
    await before.flushed();
    await before.close();
    world.now += 400 * day;
    const client = world.client({ store });
    await settle();
    world.socket.accept({ limits: { rejectionRetentionMs: 30 * day } });
    await settle();
    expect(world.socket.of("submit_event")).toHaveLength(1);
    await client.close();
  });
});
