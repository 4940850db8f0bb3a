import { bytesPort, hmac, sha256 } from "../../src/platform/hash.ts";
import { env, evictDurableObject, runDurableObjectAlarm, runInDurableObject } from "cloudflare:test";
import { describe, expect, it, vi } from "vitest";
import { migrations } from "../../src/storage/partition/migrations.ts";
import { Partition, single } from "../../src/core/index.ts";
import { insieme } from "../../src/models/insieme/index.ts";
import { DurableSqlDriver } from "../../src/storage/durable.ts";
import { PartitionStorage } from "../../src/storage/partition/storage.ts";
import { fresh, http, type Message, Wire } from "./wire.ts";

const stubOf = (partition: string) => env.PARTITIONS.getByName(`default/${partition}`);
const set = (value: string | number) => ({ target: "n", value });
const heartbeat = '{"type":"heartbeat"}';

describe("hibernation", () => {
  it("[WP-9] answers the constant heartbeat without waking the object", async () => {
    const room = fresh();
    const wire = await Wire.connected(room);
    await evictDurableObject(stubOf(room));
    expect(await wire.say(heartbeat)).toEqual({ type: "heartbeat" });
    // The object is not running: there is nothing to evict.
    await expect(evictDurableObject(stubOf(room))).rejects.toThrow(/not running|not currently running/i);
    expect(await wire.ask("heartbeat", {})).toMatchObject({ type: "heartbeat", payload: {} });
    await evictDurableObject(stubOf(room));
    wire.close();
  });

  it("[WP-5] [WP-6] [ID-11] [LC-3] loses nothing when it hibernates between any two messages", async () => {
    const room = fresh();
    const [a, b] = [await Wire.connected(room, "a"), await Wire.connected(room, "b")];
    const evict = () => evictDurableObject(stubOf(room), { webSockets: "hibernate" });
    await evict();
    expect((await a.submit("d1", "set", set(1))).payload.eventId).toBe(1);
    await evict();
    expect((await b.submit("d2", "set", set(2))).payload.eventId).toBe(2);
    // b pages from the start: it is behind the head during the eviction, so it is not live.
    await evict();
    expect((await b.ask("sync", { sinceEventId: 0, limit: 1 })).payload.nextSinceEventId).toBe(1);
    await evict();
    expect((await a.submit("d3", "set", set(3))).payload.eventId).toBe(3);
    await evict();
    const page = await b.ask("sync", { sinceEventId: 1 });
    expect(page.payload.events.map(({ eventId }: Message) => eventId)).toEqual([2, 3]);
    await evict();
    await a.submit("d1", "set", set(1));
    expect((await a.submit("d4", "set", set(4))).payload.eventId).toBe(4);
    for (const wire of [a, b]) await wire.message(({ type, payload }) => type === "broadcast" && payload.eventId === 4);
    const broadcasts = (wire: Wire) =>
      wire.frames.map((frame) => JSON.parse(frame) as Message).filter(({ type }) => type === "broadcast");
    expect(broadcasts(b).map(({ payload }) => payload.eventId)).toEqual([1, 2, 4]);
    expect(broadcasts(a).map(({ payload }) => payload.eventId)).toEqual([1, 2, 3, 4]);
    const accepted = a.frames.filter((frame) => frame.includes('"draftId":"d1"'));
    expect(accepted).toHaveLength(2);
    expect(accepted[0]).toBe(accepted[1]);
    a.close();
    b.close();
  });

  it("[WP-10] [LC-10] can be evicted right after a burst: no timer and no queue is left", async () => {
    const room = fresh();
    const wire = await Wire.connected(room, "a", { frames: "array" });
    // All in one turn, as a loaded socket delivers them.
    await runInDurableObject(stubOf(room), (instance, ctx) => {
      const [ws] = ctx.getWebSockets();
      for (let at = 1; at <= 300; at++) {
        const payload = { draftId: `d${at}`, event: { type: "set", payload: set(at) } };
        instance.webSocketMessage(ws!, JSON.stringify({ id: `m${at}`, type: "submit_event", timestamp: 1, payload }));
      }
    });
    const messages = () => wire.frames.flatMap((frame) => [JSON.parse(frame) as Message].flat());
    await wire.until(() => messages().some(({ id }) => id === "b-300"));
    // With `connect` eight at once, one frame each. Then the rest in windows: 293 in windows of 64, the share of a connection.
    expect(wire.frames).toHaveLength(1 + 7 + 5);
    const ids = (type: string) =>
      messages()
        .filter((one) => one.type === type)
        .map(({ payload }) => payload.eventId);
    expect(ids("event_accepted")).toEqual(Array.from({ length: 300 }, (_, at) => at + 1));
    expect(ids("broadcast")).toEqual(ids("event_accepted"));
    await evictDurableObject(stubOf(room));
    expect(await wire.say(heartbeat)).toEqual({ type: "heartbeat" });
    wire.close();
  });

  it("[WP-11] a log keeps the id that it announced before its first event, across an eviction", async () => {
    const room = fresh();
    const a = await Wire.open(room);
    const { serverId } = (await a.ask("connect", { clientId: "a", version: "1" })).payload;
    await evictDurableObject(stubOf(room));
    await a.submit("d", "set", set(1));
    const b = await Wire.open(room);
    expect((await b.ask("connect", { clientId: "b", version: "1" })).payload).toEqual({
      serverId,
      currentEventIndex: 1,
    });
    a.close();
    b.close();
  });

  it("[WP-9] a session fits the attachment with the largest possible ids", async () => {
    const room = fresh();
    const wire = await Wire.open(room);
    await wire.ask("connect", { clientId: "x".repeat(128), version: "1" });
    const size = await runInDurableObject(stubOf(room), (_, ctx) =>
      Math.max(...ctx.getWebSockets().map((ws) => JSON.stringify(ws.deserializeAttachment()).length)),
    );
    expect(size).toBeLessThan(16 * 1024);
    wire.close();
  });

  it("[WP-9] answers Close with a valid code", async () => {
    for (const code of [1000, 3000, 4999]) {
      const wire = await Wire.connected(fresh());
      wire.close(code);
      expect((await wire.closing()).code).toBe(code);
    }
  });
});

