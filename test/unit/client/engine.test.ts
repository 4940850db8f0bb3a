import { describe, expect, it, vi } from "vitest";
import * as z from "zod/mini";
import { memoryStore } from "../../../src/client/stores/memory.ts";
import { Replica } from "../../../src/client/sync/replica.ts";
import { defineModel } from "../../../src/model/index.ts";
import { insieme } from "../../../src/models/insieme/index.ts";
import { accepted, broadcast, event, type FakeSocket, FakeWorld, refused, rejected, settle } from "./harness.ts";

const heartbeat = '{"type":"heartbeat"}';
const title = (value: string) => ["set", { target: "title", value }] as const;

describe("the connection", () => {
  it("[CL-4] goes offline → connecting → syncing → online, and reports each status", async () => {
    const world = new FakeWorld();
    const client = world.client();
    const seen: string[] = [client.status.status];
    client.on("status", ({ status }) => seen.push(status));
    await settle();
    world.socket.accept({ head: 2, state: { title: "x" } });
    await settle();
    expect(seen).toEqual(["offline", "connecting", "syncing", "online"]);
    expect(client.state).toEqual({ title: "x" });
    expect(client.eventId).toBe(2);
    const { payload } = world.socket.of("connect")[0]!;
    expect(payload).toMatchObject({
      echo: false,
      frames: "array",
      draftIds: true,
      initialState: true,
      modelVersion: 1,
    });
  });

  it("[CL-3] reconnects with exponential backoff and full jitter, up to 30 s, and starts again after a good connection", async () => {
    const world = new FakeWorld();
    const client = world.client();
    await settle();
    const waits: number[] = [];
    for (let attempt = 0; attempt < 10; attempt++) {
      world.socket.end();
      waits.push(client.status.retryAt! - world.now);
      await world.pass(waits.at(-1)!);
      expect(world.sockets).toHaveLength(attempt + 2);
    }
    expect(waits).toEqual([125, 250, 500, 1_000, 2_000, 4_000, 8_000, 15_000, 15_000, 15_000]);
    // Online only for a moment: this does not reset the backoff.
    world.socket.accept();
    await settle();
    world.socket.end();
    expect(client.status.retryAt! - world.now).toBe(15_000);
    await world.pass(15_000);
    world.socket.accept();
    await world.pass(10_000);
    world.socket.end();
    expect(client.status.retryAt! - world.now).toBe(125);
    world.random = 0.999;
    await world.pass(125);
    world.socket.end();
    expect(client.status.retryAt! - world.now).toBe(500);
  });

  it("[CL-3] [LC-5] waits as long as draining, or the hint of a refusal, asks for", async () => {
    const world = new FakeWorld();
    const client = await world.online();
    world.socket.say({ type: "draining", payload: { reconnectAfterMs: 7_000 } });
    expect(client.status).toMatchObject({ status: "offline", reason: "draining" });
    expect(client.status.retryAt! - world.now).toBe(7_125);
    await world.pass(7_125);
    world.socket.open();
    const connect = world.socket.of("connect")[0]!;
    world.socket.say(refused(connect, "overloaded", { retryable: true, retryAfter: 3 }));
    expect(client.status.retryAt! - world.now).toBe(3_250);
  });

  it("[LC-11] [CL-3] says that the partition is read-only, and sends what has waited when that ends", async () => {
    const world = new FakeWorld();
    const client = await world.online();
    expect(world.socket.of("connect")[0]!.payload["readOnly"]).toBe(true);
    const said: unknown[] = [];
    client.on("status", ({ status, readOnly }) => said.push([status, readOnly]));
    world.socket.say({ type: "read_only", payload: { readOnly: true } });
    expect(client.status).toMatchObject({ status: "online", readOnly: true });
    const verdict = client.submit(...title("a"));
    await settle();
    const [sent] = world.socket.of("submit_event");
    world.socket.say(refused(sent!, "read_only", { retryable: true, retryAfter: 30 }));
    expect(client.status.held).toMatchObject({ code: "read_only", key: sent!.payload["draftId"] });
    // It stays in the view, and nothing is sent before the time.
    expect(client.pending).toHaveLength(1);
    await world.pass(1_000);
    expect(world.socket.of("submit_event")).toHaveLength(1);
    world.socket.say({ type: "read_only", payload: { readOnly: false } });
    await settle();
    expect(client.status.readOnly).toBe(false);
    expect(world.socket.of("submit_event")).toHaveLength(2);
    expect(said.at(0)).toEqual(["online", true]);
    world.socket.say(accepted(world.socket.of("submit_event")[1]!, 1));
    await expect(verdict).resolves.toMatchObject({ status: "accepted" });
  });

  it("[CL-3] gets a new token for each attempt, and tries again if that fails", async () => {
    const world = new FakeWorld();
    let count = 0;
    const token = () => {
      if (++count === 2) throw new Error("the issuer is down");
      return `token-${count}`;
    };
    const engine = { url: "ws://server/ws", token, presence: false };
    world.client({ engine });
    await settle();
    world.socket.open();
    expect(world.socket.protocols).toEqual(["partita", "bearer.token-1"]);
    world.socket.end();
    await world.pass(125);
    expect(world.sockets).toHaveLength(1);
    await world.pass(250);
    world.socket.open();
    expect(world.socket.protocols).toEqual(["partita", "bearer.token-3"]);
    expect(JSON.stringify(world.socket.sent)).not.toContain("token");
  });

  it.each(["unauthenticated", "auth_expired", "auth_revoked"])(
    "[CL-3] [AU-4] reconnects with a new token after %s, at the upgrade and later",
    async (code) => {
      const world = new FakeWorld();
      const client = world.client();
      await settle();
      world.socket.open();
      world.socket.say({ type: "error", payload: { message: "no", code, detail: "no" } });
      expect(client.status).toMatchObject({ status: "offline", reason: "refused", problem: { code } });
      await world.pass(125);
      world.socket.accept();
      const verdict = client.submit(...title("a"));
      world.socket.say(refused(world.socket.of("submit_event")[0]!, code));
      expect(client.status).toMatchObject({ status: "offline", reason: "refused" });
      await world.pass(250);
      world.socket.accept();
      world.socket.say(accepted(world.socket.of("submit_event")[0]!, 1));
      expect(await verdict).toMatchObject({ status: "accepted" });
    },
  );

  it("[CL-4] closes with the reason when the upgrade is refused for good", async () => {
    const world = new FakeWorld();
    const client = world.client();
    await settle();
    world.socket.open();
    world.socket.say({ type: "error", payload: { message: "no", code: "forbidden", detail: "no" } });
    expect(client.status).toMatchObject({ status: "closed", reason: "refused", problem: { code: "forbidden" } });
  });

  it("[CL-3] reconnects if a heartbeat or a connect is not answered", async () => {
    const world = new FakeWorld();
    const client = await world.online();
    await world.pass(20_000);
    expect(world.socket.bare).toEqual(['{"type":"heartbeat"}']);
    world.socket.frame('{"type":"heartbeat"}');
    await world.pass(19_999);
    expect(client.status.status).toBe("online");
    await world.pass(1 + 10_000);
    expect(world.sockets[0]!.closed).toBe(true);
    expect(client.status.status).not.toBe("online");
    await world.pass(200);
    expect(world.sockets).toHaveLength(2);
    world.socket.open();
    await world.pass(10_000);
    expect(world.sockets[1]!.closed).toBe(true);
  });

  it("[CL-3] [CL-14] an offline event is a hint: a connection that answers is kept, one that does not is lost within four seconds", async () => {
    const world = new FakeWorld();
    const client = await world.online();
    world.reachability!.offline();
    expect(world.socket.bare).toEqual([heartbeat]);
    await world.pass(1_000);
    world.socket.frame(heartbeat);
    await world.pass(15_000);
    expect(client.status.status).toBe("online");
    expect(world.sockets).toHaveLength(1);

    world.reachability!.offline();
    await world.pass(4_000);
    expect(client.status).toMatchObject({ status: "offline", reason: "network_offline" });
    expect(world.sockets[0]!.closed).toBe(true);
  });

  it("[CL-3] [CL-14] while the browser reports no network, attempts go on, but seldom; and at once when it is back", async () => {
    const world = new FakeWorld();
    const client = await world.online();
    world.reachability!.offline();
    await world.pass(4_000);
    expect(client.status.retryAt! - world.now).toBeGreaterThan(14_000);
    await world.pass(5 * 60_000);
    const attempts = world.sockets.length - 1;
    expect(attempts).toBeGreaterThan(3);
    expect(attempts).toBeLessThan(20);
    // The browser was wrong: this attempt works, and nothing ends it.
    await world.pass(client.status.status === "offline" ? client.status.retryAt! - world.now : 0);
    world.socket.accept();
    await settle();
    expect(client.status.status).toBe("online");

    const other = new FakeWorld();
    await other.online();
    other.reachability!.offline();
    await other.pass(4_000);
    other.reachability!.online();
    expect(other.sockets).toHaveLength(2);
    // An event while it waits for its next attempt makes that later, too.
    other.socket.end();
    other.reachability!.offline();
    await other.pass(14_000);
    expect(other.sockets).toHaveLength(2);
  });

  it("[CL-3] [CL-14] a page that is visible again, or a machine that has slept, connects at once, or finds out whether its connection works", async () => {
    const world = new FakeWorld();
    const client = await world.online();
    for (let lost = 0; lost < 6; lost++) {
      world.socket.end();
      await world.pass(client.status.retryAt! - world.now);
    }
    world.socket.end();
    const before = world.sockets.length;
    world.reachability!.visible();
    expect(world.sockets).toHaveLength(before + 1);
    world.socket.accept();
    await settle();
    world.reachability!.visible();
    await world.pass(1_000);
    // A probe that is under way decides.
    world.reachability!.visible();
    expect(world.socket.bare).toEqual([heartbeat]);
    await world.pass(3_000);
    expect(client.status).toMatchObject({ status: "offline", reason: "connection_lost" });
  });

  it("[CL-4] pauses, resumes, and closes without leaving timers or listeners", async () => {
    const world = new FakeWorld();
    const client = await world.online();
    client.pause();
    expect(client.status).toMatchObject({ status: "offline", reason: "paused" });
    const verdict = client.submit(...title("a"));
    await world.pass(60_000);
    expect(world.sockets).toHaveLength(1);
    client.resume();
    world.socket.accept();
    await settle();
    expect(world.socket.of("submit_event")).toHaveLength(1);
    await client.close();
    expect(client.status).toMatchObject({ status: "closed", reason: "closed" });
    expect(await verdict).toEqual({ status: "undecided" });
    expect(world.timers).toBe(0);
    expect(world.reachability).toBeUndefined();
    await expect(client.submit(...title("b"))).rejects.toThrow("closed");
  });

  it.each([
    [
      "refuses its model",
      undefined,
      (socket: FakeSocket) => socket.say(refused(socket.of("connect")[0]!, "upgrade_required")),
    ],
    [
      "refuses its connect",
      undefined,
      (socket: FakeSocket) => socket.say(refused(socket.of("connect")[0]!, "bad_request")),
    ],
    [
      "has an older model",
      1,
      (socket: FakeSocket) =>
        socket.say({
          type: "connected",
          inReplyTo: socket.of("connect")[0]!.id,
          payload: { serverId: "log-1", currentEventIndex: 4, modelVersion: 1 },
        }),
    ],
  ])(
    "[CL-14] [CL-4] [MD-5] [LC-5] an application that is newer than a server that %s waits, says which version that has if it is known, sends nothing, and goes on when the server has caught up",
    async (_, modelVersion, refuse) => {
      const world = new FakeWorld();
      const client = world.client({ model: { ...insieme, version: 2 } });
      void client.submit(...title("a"));
      await settle();
      for (let attempt = 0; attempt < 4; attempt++) {
        expect(world.sockets).toHaveLength(attempt + 1);
        world.socket.open();
        refuse(world.socket);
        const waits = { status: "offline", reason: "upgrade_required", waiting: "server" };
        expect(client.status).toMatchObject({ ...waits, ...(modelVersion && { modelVersion }) });
        // Where it is not known, the server has said both.
        expect(client.status.problem?.detail).toBe(modelVersion ? undefined : "no");
        expect(client.status.held?.detail).toBe(modelVersion ? "The server is being updated." : "no");
        expect(world.socket.of("submit_event")).toEqual([]);
        expect(client.status.retryAt! - world.now).toBeGreaterThanOrEqual(15_000);
        await world.pass(client.status.retryAt! - world.now);
      }
      world.socket.accept();
      await settle();
      expect(client.status).toEqual({ status: "online", reason: "ok", loaded: true, serverTime: expect.any(Number) });
      expect(world.socket.of("submit_event")).toHaveLength(1);
    },
  );

  it("[CL-14] [CL-13] [MD-5] an application with another model than the partition says which model each has, sends nothing, and tries again", async () => {
    const world = new FakeWorld();
    const client = world.client();
    void client.submit(...title("a"));
    await settle();
    for (let attempt = 0; attempt < 3; attempt++) {
      world.socket.open();
      const connect = world.socket.of("connect")[0]!;
      expect(connect.payload).toMatchObject({ model: "insieme", modelVersion: 1 });
      const refusal = refused(connect, "model_mismatch");
      const problem = { retryable: true, retryAfter: 30, detail: 'This partition has the model "seats".' };
      Object.assign(refusal.payload, problem);
      world.socket.say(refusal);
      expect(client.status).toMatchObject({ status: "offline", reason: "refused", problem });
      expect(client.status.waiting).toBeUndefined();
      expect(client.status.held).toMatchObject({ code: "model_mismatch", detail: problem.detail });
      expect(client.pending[0]!.failure).toMatchObject({ code: "model_mismatch", detail: problem.detail });
      expect(world.socket.of("submit_event")).toEqual([]);
      expect(client.status.retryAt! - world.now).toBeGreaterThanOrEqual(30_000);
      await world.pass(client.status.retryAt! - world.now);
    }
    world.socket.accept();
    await settle();
    expect(client.status).toMatchObject({ status: "online", reason: "ok" });
    expect(client.pending[0]!.failure).toBeUndefined();
    expect(world.socket.of("submit_event")).toHaveLength(1);
  });

  it("[CL-14] [MD-5] an application that is older than the server stands still and says so, and its drafts are sent and decided", async () => {
    const world = new FakeWorld();
    const store = memoryStore();
    const client = await world.online({ store }, { head: 1, state: { title: "old" } });
    world.socket.end();
    await world.pass(client.status.retryAt! - world.now);
    const [first, second] = [client.submit(...title("mine")), client.submit("set", { target: "other", value: 1 })];
    world.socket.open();
    const connect = world.socket.of("connect")[0]!;
    expect(connect.payload).toMatchObject({ modelVersion: 1, otherModel: true });
    const payload = { serverId: "log-1", currentEventIndex: 7, modelVersion: 2, limits: { inFlightMax: 10 } };
    world.socket.say({ type: "connected", inReplyTo: connect.id, payload });
    const still = { status: "online", reason: "upgrade_required", waiting: "reload", modelVersion: 2, loaded: true };
    expect(client.status).toEqual({ ...still, serverTime: expect.any(Number) });
    // Its state is of another model than the server's: they are not compared.
    expect(await client.verify()).toBeUndefined();
    expect(world.socket.of("hash")).toEqual([]);
    await settle();
    const [mine, other] = world.socket.of("submit_event");
    world.socket.say(accepted(mine!, 8), rejected(other!));
    expect([(await first).status, (await second).status]).toEqual(["accepted", "rejected"]);
    // It stays in the view, although its event does not come; nothing else does.
    expect(client.state).toEqual({ title: "mine" });
    world.socket.say(broadcast(9, "set", { target: "new", value: 1 }), {
      type: "head",
      payload: { currentEventIndex: 9 },
    });
    await world.pass(10_000);
    expect([client.state, client.eventId]).toEqual([{ title: "mine" }, 1]);
    expect(client.status).toEqual({ ...still, serverTime: expect.any(Number) });
    expect(world.socket.of("sync")).toEqual([]);
    // What was rejected is kept until it is discarded.
    const { entries } = await (await store("server/room/ada")).load();
    expect(entries.map(({ parked }) => parked?.code)).toEqual(["validation_failed"]);

    // Over connections, too.
    world.socket.end();
    expect(client.status).toMatchObject({ status: "offline", waiting: "reload" });
    await world.pass(client.status.retryAt! - world.now);
    world.socket.open();
    expect(world.socket.of("connect")[0]!.payload.sinceEventId).toBeUndefined();
    expect(await client.verify()).toBeUndefined();
  });

  it("[CL-7] [CL-14] settles where no hash can be made, as on a page that is not secure", async () => {
    const world = new FakeWorld();
    const ports = { ...world.ports, sha256: () => Promise.reject(new TypeError("no crypto.subtle")) };
    const client = await world.online({ ports });
    const verified = client.verify();
    await settle();
    const { id } = world.socket.of("hash")[0]!;
    world.socket.say({ type: "hash", inReplyTo: id, payload: { eventIndex: 0, sha256: "x" } });
    expect(await verified).toBeUndefined();
    expect(client.status.status).toBe("online");
  });

  it("[CL-14] [MD-4] an event that the model here cannot fold makes the view stand still, in pages and in broadcasts", async () => {
    const world = new FakeWorld();
    const client = await world.online();
    const unknown = event(2, "set", { target: "title", value: "new" });
    unknown.event.version = 99;
    const verdict = client.submit("set", { target: "mine", value: 1 });
    await settle();
    const known = event(1, "set", { target: "title", value: "one" });
    world.socket.say({ type: "broadcast", payload: known }, { type: "broadcast", payload: unknown });
    world.socket.say(accepted(world.socket.of("submit_event")[0]!, 3));
    expect((await verdict).status).toBe("accepted");
    const still = { status: "online", reason: "upgrade_required", waiting: "reload", loaded: true };
    expect(client.status).toEqual({ ...still, serverTime: expect.any(Number) });
    expect(client.state).toEqual({ title: "one", mine: 1 });
    expect(world.socket.closed).toBe(false);

    const paged = new FakeWorld();
    const reader = await paged.online();
    paged.socket.end();
    await paged.pass(reader.status.retryAt! - paged.now);
    paged.socket.open();
    const { id } = paged.socket.of("connect")[0]!;
    paged.socket.say(
      { type: "connected", inReplyTo: id, payload: { serverId: "log-1", currentEventIndex: 9 } },
      paged.socket.page(id, [known, unknown], 9, true),
    );
    expect(reader.status).toEqual({ ...still, serverTime: expect.any(Number) });
    expect(paged.socket.of("sync")).toEqual([]);
    await paged.pass(15_000);
    expect(reader.status.status).toBe("online");
  });

  it.each(["not json", "{", "[1]", '{"type":"x"}', '{"type":"connected","payload":{}}extra', new ArrayBuffer(2)])(
    "[CL-3] ends a connection that sends %s, and reconnects",
    async (frame) => {
      const world = new FakeWorld();
      const client = await world.online();
      world.socket.frame(frame);
      expect(world.socket.closed).toBe(true);
      expect(client.status).toMatchObject({ status: "offline", reason: "protocol_error" });
      await world.pass(125);
      world.socket.accept();
      expect(client.status.status).toBe("online");
    },
  );
});

