import { describe, expect, it } from "vitest";
import type { BaseTail, OpenStore, QueueStore, StoredBase } from "../../../src/client/stores/store.ts";
import { memoryStore } from "../../../src/client/stores/memory.ts";
import { continues, tailOf } from "../../../src/client/stores/tails.ts";
import { defaultTiming } from "../../../src/client/transport/timing.ts";
import { accepted, broadcast, event, FakeWorld, settle } from "./harness.ts";

const set = (value: string | number) => ["set", { target: "a", value }] as const;

/** A store that survives reloads, and what was written to it. */
function durable({ extends: canExtend = true } = {}) {
  const memory = memoryStore();
  const kept: { base: StoredBase | undefined; tails: BaseTail[] } = { base: undefined, tails: [] };
  const written: (StoredBase | BaseTail)[] = [];
  let saves = true;
  const open: OpenStore = async (scope) => {
    const store = await memory(scope);
    const own: QueueStore = {
      ...bound(store),
      durable: true,
      async load() {
        const { entries } = await store.load();
        const tail = kept.base && tailOf(kept.base, kept.tails);
        return { entries, base: kept.base && { ...kept.base, ...(tail!.length > 0 && { tail: tail! }) } };
      },
      async saveBase(base) {
        written.push(base);
        if (saves) Object.assign(kept, { base: { ...base }, tails: [] });
        return saves;
      },
      async delete(what) {
        Object.assign(kept, { base: undefined, tails: [] });
        await store.delete(what);
      },
    };
    if (canExtend)
      own.extendBase = async (tail) => {
        const end = kept.base && { ...kept.base, ...kept.tails.at(-1) };
        if (!end || !continues(tail, end)) return false;
        written.push(tail);
        kept.tails.push({ ...tail });
        return true;
      };
    return own;
  };
  return { open, kept, written, fail: () => (saves = false) };
}

function bound(store: QueueStore): QueueStore {
  const { identify, append, update, remove, close } = store;
  return Object.assign(Object.create(store) as QueueStore, {
    identify: identify.bind(store),
    append: append.bind(store),
    update: update.bind(store),
    remove: remove.bind(store),
    close: close.bind(store),
  });
}

const kinds = (written: readonly (StoredBase | BaseTail)[]) =>
  written.map((one) => ("state" in one ? `state ${one.eventId}` : `${one.after} to ${one.eventId}`));