describe("vanished peers", () => {
  it("[WP-9] are closed by the alarm, unless a heartbeat or a frame arrived", async () => {
    const room = fresh();
    const [silent, beating, talking] = [
      await Wire.connected(room, "silent"),
      await Wire.connected(room, "beating"),
      await Wire.connected(room, "talking"),
    ];
    await silent.submit("d", "set", set(1));
    // As if the last frame of each was an hour ago, and the sweep is due.
    await runInDurableObject(stubOf(room), (_, ctx) => {
      for (const ws of ctx.getWebSockets()) {
        const attachment = ws.deserializeAttachment() as { seenAt: number };
        ws.serializeAttachment({ ...attachment, seenAt: Date.now() - 3_600_000 });
      }
      ctx.storage.sql.exec("UPDATE jobs SET due_at = 1");
    });
    await evictDurableObject(stubOf(room));
    await beating.say(heartbeat);
    await talking.ask("sync", {});
    await runDurableObjectAlarm(stubOf(room));
    expect(await silent.closing()).toMatchObject({ code: 1001 });
    expect((await beating.submit("d1", "set", set(2))).payload.eventId).toBe(2);
    expect((await talking.submit("d2", "set", set(3))).payload.eventId).toBe(3);
    beating.close();
    talking.close();
  });

  it("[LC-7] a client that reads nothing is disconnected, but not one that sends heartbeats", async () => {
    const room = fresh();
    const [deaf, alive, writer] = [
      await Wire.connected(room, "deaf"),
      await Wire.connected(room, "alive"),
      await Wire.connected(room, "writer"),
    ];
    const value = "x".repeat(60_000);
    // 16 MiB of broadcasts, and some more.
    for (let at = 1; at <= 300; at++) {
      await writer.submit(`d${at}`, "set", { target: "n", value });
      if (at % 50 === 0) await alive.say(heartbeat);
    }
    expect(await deaf.closing()).toMatchObject({ code: 1013, reason: "slow_consumer" });
    expect(alive.closed).toBeUndefined();
    alive.close();
    writer.close();
  });
});