describe("syncing", () => {
  it("[CL-4] [MD-5] shows confirmed events with payloads of the current version, which the application knows", async () => {
    const notes = defineModel({
      name: "notes",
      version: 1,
      initialState: () => ({ text: "" }),
      events: {
        write: {
          version: 2,
          payload: z.strictObject({ text: z.string() }),
          upcast: { 1: ({ words }) => ({ text: (words as string[]).join(" ") }) },
          reduce: (state, { payload }) => void (state.text = payload.text),
        },
      },
    });
    const world = new FakeWorld();
    const client = await world.online({ model: notes }, { state: notes.initialState() });
    const confirmed: unknown[] = [];
    client.on("confirmed", ({ events }) => confirmed.push(...events.map((one) => [one.eventId, one.event])));
    world.socket.say(broadcast(1, "write", { words: ["an", "old", "one"] }));
    const current = event(2, "write", { text: "a new one" });
    world.socket.say({ type: "broadcast", payload: { ...current, event: { ...current.event, version: 2 } } });
    expect(confirmed).toMatchObject([
      [1, { type: "write", version: 2, payload: { text: "an old one" } }],
      [2, { type: "write", version: 2, payload: { text: "a new one" } }],
    ]);
    await client.close();
  });

  it("[WP-5] [WP-6] folds broadcasts in order, ignores known events, and requests missing events", async () => {
    const world = new FakeWorld();
    const client = await world.online();
    const confirmed: number[] = [];
    client.on("confirmed", ({ events }) => confirmed.push(...events.map(({ eventId }) => eventId)));
    world.socket.say(broadcast(1, ...title("1")));
    world.socket.say(broadcast(1, ...title("again")));
    expect(client.eventId).toBe(1);
    world.socket.say(broadcast(3, ...title("3")));
    expect(client.eventId).toBe(1);
    const [sync] = world.socket.of("sync");
    expect(sync!.payload).toEqual({ sinceEventId: 1, proof: "t1700000000001", maxBytes: 1024 * 1024 });
    world.socket.say(world.socket.page(sync!.id, [event(2, ...title("2")), event(3, ...title("3"))], 3));
    expect(client.eventId).toBe(3);
    expect(confirmed).toEqual([1, 2, 3]);
    expect(client.state).toEqual({ title: "3" });
    expect(client.status.status).toBe("online");
  });

  it("[WP-6] catches up by pages after a reconnect, from the cursor", async () => {
    const world = new FakeWorld();
    const client = await world.online({}, { head: 4, state: { title: "4" } });
    world.socket.end();
    await world.pass(125);
    world.socket.open();
    const connect = world.socket.of("connect")[0]!;
    expect(connect.payload).toMatchObject({ sinceEventId: 4 });
    world.socket.say(
      { type: "connected", inReplyTo: connect.id, payload: { serverId: "log-1", currentEventIndex: 6 } },
      world.socket.page(connect.id, [event(5, ...title("5"))], 6, true),
    );
    expect(client.status.status).toBe("syncing");
    const [sync] = world.socket.of("sync");
    expect(sync!.payload).toEqual({ sinceEventId: 5, proof: "t1700000000005", maxBytes: 1024 * 1024 });
    world.socket.say(world.socket.page(sync!.id, [event(6, ...title("6"))], 6));
    expect(client.status.status).toBe("online");
    expect(client.state).toEqual({ title: "6" });
  });

  it("[WP-11] drops the confirmed state if the log was replaced, and submits undecided drafts again", async () => {
    const world = new FakeWorld();
    const client = await world.online({}, { head: 4, state: { old: true } });
    const resets: string[] = [];
    client.on("reset", ({ why }) => resets.push(why));
    client.pause();
    const verdict = client.submit(...title("mine"));
    client.resume();
    world.socket.accept({ serverId: "log-2", head: 9 });
    await settle();
    expect(world.sockets).toHaveLength(3);
    world.socket.accept({ serverId: "log-2", head: 1, state: { fresh: true } });
    await settle();
    expect(resets).toEqual(["log_replaced"]);
    expect(client.state).toEqual({ fresh: true, title: "mine" });
    world.socket.say(accepted(world.socket.of("submit_event")[0]!, 2));
    expect(await verdict).toMatchObject({ status: "accepted", eventId: 2 });
  });

  it("[WP-11] fetches the state if the server is behind its cursor", async () => {
    const world = new FakeWorld();
    const client = await world.online({}, { head: 4, state: { old: true } });
    world.socket.end();
    await world.pass(125);
    world.socket.open();
    world.socket.say(refused(world.socket.of("connect")[0]!, "cursor_ahead", { currentEventIndex: 2 }));
    world.socket.accept({ head: 2, state: { older: true } });
    expect(client.eventId).toBe(2);
    expect(client.state).toEqual({ older: true });
  });

  it("[WP-11] [BD-8] proves its last event, and drops its base, but no draft, if the log is another one", async () => {
    const world = new FakeWorld();
    const client = await world.online({}, { head: 1, more: { proof: "first" } });
    const resets: string[] = [];
    client.on("reset", ({ why }) => resets.push(why));
    /** Reconnects, and returns the position that the client states. */
    const reconnected = async () => {
      world.socket.end();
      await world.pass(5_000);
      world.socket.open();
      const { sinceEventId, proof } = world.socket.of("connect")[0]!.payload;
      return [sinceEventId, proof];
    };
    expect(world.socket.of("connect")[0]!.payload).toMatchObject({ proofs: true, initialState: true });
    expect(await reconnected()).toEqual([1, "first"]);
    const connect = world.socket.of("connect")[0]!;
    const page = world.socket.page(connect.id, [event(2, ...title("2")), event(3, ...title("3"))], 3);
    Object.assign(page.payload, { proof: "paged" });
    const connected = { serverId: "log-1", currentEventIndex: 3, proof: "paged" };
    world.socket.say({ type: "connected", inReplyTo: connect.id, payload: connected }, page);
    expect(await reconnected()).toEqual([3, "paged"]);
    world.socket.accept({ head: 3, more: { proof: "paged" } });
    await settle();
    const broadcasted = broadcast(4, ...title("4"));
    world.socket.say({ ...broadcasted, payload: { ...broadcasted.payload, proof: "broadcast" } });
    expect(await reconnected()).toEqual([4, "broadcast"]);
    world.socket.accept({ head: 4, more: { proof: "broadcast" } });
    await settle();
    const own = client.submit(...title("mine"));
    const answer = accepted(world.socket.of("submit_event")[0]!, 5);
    world.socket.say({ ...answer, payload: { ...answer.payload, proof: "accepted" } });
    expect(await own).toMatchObject({ status: "accepted", eventId: 5 });
    const waiting = client.submit("set", { target: "waiting", value: 1 });
    expect(await reconnected()).toEqual([5, "accepted"]);
    world.socket.say(refused(world.socket.of("connect")[0]!, "log_replaced"));
    await settle();
    expect(resets).toEqual([]);
    world.socket.accept({ head: 8, state: { title: "restored" }, more: { proof: "restored" } });
    await settle();
    expect(resets).toEqual(["log_replaced"]);
    // What was accepted in the lost log is lost; what was not, is sent under its key.
    const [sent, ...others] = world.socket.of("submit_event");
    expect(others).toEqual([]);
    world.socket.say(accepted(sent!, 9));
    expect(await waiting).toMatchObject({ status: "accepted", eventId: 9 });
    expect(client.state).toEqual({ title: "restored", waiting: 1 });
    // By a server that sends no proofs, the time of the event is the proof.
    expect(await reconnected()).toEqual([9, "t1700000000009"]);
  });

  it.each([
    ["drops it for the state of a server that has proofs", { proof: "theirs" }, ["far_behind"], { from: "server" }],
    ["goes on with a server that has none", {}, [], { from: "store" }],
  ])("[WP-11] with a base that an earlier version has saved, %s", async (_, more, why, state) => {
    const world = new FakeWorld();
    const open = memoryStore();
    const store = await open("server/room/ada");
    await store.saveBase({ serverId: "log-1", eventId: 3, modelVersion: 1, state: '{"from":"store"}' });
    const client = world.client({ store: open });
    const resets: string[] = [];
    client.on("reset", (reset) => resets.push(reset.why));
    await settle();
    world.socket.accept({ head: 3, more });
    await settle();
    if (why.length > 0) world.socket.accept({ head: 3, state: { from: "server" }, more });
    await settle();
    expect([client.status.status, client.state, resets]).toEqual(["online", state, why]);
  });

  it("[BD-3] [WP-3] [WP-11] loads a large state in chunks, two at a time, and then the events after it", async () => {
    const world = new FakeWorld();
    const client = world.client();
    await settle();
    world.socket.open();
    const connect = world.socket.of("connect")[0]!;
    expect(connect.payload).toMatchObject({ initialState: true, stateChunks: true });
    const snapshot = { eventIndex: 5, chunks: 3, bytes: 13, proof: "p5" };
    world.socket.say({
      type: "connected",
      inReplyTo: connect.id,
      payload: { serverId: "log-1", currentEventIndex: 7, proof: "p7", snapshot },
    });
    await settle();
    const asked = () => world.socket.of("state_chunk").map(({ payload }) => payload.chunk);
    const answer = (at: number, text: string) => {
      const { id, payload } = world.socket.of("state_chunk")[at]!;
      world.socket.say({ type: "state_chunk", inReplyTo: id, payload: { ...payload, text } });
    };
    expect(asked()).toEqual([0, 1]);
    const verdict = client.submit(...title("mine"));
    await world.pass(15_000);
    answer(0, '{"title');
    // Twice, as the network may send it, and one that was not requested.
    answer(0, '{"title');
    world.socket.say({ type: "state_chunk", inReplyTo: "other", payload: { eventIndex: 4, chunk: 2, text: "?" } });
    expect(asked()).toEqual([0, 1, 2]);
    // Over a rate it waits, and requests again what has not arrived.
    for (const request of world.socket.of("state_chunk").slice(1))
      world.socket.say(refused(request, "rate_limited", { retryable: true, retryAfter: 15 }));
    await world.pass(15_000);
    expect(asked()).toEqual([0, 1, 2, 1, 2]);
    // The whole takes longer than an answer may take.
    world.socket.frame('{"type":"heartbeat"}');
    await world.pass(15_000);
    answer(3, '":"5');
    expect([client.status.status, client.loaded, client.eventId]).toEqual(["syncing", false, 0]);
    answer(4, '"}');
    expect([client.loaded, client.eventId, world.socket.of("submit_event")]).toEqual([true, 5, []]);
    const [sync] = world.socket.of("sync");
    expect(sync!.payload).toEqual({ sinceEventId: 5, proof: "p5", maxBytes: 1024 * 1024 });
    world.socket.say(world.socket.page(sync!.id, [event(6, ...title("6")), event(7, ...title("7"))], 7));
    expect(client.status.status).toBe("online");
    await settle();
    world.socket.say(accepted(world.socket.of("submit_event")[0]!, 8));
    expect(await verdict).toMatchObject({ status: "accepted", eventId: 8 });
    expect(world.sockets).toHaveLength(1);
  });

  it("[BD-3] requests a chunk again that was over a rate, although the other one has arrived", async () => {
    const world = new FakeWorld();
    const client = world.client();
    await settle();
    world.socket.open();
    const snapshot = { eventIndex: 5, chunks: 3, bytes: 13, proof: "p5" };
    const payload = { serverId: "log-1", currentEventIndex: 5, proof: "p5", snapshot };
    world.socket.say({ type: "connected", inReplyTo: world.socket.of("connect")[0]!.id, payload });
    await settle();
    const asked = () => world.socket.of("state_chunk").map(({ payload: { chunk } }) => chunk);
    const answer = (at: number, text: string) => {
      const request = world.socket.of("state_chunk")[at]!;
      world.socket.say({ type: "state_chunk", inReplyTo: request.id, payload: { ...request.payload, text } });
    };
    const first = world.socket.of("state_chunk")[0]!;
    world.socket.say(refused(first, "rate_limited", { retryable: true, retryAfter: 1 }));
    answer(1, '":"5');
    expect(asked()).toEqual([0, 1, 2]);
    answer(2, '"}');
    await world.pass(1_000);
    expect(asked()).toEqual([0, 1, 2, 0]);
    answer(3, '{"title');
    expect([client.eventId, client.state, world.sockets.length]).toEqual([5, { title: "5" }, 1]);
  });

  it("[BD-3] begins a load again if the snapshot is replaced, a chunk does not come, or the connection is lost", async () => {
    const world = new FakeWorld();
    const client = world.client();
    await settle();
    const begin = async (eventIndex: number, chunks: number) => {
      world.socket.open();
      const [connect] = world.socket.of("connect");
      expect(connect!.payload).toMatchObject({ initialState: true });
      const snapshot = { eventIndex, chunks, bytes: 2 };
      const payload = { serverId: "log-1", currentEventIndex: 70_000, snapshot };
      world.socket.say({ type: "connected", inReplyTo: connect!.id, payload });
      await settle();
    };
    await begin(5, 2);
    world.socket.say(refused(world.socket.of("state_chunk")[0]!, "snapshot_replaced"));
    await world.pass(1_000);
    await begin(6, 2);
    world.socket.end();
    await world.pass(1_000);
    await begin(6, 2);
    await world.pass(21_000);
    expect(world.sockets).toHaveLength(4);
    // Without a stored snapshot it begins with the model's initial state. However many events follow, it folds them.
    await begin(0, 0);
    const [sync] = world.socket.of("sync");
    expect(sync!.payload).toEqual({ sinceEventId: 0, maxBytes: 256 * 1024 });
    world.socket.say(world.socket.page(sync!.id, [event(1, ...title("1"))], 70_000, true));
    expect([client.eventId, client.state, world.socket.of("sync").length]).toEqual([1, { title: "1" }, 2]);
  });

  it("[LC-7] acknowledges at half of its credit, and requests events when it gets only the head", async () => {
    const world = new FakeWorld();
    const client = await world.online();
    expect(world.socket.of("connect")[0]!.payload.credit).toBe(1024 * 1024);
    const long = "x".repeat(300 * 1024);
    world.socket.say(broadcast(1, ...title(long)));
    expect(world.socket.of("ack")).toHaveLength(0);
    world.socket.say(broadcast(2, ...title(long)));
    expect(world.socket.of("ack").map(({ payload }) => payload)).toEqual([{ eventId: 2 }]);
    world.socket.say({ type: "head", payload: { currentEventIndex: 5 } });
    expect(client.status.status).toBe("syncing");
    expect(world.socket.of("sync")[0]!.payload).toEqual({
      sinceEventId: 2,
      proof: "t1700000000002",
      maxBytes: 1024 * 1024,
    });
  });

  it("[BD-4] returns a probe at once, and says where it is", async () => {
    const world = new FakeWorld();
    await world.online();
    expect(world.socket.of("connect")[0]!.payload.probes).toBe(true);
    world.socket.say(broadcast(1, ...title("a")), { type: "probe", payload: { probe: "p1" } });
    expect(world.socket.of("ack").map(({ payload }) => payload)).toEqual([{ eventId: 1, probe: "p1" }]);
  });

  it.each([
    ["too_expensive", {}],
    ["rate_limited", { retryable: true, retryAfter: 5 }],
  ])("[CL-7] a hash that is refused as %s is no comparison, and ends nothing", async (code, more) => {
    const world = new FakeWorld();
    const client = await world.online({}, { head: 1, state: { a: 1 } });
    const check = client.verify();
    await settle();
    world.socket.say(refused(world.socket.of("hash")[0]!, code, more));
    expect(await check).toBeUndefined();
    for (let at = 0; at < 3; at++) {
      await world.pass(19_000);
      world.socket.frame('{"type":"heartbeat"}');
    }
    expect([client.status.status, world.sockets.length]).toEqual(["online", 1]);
  });

  it("[CL-7] compares its confirmed state with the server's, and fetches it if they differ", async () => {
    const world = new FakeWorld();
    const client = await world.online({}, { head: 1, state: { a: 1 } });
    void client.submit(...title("pending"));
    const check = client.verify();
    await settle();
    const [ask] = world.socket.of("hash");
    world.socket.say({ type: "hash", inReplyTo: ask!.id, payload: { eventIndex: 1, sha256: 'sha({"a":1})' } });
    expect(await check).toBe(true);
    const again = client.verify();
    await settle();
    world.socket.say({
      type: "hash",
      inReplyTo: world.socket.of("hash")[1]!.id,
      payload: { eventIndex: 1, sha256: 'sha({"a":2})' },
    });
    expect(await again).toBe(false);
    world.socket.accept({ head: 1, state: { a: 2 } });
    expect(client.state).toEqual({ a: 2 });
    const lost = client.verify();
    await settle();
    world.socket.end();
    expect(await lost).toBeUndefined();
  });

  it.each([
    ["too_expensive", false],
    ["rate_limited", true],
    ["quarantined", true],
  ])(
    "[CL-7] [BD-1] does not know whether it differs if the server answers %s, and stays connected",
    async (code, retryable) => {
      const world = new FakeWorld();
      const client = await world.online({}, { head: 1, state: { a: 1 } });
      const check = client.verify();
      await settle();
      const [ask] = world.socket.of("hash");
      world.socket.say({ type: "error", inReplyTo: ask!.id, payload: { code, retryable, retryAfter: 1 } });
      expect(await check).toBeUndefined();
      expect(client.status.status).toBe("online");
      // It waits for no other answer, which would end the connection.
      await world.pass(15_000);
      expect(world.sockets).toHaveLength(1);
      expect(client.state).toEqual({ a: 1 });
    },
  );
});

