import { env, evictDurableObject, runInDurableObject } from "cloudflare:test";
import { describe, expect, it, vi } from "vitest";
import { canonicalJson } from "../../src/protocol/canonical.ts";
import { bounds } from "../../src/protocol/index.ts";
import { fresh, type Message, Wire } from "./wire.ts";

const stubOf = (partition: string) => env.PARTITIONS.getByName(`default/${partition}`);
const hibernate = (partition: string) => evictDurableObject(stubOf(partition), { webSockets: "hibernate" });
/** A client that reads nothing is disconnected after at most this many rounds of presence. */
const roundsMax = 20;
const heartbeat = '{"type":"heartbeat"}';
let requests = 0;
const frameOf = (state: unknown) =>
  JSON.stringify({ id: `p-${++requests}`, type: "presence", timestamp: 1, payload: { state } });
const messages = (wire: Wire): Message[] => wire.frames.map((frame) => JSON.parse(frame) as Message);
const presences = (wire: Wire): Message[] => messages(wire).filter(({ type }) => type === "presence");
/** The states of the others by client id, from all messages that a client received. */
const seen = (wire: Wire): Record<string, unknown> => {
  const own = messages(wire).find(({ type }) => type === "connected").payload.peerId;
  const peers = new Map<string, { clientId: string; state: unknown }>();
  for (const { payload } of presences(wire)) {
    if (payload.all) peers.clear();
    for (const peer of payload.peers) peers.set(peer.peerId, peer);
    for (const peerId of payload.gone) peers.delete(peerId);
  }
  peers.delete(own);
  return Object.fromEntries([...peers.values()].map(({ clientId, state }) => [clientId, state]));
};
const until = (wire: Wire, states: object) =>
  wire.until(() => canonicalJson(seen(wire) as never) === canonicalJson(states as never));
/** The server side of a client's socket. */
const socketOf = (ctx: DurableObjectState, clientId: string) =>
  ctx.getWebSockets().find((ws) => {
    const { session } = ws.deserializeAttachment() as { session: { client: { clientId: string } } };
    return session.client.clientId === clientId;
  })!;
const joined = (room: string, clientId: string) => Wire.connected(room, clientId, { presence: true });