describe("storage", () => {
  const hasTables = (room: string) =>
    runInDurableObject(
      stubOf(room),
      (_, ctx) => ctx.storage.sql.exec("SELECT 1 FROM sqlite_master WHERE name = 'events'").toArray().length > 0,
    );

  it("[LC-3] a partition that is only read has no storage and no alarm", async () => {
    const room = fresh();
    const wire = await Wire.connected(room, "a", { initialState: true });
    await wire.ask("sync", {});
    await (await http(`/v1/partitions/${room}/events`)).text();
    await (await http(`/v1/partitions/${room}/state`)).text();
    expect(await hasTables(room)).toBe(false);
    expect(await runInDurableObject(stubOf(room), (_, ctx) => ctx.storage.getAlarm())).toBeNull();
    await wire.submit("d", "set", set(1));
    expect(await hasTables(room)).toBe(true);
    expect(await runInDurableObject(stubOf(room), (_, ctx) => ctx.storage.getAlarm())).toBeGreaterThan(Date.now());
    wire.close();
  });

  it("[TX-1] writes at most two rows for an accepted event", async () => {
    await runInDurableObject(env.PARTITIONS.getByName(`rows/${fresh()}`), (_, ctx) => {
      const driver = new DurableSqlDriver(ctx.storage);
      const partition = new Partition({ tenant: "rows", partition: "room" }, insieme, {
        storage: new PartitionStorage(driver, migrations, bytesPort),
        random: {
          logId: () => "log",
          incarnation: () => "0".repeat(16),
          traceId: () => "0".repeat(32),
          peerId: () => "peer",
          secret: () => "0".repeat(64),
          fraction: () => 0,
        },
        sha256,
        hmac,
        log: () => {},
        measure: () => {},
        unread: () => 0,
        askTenant: () => {},
        defer: () => {},
      });
      const submit = (at: number) =>
        partition.submit(
          { principal: "p", permissions: "all" },
          "c",
          single({
            draftId: `d-${at}`,
            event: { type: "set", payload: set(at) },
            expectedEventId: undefined,
          }),
          1_000 + at,
        );
      submit(0);
      const before = driver.rowsWritten;
      for (let at = 1; at <= 100; at++) {
        expect(submit(at)).toMatchObject({ replayed: false, verdict: { results: [{ kind: "accepted" }] } });
      }
      expect(driver.rowsWritten - before).toBe(200);
      for (let at = 1; at <= 100; at++) expect(submit(at)).toMatchObject({ replayed: true });
      expect(driver.rowsWritten - before).toBe(200);
    });
  });

  it("[TX-8] takes a snapshot by the alarm, and wakes from it", async () => {
    const room = fresh();
    const wire = await Wire.connected(room);
    for (let at = 1; at <= 1_000; at++)
      wire.raw(
        JSON.stringify({
          id: `m${at}`,
          type: "submit_event",
          timestamp: 1,
          payload: { draftId: `d${at}`, event: { type: "set", payload: set(at) } },
        }),
      );
    await wire.message(({ type, payload }) => type === "broadcast" && payload.eventId === 1_000);
    // The alarm may have run already, and writes over several turns.
    await runDurableObjectAlarm(stubOf(room));
    const snapshots = () =>
      runInDurableObject(stubOf(room), (_, ctx) => ctx.storage.sql.exec("SELECT event_id FROM snapshots").toArray());
    await vi.waitFor(async () => expect(await snapshots()).toEqual([{ event_id: 1_000 }]), { timeout: 10_000 });
    await evictDurableObject(stubOf(room));
    await wire.submit("next", "set", set("last"));
    const state = (await (await http(`/v1/partitions/${room}/state`)).json()) as Message;
    expect(state).toEqual({ state: { n: "last" }, eventIndex: 1_001 });
    // Left for the alarm are the sweep of sockets, and the verification that the snapshot makes due in a week.
    const due = await runInDurableObject(stubOf(room), (_, ctx) =>
      ctx.storage.sql.exec("SELECT kind FROM jobs ORDER BY kind").toArray(),
    );
    expect(due).toEqual([{ kind: "sweep_sockets" }, { kind: "verify" }]);
    wire.close();
  });

  it("[WP-10] [LC-7] frames that were sent right before a close are decided, in order, under load too", async () => {
    const room = fresh();
    const wire = await Wire.connected(room);
    const drafts = 200;
    // In one turn, as they arrive if the object was busy.
    await runInDurableObject(stubOf(room), (object, ctx) => {
      const [socket] = ctx.getWebSockets();
      const { webSocketMessage, webSocketClose } = object as Required<DurableObject>;
      for (let at = 1; at <= drafts; at++) {
        const payload = { draftId: `d${at}`, event: { type: "set", payload: set(at) } };
        const frame = JSON.stringify({ id: `m${at}`, type: "submit_event", timestamp: 1, payload });
        void webSocketMessage.call(object, socket!, frame);
      }
      void webSocketClose.call(object, socket!, 1000, "", true);
    });
    const log = async () => ((await (await http(`/v1/partitions/${room}/events?limit=1000`)).json()) as Message).events;
    await vi.waitFor(async () => expect(await log()).toHaveLength(drafts), { timeout: 10_000 });
    const values = (await log()).map(({ event }: Message) => event.payload.value);
    expect(values).toEqual(Array.from({ length: drafts }, (_, at) => at + 1));
    wire.close();
  });

  it("[LC-3] [ID-12] storage with another schema is refused as retryable, and not changed", async () => {
    const room = fresh();
    const wire = await Wire.connected(room);
    await wire.submit("d", "set", set(1));
    await runInDurableObject(stubOf(room), (_, ctx) => {
      ctx.storage.sql.exec("UPDATE schema_migrations SET sha256 = zeroblob(32)");
    });
    await evictDurableObject(stubOf(room));
    expect(await wire.submit("e", "set", set(2))).toMatchObject({
      type: "error",
      payload: { code: "schema_mismatch", draftId: "e", retryable: true, status: 503 },
    });
    const response = await http(`/v1/partitions/${room}/state`);
    expect([response.status, response.headers.get("retry-after")]).toEqual([503, "1"]);
    expect(((await response.json()) as Message).detail).not.toMatch(/edited|migration/);
    wire.close();
  });
});