describe("the queue", () => {
  it("[CL-6] [CL-1] shows a draft at once, and resolves its verdict when its event is in the state", async () => {
    const world = new FakeWorld();
    const client = await world.online();
    const verdict = client.submit(...title("mine"));
    expect(client.state).toEqual({ title: "mine" });
    expect(client.eventId).toBe(0);
    const [sent] = world.socket.of("submit_event");
    // The verdict arrives before the events of others in the same window.
    world.socket.say(accepted(sent!, 2), broadcast(1, ...title("theirs")));
    expect(await verdict).toMatchObject({ status: "accepted", eventId: 2 });
    expect(client.eventId).toBe(2);
    expect(client.state).toEqual({ title: "mine" });
    expect(client.pending).toEqual([]);
  });

  it("[CL-6] [CL-1] a rejection is an outcome: the draft is rolled back, and drafts that depend on it are reported as fallen", async () => {
    const world = new FakeWorld();
    const client = await world.online({}, { state: { docs: { tree: [], items: {} } } });
    const reports: unknown[] = [];
    client.on("rejected", ({ entry, verdict }) => reports.push([entry.drafts[0]!.type, verdict.status]));
    client.on("fallen", ({ entries }) => reports.push(entries.map(({ failure }) => failure.errors![0]!.code)));
    const push = client.submit("treePush", { target: "docs", value: { id: "a" } });
    const below = client.submit("treePush", { target: "docs", value: { id: "b" }, options: { parent: "a" } });
    expect(client.pending.map(({ failure }) => failure)).toEqual([undefined, undefined]);
    const [first, second] = world.socket.of("submit_event");
    world.socket.say(rejected(first!, "forbidden"));
    expect(await push).toMatchObject({ status: "rejected", local: false, problem: { code: "forbidden" } });
    await settle();
    expect(reports).toEqual([["treePush", "rejected"], ["PARENT_NOT_FOUND"]]);
    // The server still has to decide it.
    expect(client.pending).toHaveLength(1);
    expect(client.pending[0]!.failure?.code).toBe("validation_failed");
    world.socket.say(rejected(second!));
    expect((await below).status).toBe("rejected");
    expect(client.state).toEqual({ docs: { tree: [], items: {} } });
  });

  it("[CL-6] does not send a draft that the model rejects", async () => {
    const world = new FakeWorld();
    const client = await world.online();
    const verdict = await client.submit("treePush", { target: "nowhere", value: { id: "a" } });
    expect(verdict).toMatchObject({
      status: "rejected",
      local: true,
      problem: { code: "validation_failed", layer: "rule" },
    });
    const shapeless = await client.submit("set", { value: 1 });
    // `zod/mini` has no language here: it would say "Invalid input" alone.
    const detail = "This cannot be sent: payload.target: Invalid input: expected string";
    expect(shapeless).toMatchObject({ status: "rejected", local: true, problem: { layer: "schema", detail } });
    const huge = await client.submit(...title("x".repeat(70_000)));
    const size = /^This takes 70\d\d\d bytes of JSON; a draft or batch may take 65536: divide it\.$/;
    const tooLarge = { code: "payload_too_large", detail: expect.stringMatching(size) };
    expect(huge).toMatchObject({ status: "rejected", local: true, problem: tooLarge });
    const unsafe = await client.submit("set", { target: "n", value: 2 ** 60 });
    expect(unsafe).toMatchObject({ status: "rejected", local: true, problem: { code: "bad_request" } });
    expect(world.socket.of("submit_event")).toEqual([]);
    expect(client.pending).toEqual([]);
  });

  it("[CL-2] [ID-14] submits undecided drafts again with the same ids, in order, on a new connection and after a reload", async () => {
    const world = new FakeWorld();
    const store = memoryStore();
    const client = await world.online({ store });
    for (const value of ["1", "2", "3"]) void client.submit(...title(value));
    const ids = world.socket.of("submit_event").map(({ payload }) => payload.draftId as string);
    expect(new Set(ids).size).toBe(3);
    world.socket.end();
    await world.pass(125);
    world.socket.accept();
    expect(world.socket.of("submit_event").map(({ payload }) => payload.draftId)).toEqual(ids);
    // The page has crashed; the next one has its queue.
    const again = world.client({ store });
    await settle();
    expect(again.state).toEqual({ title: "3" });
    world.socket.accept();
    expect(world.socket.of("submit_event").map(({ payload }) => payload.draftId)).toEqual(ids);
    world.socket.say(...world.socket.of("submit_event").map((sent, at) => accepted(sent, at + 1)));
    await settle();
    expect(again.pending).toEqual([]);
    expect((await (await store("server/room/ada")).load()).entries).toEqual([]);
  });

  it("[CL-1] removes own drafts from the pending part of the view when a page has their events: nothing is shown twice", async () => {
    const world = new FakeWorld();
    const client = await world.online({}, { state: { docs: { tree: [], items: {} } } });
    const verdict = client.submit("treePush", { target: "docs", value: { id: "a" } });
    const [sent] = world.socket.of("submit_event");
    world.socket.end();
    await world.pass(125);
    world.socket.open();
    const connect = world.socket.of("connect")[0]!;
    const own = {
      ...event(1, "treePush", sent!.payload.event.payload, "me"),
      draftId: sent!.payload.draftId as string,
    };
    world.socket.say(
      { type: "connected", inReplyTo: connect.id, payload: { serverId: "log-1", currentEventIndex: 1 } },
      world.socket.page(connect.id, [own], 1),
    );
    expect(client.pending[0]!.failure).toBeUndefined();
    expect(client.state.docs.tree).toEqual([{ id: "a", children: [] }]);
    world.socket.say(accepted(world.socket.of("submit_event")[0]!, 1));
    expect(await verdict).toMatchObject({ status: "accepted", eventId: 1 });
    expect(client.eventId).toBe(1);
  });

  it("[ER-5] [WP-12] after a temporary refusal it waits for all answers and the delay, and sends all drafts again in order", async () => {
    const world = new FakeWorld();
    const client = await world.online();
    for (const value of ["1", "2", "3"]) void client.submit(...title(value));
    const [one, two, three] = world.socket.of("submit_event");
    const hint = { retryable: true, retryAfter: 2 };
    world.socket.say(refused(one!, "storage_unavailable", hint));
    world.socket.say(refused(two!, "storage_unavailable", hint));
    await world.pass(5_000);
    // The third is not answered yet.
    expect(world.socket.of("submit_event")).toHaveLength(3);
    world.socket.say(refused(three!, "storage_unavailable", hint));
    await world.pass(1_999);
    expect(world.socket.of("submit_event")).toHaveLength(3);
    await world.pass(200);
    const again = world.socket.of("submit_event").slice(3);
    expect(again.map(({ payload }) => payload.draftId)).toEqual([one, two, three].map((sent) => sent!.payload.draftId));
    expect(client.pending).toHaveLength(3);
  });

  it("[ER-9] [ER-5] parks a draft on which the server fails, continues with the next, and sends it again only after retry", async () => {
    const world = new FakeWorld();
    const store = memoryStore();
    const client = await world.online({ store });
    const parked = client.submit(...title("1"));
    const next = client.submit("set", { target: "other", value: "2" });
    const [one, two] = world.socket.of("submit_event");
    world.socket.say(refused(one!, "draft_failed", { retryable: false }), accepted(two!, 1));
    expect(await parked).toMatchObject({ status: "parked", problem: { code: "draft_failed" } });
    expect(await next).toMatchObject({ status: "accepted" });
    expect(client.state).toEqual({ other: "2" });
    world.socket.end();
    await world.pass(125);
    world.socket.accept({ head: 1 });
    expect(world.socket.of("submit_event")).toEqual([]);
    const reloaded = world.client({ store });
    await settle();
    expect(reloaded.parked.map(({ key }) => key)).toEqual([one!.payload.draftId]);
    world.socket.accept({ head: 1, state: { other: "2" } });
    reloaded.retry(one!.payload.draftId as string);
    expect(world.socket.of("submit_event").map(({ payload }) => payload.draftId)).toEqual([one!.payload.draftId]);
    expect(reloaded.state).toEqual({ other: "2", title: "1" });
    expect(reloaded.parked).toEqual([]);
  });

  it("[CL-3] reconnects if the server skips a verdict", async () => {
    const world = new FakeWorld();
    const client = await world.online();
    void client.submit(...title("1"));
    const second = client.submit(...title("2"));
    const [, two] = world.socket.of("submit_event");
    world.socket.say(accepted(two!, 1));
    expect(client.status.status).toBe("offline");
    expect(await second).toMatchObject({ status: "accepted" });
    await world.pass(125);
    world.socket.accept({ head: 1 });
    expect(world.socket.of("submit_event").map(({ payload }) => payload.event.payload.value)).toEqual(["1"]);
  });

  it("[CL-3] reconnects if a verdict does not arrive", async () => {
    const world = new FakeWorld();
    const client = await world.online();
    void client.submit(...title("1"));
    for (let at = 0; at < 3; at++) {
      await world.pass(6_000);
      world.socket.frame('{"type":"heartbeat"}');
    }
    expect(client.status.status).toBe("online");
    await world.pass(2_000);
    expect(world.sockets[0]!.closed).toBe(true);
  });

  it("[CL-2] [CL-3] delivers a verdict although the events before it could not be applied at first", async () => {
    const world = new FakeWorld();
    const client = await world.online();
    const verdict = client.submit(...title("mine"));
    await settle();
    const acceptance = accepted(world.socket.of("submit_event")[0]!, 2);
    const confirm = vi.spyOn(Replica.prototype, "confirm").mockImplementationOnce(() => {
      throw new Error("out of memory");
    });
    world.socket.say(broadcast(1, "set", { target: "other", value: 1 }), acceptance);
    expect(client.status).toMatchObject({ status: "offline", reason: "protocol_error" });
    confirm.mockRestore();
    await world.pass(125);
    world.socket.open();
    const { id } = world.socket.of("connect")[0]!;
    const { draftId, eventId, event: own } = acceptance.payload;
    world.socket.say(
      { type: "connected", inReplyTo: id, payload: { serverId: "log-1", currentEventIndex: 2 } },
      world.socket.page(id, [event(1, "set", { target: "other", value: 1 }), { draftId, eventId, event: own }], 2),
    );
    expect(await verdict).toMatchObject({ status: "accepted", eventId: 2 });
    expect([client.state, client.pending]).toEqual([{ other: 1, title: "mine" }, []]);
    expect(world.socket.of("submit_event")).toEqual([]);
  });

  it("[CL-2] limits the drafts in flight, reports its progress, and expires what was sent long ago", async () => {
    const world = new FakeWorld();
    world.serverNow = () => world.now;
    const client = await world.online();
    const progress: number[] = [];
    client.on("progress", ({ undecided }) => progress.push(undecided));
    const old = Array.from({ length: 3 }, (_, at) => client.submit(...title(`old ${at}`)));
    await settle();
    world.socket.end();
    await world.pass(31 * 24 * 60 * 60 * 1_000);
    for (let at = 0; at < 300; at++) void client.submit(...title(`${at}`));
    while (client.status.status !== "connecting") await world.pass(1_000);
    world.socket.accept({ limits: { rejectionRetentionMs: 30 * 24 * 60 * 60 * 1_000 } });
    for (const verdict of await Promise.all(old)) expect(verdict).toEqual({ status: "expired" });
    await settle();
    expect(world.socket.of("submit_event")).toHaveLength(128);
    for (let eventId = 1; eventId <= 300; eventId++) {
      world.socket.say(accepted(world.socket.of("submit_event")[eventId - 1]!, eventId));
      // It is stored of each that it is sent.
      await settle();
    }
    expect(progress.slice(-3)).toEqual([2, 1, 0]);
    expect(client.state).toEqual({ title: "299" });
  });

  describe("where the server accepts several messages in a frame", () => {
    const limits = { frameMessagesMax: 64 };
    /** A client that has queued drafts while it was offline. */
    async function queued(count: number, value = "") {
      const world = new FakeWorld();
      const client = world.client();
      for (let at = 0; at < count; at++) void client.submit(...title(value + at));
      await settle();
      world.socket.accept({ limits });
      await settle();
      return {
        world,
        client,
        submitted: () => world.socket.of("submit_event").map(({ payload }) => payload.event.payload.value),
      };
    }

    it("[CL-2] [WP-10] sends its queue in as few frames as can hold it, in order", async () => {
      const { world, submitted } = await queued(100);
      expect(world.socket.frames).toEqual([1, 64, 36]);
      expect(submitted()).toEqual(Array.from({ length: 100 }, (_, at) => String(at)));
    });

    it("[CL-2] [WP-8] sends no frame with more bytes than it may have", async () => {
      const { world, submitted } = await queued(20, "é".repeat(5_000));
      expect(world.socket.frames).toEqual([1, 6, 6, 6, 2]);
      expect(submitted()).toHaveLength(20);
    });

    it("[CL-2] [WP-10] puts what is made while a frame is on its way into the next one, when the answer comes", async () => {
      const { world, client } = await queued(1);
      for (let at = 0; at < 10; at++) void client.submit(...title(`next ${at}`));
      await settle();
      expect(world.socket.frames).toEqual([1, 1]);
      world.socket.say(accepted(world.socket.of("submit_event")[0]!, 1));
      expect(world.socket.frames).toEqual([1, 1, 10]);
    });

    it("[CL-2] does not keep it for longer than 50 ms, and not if a frame is full", async () => {
      const { world, client } = await queued(1);
      for (let at = 0; at < 3; at++) {
        void client.submit(...title(`next ${at}`));
        await world.pass(20);
      }
      expect(world.socket.frames).toEqual([1, 1, 3]);
      for (let at = 0; at < 64; at++) void client.submit(...title(`more ${at}`));
      await settle();
      expect(world.socket.frames).toEqual([1, 1, 3, 64]);
      world.socket.end();
      await world.pass(60);
      expect(world.sockets[0]!.frames).toEqual([1, 1, 3, 64]);
    });

    it("[CL-2] sends a draft at once when nothing is in flight", async () => {
      const { world, client } = await queued(1);
      world.socket.say(accepted(world.socket.of("submit_event")[0]!, 1));
      void client.submit(...title("alone"));
      await settle();
      expect(world.socket.frames).toEqual([1, 1, 1]);
    });
  });

  it("[CL-2] sends each draft at once, in a frame of its own, to a server that accepts no others", async () => {
    const world = new FakeWorld();
    const client = await world.online();
    for (let at = 0; at < 3; at++) void client.submit(...title(`${at}`));
    await settle();
    expect(world.socket.frames).toEqual([1, 1, 1, 1]);
  });

  it("[CL-6] an abort withdraws a draft that was not sent, and stops waiting for one that was", async () => {
    const world = new FakeWorld();
    const store = memoryStore();
    const client = await world.online({ store });
    const [sent, unsent] = [new AbortController(), new AbortController()];
    const one = client.submit("set", { target: "a", value: 1 }, { signal: sent.signal });
    client.pause();
    const two = client.submit("set", { target: "b", value: 2 }, { signal: unsent.signal });
    expect(client.state).toEqual({ a: 1, b: 2 });
    sent.abort();
    unsent.abort();
    expect(await one).toEqual({ status: "undecided" });
    expect(await two).toEqual({ status: "withdrawn" });
    expect(client.state).toEqual({ a: 1 });
    expect((await (await store("server/room/ada")).load()).entries).toHaveLength(1);
    expect(await client.submit(...title("x"), { signal: unsent.signal })).toEqual({ status: "withdrawn" });
  });

  it("[TX-6] [CL-6] batches: one verdict for an atomic batch, and one for each draft of a sequential batch", async () => {
    const world = new FakeWorld();
    const client = await world.online();
    const two = [
      { type: "set", payload: { target: "a", value: 1 } },
      { type: "set", payload: { target: "b", value: 2 } },
    ];
    const atomic = client.submitBatch("atomic", two);
    const sequential = client.submitBatch("sequential", two);
    const [first, second] = world.socket.of("submit_events");
    expect(first!.payload).toMatchObject({
      mode: "atomic",
      events: two.map(({ type, payload }) => ({ event: { type, payload } })),
    });
    const member = (sent: typeof first, at: number, eventId: number) => ({
      ...event(eventId, "set", two[at]!.payload, "me"),
      draftId: sent!.payload.events[at].draftId as string,
      status: "accepted",
    });
    world.socket.say({
      type: "events_result",
      payload: { batchId: first!.payload.batchId, results: [member(first, 0, 1), member(first, 1, 2)] },
    });
    expect(await atomic).toMatchObject({ status: "accepted", results: [{ eventId: 1 }, { eventId: 2 }] });
    const { draftId } = second!.payload.events[1];
    world.socket.say({
      type: "events_result",
      payload: {
        batchId: second!.payload.batchId,
        results: [
          member(second, 0, 3),
          { draftId, status: "rejected", reason: "forbidden", code: "forbidden", errors: [] },
        ],
      },
    });
    expect(await sequential).toMatchObject({
      status: "rejected",
      results: [{ status: "accepted" }, { status: "rejected", problem: { code: "forbidden", status: 403 } }],
    });
    expect(client.eventId).toBe(3);
    expect(client.pending).toEqual([]);
  });

  it("[TX-7] [CL-6] submits again after a conflict, when it has the conflicting events, at most three times, with new ids", async () => {
    const world = new FakeWorld();
    const client = await world.online();
    const verdict = client.submit(
      "set",
      { target: "n", value: 1 },
      {
        expectedEventId: client.eventId,
        onConflict: (state: { n?: number }) => ({ target: "n", value: (state.n ?? 0) + 1 }),
      },
    );
    const ids = new Set<string>();
    for (let tries = 1; tries <= 4; tries++) {
      const sent = world.socket.of("submit_event")[tries - 1]!;
      ids.add(sent.payload.draftId as string);
      expect(sent.payload.expectedEventId).toBe(tries - 1);
      expect(sent.payload.event.payload.value).toBe(tries === 1 ? 1 : tries * 10 - 9);
      const conflict = rejected(sent, "conflict");
      world.socket.say({ ...conflict, payload: { ...conflict.payload, conflictingEventIds: [tries] } as never });
      await settle();
      // Only when it has the conflicting event.
      expect(world.socket.of("submit_event")).toHaveLength(tries);
      world.socket.say(broadcast(tries, "set", { target: "n", value: tries * 10 }));
      await settle();
    }
    expect(await verdict).toMatchObject({ status: "rejected", problem: { code: "conflict" } });
    expect(ids.size).toBe(4);
    expect(world.socket.of("submit_event")).toHaveLength(4);
  });

  it("[MD-12] undoes the last own change as the model declares", async () => {
    const world = new FakeWorld();
    const client = await world.online({}, { state: { docs: { tree: [], items: {} } } });
    expect(client.canUndo).toBe(false);
    void client.submit("treePush", { target: "docs", value: { id: "a", name: "A" } });
    void client.submit("treeUpdate", { target: "docs", value: { name: "B" }, options: { id: "a" } });
    const items = () => client.state.docs.items;
    expect(items()).toEqual({ a: { name: "B" } });
    void client.undo();
    expect(items()).toEqual({ a: { name: "A" } });
    void client.undo();
    expect(items()).toEqual({});
    expect(client.canUndo).toBe(false);
    expect(await client.undo()).toBeUndefined();
    // A rejected change cannot be undone.
    void client.submit(...title("x"));
    for (const sent of world.socket.of("submit_event").slice(0, 2)) world.socket.say(rejected(sent));
    const last = world.socket.of("submit_event").find(({ payload }) => payload.event.payload.value === "x")!;
    expect(last).toBeDefined();
  });

  it("[CL-8] sends its presence and receives that of others, while it is connected", async () => {
    const world = new FakeWorld();
    const engine = { url: "ws://server/ws", token: undefined, presence: true };
    const client = world.client({ engine });
    client.setPresence({ at: 1 });
    await settle();
    world.socket.accept();
    expect(world.socket.of("presence").map(({ payload }) => payload)).toEqual([{ state: { at: 1 } }]);
    client.setPresence({ at: 2 });
    client.setPresence({ at: 3 });
    await world.pass(50);
    // Throttled; the last one is always sent.
    expect(world.socket.of("presence").map(({ payload }) => payload.state.at)).toEqual([1, 3]);
    const peer = { peerId: "p1", clientId: "you", state: { at: 9 } };
    world.socket.say({ type: "presence", payload: { peers: [peer], gone: [], all: true } });
    expect(client.peers).toEqual([peer]);
    world.socket.say({ type: "presence", payload: { peers: [], gone: ["p1"] } });
    expect(client.peers).toEqual([]);
    world.socket.say({ type: "presence", payload: { peers: [peer], gone: [] } });
    world.socket.end();
    expect(client.peers).toEqual([]);
    await world.pass(125);
    world.socket.accept();
    expect(world.socket.of("presence").map(({ payload }) => payload.state.at)).toEqual([3]);
  });

  it("[CL-8] [CL-14] says which connection it replaces, and reports that its presence is not shown, until it is", async () => {
    const world = new FakeWorld();
    const engine = { url: "ws://server/ws", token: undefined, presence: true };
    const client = await world.online({ engine }, { more: { peerId: "first" } });
    const hidden: string[] = [];
    client.on("hidden", ({ problem }) => hidden.push(problem.code));
    expect(world.socket.of("connect")[0]!.payload).toMatchObject({ presence: true, presenceRefusals: true });
    expect(world.socket.of("connect")[0]!.payload.replaces).toBeUndefined();
    client.setPresence({ at: 1 });
    await world.pass(50);
    const full = { code: "too_many_peers", retryable: true, retryAfter: 30 };
    world.socket.say(refused(world.socket.of("presence").at(-1)!, full.code, full));
    expect([hidden, client.status.status]).toEqual([["too_many_peers"], "online"]);
    client.setPresence({ at: 2 });
    await world.pass(29_999);
    expect(world.socket.of("presence").at(-1)!.payload.state).toEqual({ at: 1 });
    world.socket.frame(heartbeat);
    await world.pass(1);
    expect(world.socket.of("presence").at(-1)!.payload.state).toEqual({ at: 2 });
    world.socket.end();
    await world.pass(client.status.retryAt! - world.now);
    world.socket.open();
    expect(world.socket.of("connect")[0]!.payload.replaces).toBe("first");
  });
});