describe("presence", () => {
  it("[CL-8] is restored from the attachments after hibernation, and ends with its connection", async () => {
    const room = fresh();
    const [a, b] = [await joined(room, "a"), await joined(room, "b")];
    a.raw(frameOf({ at: 1 }));
    b.raw(frameOf({ at: 2 }));
    a.raw(frameOf({ at: 3 }));
    await until(a, { b: { at: 2 } });
    await until(b, { a: { at: 3 } });
    await hibernate(room);
    const c = await joined(room, "c");
    await until(c, { a: { at: 3 }, b: { at: 2 } });
    expect(presences(c)).toHaveLength(1);
    const { peerId } = presences(c)[0].payload.peers.find(({ clientId }: Message) => clientId === "a");
    await hibernate(room);
    // After hibernation it is still the same peer for the others.
    a.raw(frameOf({ at: 4 }));
    await until(c, { a: { at: 4 }, b: { at: 2 } });
    expect(presences(c).at(-1).payload.peers).toEqual([{ peerId, clientId: "a", state: { at: 4 } }]);
    await hibernate(room);
    a.close();
    await until(c, { b: { at: 2 } });
    expect(presences(c).at(-1).payload.gone).toEqual([peerId]);
    const storage = await runInDurableObject(stubOf(room), (_, ctx) =>
      ctx.storage.sql.exec("SELECT name FROM sqlite_master").toArray(),
    );
    expect(storage).toEqual([]);
    for (const wire of [b, c]) wire.close();
  });

  it("[CL-8] collects a flood into one message and one timer, and the last state arrives", async () => {
    const room = fresh();
    const [a, b] = [await joined(room, "a"), await joined(room, "b")];
    // All in one turn: the clock stands still.
    const timers = await runInDurableObject(stubOf(room), (instance, ctx) => {
      const ws = socketOf(ctx, "a");
      const setTimer = vi.spyOn(globalThis, "setTimeout");
      instance.webSocketMessage(ws, frameOf({ at: 1 }));
      expect(setTimer).not.toHaveBeenCalled();
      for (let at = 2; at <= 1_000; at++) instance.webSocketMessage(ws, frameOf({ at }));
      const { length } = setTimer.mock.calls;
      setTimer.mockRestore();
      return length;
    });
    expect(timers).toBe(1);
    await until(b, { a: { at: 1_000 } });
    const changes = presences(b).filter(({ payload }) => !payload.all);
    expect(changes.map(({ payload }) => payload.peers[0].state.at)).toEqual([1, 1_000]);
    a.close();
    b.close();
  });

  it("[CL-8] [AU-6] is not part of windows: after a flood of it a draft is decided at once", async () => {
    const room = fresh();
    const a = await joined(room, "a");
    const heads = await runInDurableObject(stubOf(room), (instance, ctx) => {
      const ws = socketOf(ctx, "a");
      for (let at = 1; at <= 100; at++) instance.webSocketMessage(ws, frameOf({ at }));
      const before = head(ctx);
      const payload = { draftId: "d", event: { type: "set", payload: { target: "n", value: 1 } } };
      instance.webSocketMessage(ws, JSON.stringify({ id: "m", type: "submit_event", timestamp: 1, payload }));
      return [before, head(ctx)];
    });
    expect(heads).toEqual([0, 1]);
    a.close();
  });

  it("[CL-8] of a closed socket is not restored when the partition wakes", async () => {
    const room = fresh();
    const [a, b] = [await joined(room, "a"), await joined(room, "b")];
    a.raw(frameOf({ at: 1 }));
    await until(b, { a: { at: 1 } });
    const attachment = await runInDurableObject(stubOf(room), (instance, ctx) => {
      const ws = socketOf(ctx, "a");
      instance.webSocketMessage(ws, "x".repeat(bounds.frameBytesMax + 1));
      return ws.deserializeAttachment();
    });
    expect(attachment).toBeNull();
    await until(b, {});
    expect(await a.closing()).toMatchObject({ code: 1009 });
    b.close();
  });

  it(
    "[CL-8] [LC-7] counts as sent: a client that reads nothing is disconnected by it, and reported as gone",
    { timeout: 20_000 },
    async () => {
      const room = fresh();
      const [deaf, watcher, writer] = [
        await joined(room, "deaf"),
        await joined(room, "watcher"),
        await Wire.connected(room, "writer"),
      ];
      deaf.raw(frameOf({ here: true }));
      await until(watcher, { deaf: { here: true } });
      const { peerId } = presences(watcher).at(-1).payload.peers[0];
      // Almost the bytes that a client may leave unread; presence adds the rest.
      const sent = () => watcher.frames.reduce((sum, { length }) => sum + length, 0);
      for (let at = 1; sent() < bounds.unreadBytesMax - 128 * 1024; at++) {
        await writer.submit(`d${at}`, "set", { target: "n", value: "x".repeat(60_000) });
      }
      watcher.raw(heartbeat);
      await watcher.until(() => watcher.frames.at(-1) === heartbeat);
      expect(deaf.closed).toBeUndefined();
      const peers = await Promise.all(Array.from({ length: 20 }, (_, at) => joined(room, `p${at}`)));
      const text = "x".repeat(bounds.presenceBytesMax - 50);
      for (let round = 0; deaf.closed === undefined && round < roundsMax; round++) {
        const before = watcher.frames.length;
        for (const peer of peers) peer.raw(frameOf({ round, text }));
        await watcher.until(() => watcher.frames.slice(before).some((frame) => frame.includes(`"round":${round},`)));
      }
      expect(await deaf.closing()).toMatchObject({ code: 1013, reason: "slow_consumer" });
      await watcher.until(() => watcher.frames.some((frame) => frame.includes(`"gone":["${peerId}"]`)));
      for (const wire of [watcher, writer, ...peers]) {
        expect(wire.closed).toBeUndefined();
        wire.close();
      }
    },
  );
});

function head(ctx: DurableObjectState): number {
  const tables = ctx.storage.sql.exec("SELECT 1 FROM sqlite_master WHERE name = 'events'").toArray();
  if (tables.length === 0) return 0;
  return ctx.storage.sql.exec<{ n: number }>("SELECT count(*) AS n FROM events").one().n;
}