describe("the kept base", () => {
  it("[CL-10] [CL-12] is written once, and then event by event, and a start folds them", async () => {
    const world = new FakeWorld();
    const { open, written } = durable();
    const client = await world.online(
      { store: open },
      { head: 3, state: { a: "x".repeat(500_000) }, more: { proof: "p3" } },
    );
    await world.pass(1_000);
    for (let id = 4; id < 14; id++) {
      world.socket.say(broadcast(id, ...set(`event ${id}`)));
      if (id % 2 === 1) await world.pass(1_000);
    }
    expect(kinds(written)).toEqual(["state 3", "3 to 5", "5 to 7", "7 to 9", "9 to 11", "11 to 13"]);
    for (const tail of written.slice(1)) expect(JSON.stringify(tail).length).toBeLessThan(1_000);
    await client.close();
    const again = world.client({ store: open });
    await settle();
    expect([again.eventId, again.state, again.loaded]).toEqual([13, { a: "event 13" }, true]);
    const [connect] = (world.socket.open(), world.socket.of("connect"));
    expect(connect!.payload).toMatchObject({ sinceEventId: 13, proof: `t${event(13, ...set(0)).event.timestamp}` });
    world.socket.accept({ head: 13 });
    world.socket.say(broadcast(14, ...set(14)));
    await world.pass(1_000);
    expect(kinds(written).slice(6)).toEqual(["13 to 14"]);
    await again.close();
    expect(world.timers).toBe(0);
  });

  it("[CL-12] is written as a whole again when the events are half as long as it: amortised, an event costs three times its own length at most", async () => {
    const world = new FakeWorld();
    const { open, written } = durable();
    await world.online({ store: open }, { head: 0, state: { big: "x".repeat(400_000), a: 0 } });
    await world.pass(1_000);
    let length = 0;
    for (let id = 1; id <= 1_000; id++) {
      const message = broadcast(id, ...set(`${id}${"y".repeat(1_000)}`));
      length += JSON.stringify(message.payload).length;
      world.socket.say(message);
      await world.pass(1_000);
    }
    const bytes = written.slice(1).reduce((sum, one) => sum + ("state" in one ? one.state : one.events).length, 0);
    expect(kinds(written).filter((kind) => kind.startsWith("state")).length).toBeGreaterThan(3);
    expect(bytes / length).toBeLessThan(3.2);
  });

  it("[CL-10] a store of the version before keeps the state alone, written as seldom", async () => {
    const world = new FakeWorld();
    const { open, written } = durable({ extends: false });
    const client = await world.online({ store: open }, { head: 0, state: { big: "x".repeat(10_000), a: 0 } });
    await world.pass(1_000);
    for (let id = 1; id <= 40; id++) {
      world.socket.say(broadcast(id, ...set(`${id}${"y".repeat(400)}`)));
      await world.pass(1_000);
    }
    const states = kinds(written);
    expect(states[0]).toBe("state 0");
    expect(states.length).toBeGreaterThan(2);
    expect(states.length).toBeLessThan(8);
    await client.close();
    const again = world.client({ store: open });
    await settle();
    expect(`state ${again.eventId}`).toBe(states.at(-1));
  });

  it("[CL-10] a state of any size is read in many turns, while events go on, and is that of one event", async () => {
    const world = new FakeWorld();
    const { open, kept, written } = durable();
    const large = Object.fromEntries(
      Array.from({ length: 3_000 }, (_, at) => [`key${at}`, `${"z".repeat(3_000)}${at}`]),
    );
    const client = await world.online({ store: open }, { head: 5, state: { ...large, a: 5 } });
    const verdict = client.submit("set", { target: "key2999", value: "mine" });
    await world.pass(999);
    const turns = world.pass(1);
    // It has begun.
    while (written.length === 0 && world.timers < 2) await settle();
    for (let turn = 0; turn < 5; turn++) await settle();
    expect(written).toEqual([]);
    world.socket.say(broadcast(6, "set", { target: "key2998", value: "changed" }));
    world.socket.say(broadcast(7, ...set(7)));
    await turns;
    const saved = JSON.parse(kept.base!.state) as Record<string, unknown>;
    expect([kept.base!.eventId, kept.base!.state.length > 8 * 1024 * 1024]).toEqual([5, true]);
    expect([saved["key2999"], saved["key2998"], saved["a"]]).toEqual([large["key2999"], large["key2998"], 5]);
    expect(client.read((state: any) => [state.key2999, state.key2998, state.a])).toEqual(["mine", "changed", 7]);
    await world.pass(1_000);
    expect(kinds(written)).toEqual(["state 5", "5 to 7"]);
    world.socket.say(accepted(world.socket.of("submit_event")[0]!, 8));
    await verdict;
  });

  it("[CL-10] a base whose tail cannot be folded is not used, nor one of another model", async () => {
    for (const spoil of [
      (kept: any) => (kept.tails[0].events = "[{"),
      (kept: any) => (kept.base.state = "[]"),
      (kept: any) => (kept.base.modelVersion = 99),
      (kept: any) => (kept.base.model = "another"),
    ]) {
      const world = new FakeWorld();
      const { open, kept } = durable();
      const client = await world.online({ store: open }, { head: 1, state: { a: 1 } });
      await world.pass(1_000);
      world.socket.say(broadcast(2, ...set(2)));
      await world.pass(1_000);
      await client.close();
      spoil(kept);
      const again = world.client({ store: open });
      await settle();
      expect([again.loaded, again.eventId, again.state]).toEqual([false, 0, {}]);
      world.socket.accept({ head: 2, state: { a: 2 } });
      await world.pass(1_000);
      expect([again.eventId, kept.base!.state, kept.tails]).toEqual([2, '{"a":2}', []]);
    }
  });

  it("[CL-10] a store that does not take it is not asked again until there is as much to store again", async () => {
    const world = new FakeWorld();
    const { open, written, fail } = durable();
    fail();
    await world.online({ store: open }, { head: 0, state: { a: "x".repeat(100_000) } });
    for (let id = 1; id <= 20; id++) {
      await world.pass(1_000);
      world.socket.say(broadcast(id, ...set(id)));
    }
    expect(kinds(written)).toEqual(["state 0"]);
  });

  it("[CL-10] of two clients that do not share a connection, one keeps it, and none writes it at every event", async () => {
    const world = new FakeWorld();
    const { open, kept, written } = durable();
    const one = await world.online({ store: open }, { head: 0, state: { a: "x".repeat(100_000) } });
    const [first] = world.sockets;
    await world.pass(1_000);
    const other = world.client({ store: open });
    await settle();
    world.socket.accept();
    await settle();
    for (let id = 1; id <= 20; id++) {
      for (const socket of [first!, world.socket]) socket.say(broadcast(id, ...set(id)));
      await world.pass(1_000);
    }
    expect([one.eventId, other.eventId]).toEqual([20, 20]);
    expect(kinds(written).filter((kind) => kind.startsWith("state"))).toEqual(["state 0"]);
    expect(kept.tails.at(-1)!.eventId).toBe(20);
  });

  it("[CL-9] [CL-10] is not written after it was deleted", async () => {
    const world = new FakeWorld();
    const { open, kept } = durable();
    const client = await world.online({ store: open }, { head: 1, state: { a: 1 } });
    await world.pass(500);
    expect(await client.signOut()).toBe(true);
    await world.pass(5_000);
    expect([kept.base, world.timers]).toEqual([undefined, 0]);
  });

  it("[CL-10] does not have drafts in it that are shown over it after a reload", async () => {
    const world = new FakeWorld();
    const { open, kept } = durable();
    const client = await world.online({ store: open }, { head: 0, state: { n: 0 } });
    void client.submit("set", { target: "n", value: 1 });
    await settle();
    // The event is here, and its verdict is not.
    const sent = world.socket.of("submit_event")[0]!;
    const { draftId } = sent.payload;
    world.socket.say({ type: "broadcast", payload: { ...event(1, "set", sent.payload.event.payload, "me"), draftId } });
    await world.pass(3_000);
    expect([client.eventId, client.pending.length, kept.base?.eventId]).toEqual([1, 1, undefined]);
    world.socket.say(accepted(sent, 1));
    await world.pass(5_000);
    expect([client.pending, kept.base?.eventId]).toEqual([[], 1]);
  });

  it("[CL-10] stores no event of an undecided draft that comes while others are stored", async () => {
    const world = new FakeWorld();
    const { open, written } = durable();
    let during = () => {};
    const store: OpenStore = async (scope) => {
      const opened = await open(scope);
      const extend = opened.extendBase!;
      opened.extendBase = (tail) => {
        during();
        return extend(tail);
      };
      return opened;
    };
    const client = await world.online({ store }, { head: 3, state: { n: 0 }, more: { proof: "p3" } });
    await world.pass(1_000);
    const verdict = client.submit("set", { target: "n", value: 1 });
    await settle();
    world.socket.say(broadcast(4, ...set("theirs")));
    const { draftId } = world.socket.of("submit_event")[0]!.payload;
    // As after an uncertain commit: it comes before its verdict.
    during = () => {
      during = () => {};
      const payload = { ...event(5, "set", { target: "n", value: 1 }, "me"), draftId };
      world.socket.say({ type: "broadcast", payload });
    };
    await world.pass(2_000);
    expect(kinds(written)).toEqual(["state 3", "3 to 4"]);
    world.socket.say(accepted(world.socket.of("submit_event")[0]!, 5));
    expect(await verdict).toMatchObject({ status: "accepted" });
    await world.pass(10_000);
    expect(kinds(written)).toEqual(["state 3", "3 to 4", "4 to 5"]);
    await client.close();
  });

  it("[CL-10] a base that does not name its model, as of an earlier version, is used, and written again with the name", async () => {
    const world = new FakeWorld();
    const { open, kept } = durable();
    kept.base = { serverId: "log-1", eventId: 1, proof: "p1", modelVersion: 1, state: '{"a":1}' };
    const client = world.client({ store: open });
    await settle();
    expect([client.loaded, client.eventId, client.state]).toEqual([true, 1, { a: 1 }]);
    world.socket.accept({ head: 1 });
    await world.pass(1_000);
    expect(kept.base).toMatchObject({ eventId: 1, model: "insieme", modelVersion: 1, state: '{"a":1}' });
  });

  it.each([
    ["after a start that was far behind, within two minutes", 1_001, 60_000],
    ["else once a day", 1_000, 60_000 + 24 * 60 * 60 * 1_000],
  ])("[CL-14] is compared with the server's: %s", async (_, head, dueMs) => {
    const world = new FakeWorld();
    const { open, kept } = durable();
    kept.base = { serverId: "log-1", eventId: 1, proof: "p1", modelVersion: 1, state: '{"a":1}' };
    const client = world.client({ store: open, timing: { ...defaultTiming, heartbeatMs: 100 * dueMs } });
    await settle();
    world.socket.accept({ head: 1 });
    for (let id = 2; id <= head; id++) world.socket.say(broadcast(id, ...set(id)));
    await settle();
    expect(client.eventId).toBe(head);
    await world.pass(dueMs - 1);
    expect(world.socket.of("hash")).toEqual([]);
    await world.pass(1);
    const [asked] = world.socket.of("hash");
    world.socket.say({ type: "hash", inReplyTo: asked!.id, payload: { eventIndex: head, sha256: "of another state" } });
    await settle();
    // It fetches the state.
    const [connect] = (world.socket.open(), world.socket.of("connect"));
    expect(connect!.payload).toMatchObject({ initialState: true });
    await client.close();
    expect(world.timers).toBe(0);
  });
});
