import { serialize } from "node:v8";
import fc from "fast-check";
import { describe, expect, it, vi } from "vitest";
import { keysTagOf } from "../../src/identity/settings.ts";
import { authorOfSubject } from "../../src/shell/author.ts";
import { type Attachment, attachmentVersion } from "../../src/shell/connection.ts";
import { type Author, bounds, noLimits } from "../../src/protocol/index.ts";
import { NodeSqlDriver } from "../../src/storage/node.ts";
import { type Message, type TestConnection, TestPartition } from "../support/partition.ts";

const asking = { presence: true };
const interval = bounds.presenceIntervalMs;
const show = (connection: TestConnection, state: unknown) => connection.send("presence", { state });
const peerIdOf = ({ session }: TestConnection) => session.state.client!.peerId!;
/** The presence messages of a connection since the last call. */
const presenceOf = (connection: TestConnection) =>
  connection.frames
    .splice(0)
    .map((frame) => JSON.parse(frame) as Message)
    .filter(({ type }) => type === "presence")
    .map(({ payload }) => payload);
/** Connected clients, without the frames of their `connect`. */
function clients<Names extends string[]>(room: TestPartition, ...names: Names) {
  const connections = names.map((name) => {
    const connection = room.client(name, asking);
    connection.frames.length = 0;
    return connection;
  });
  return connections as { [At in keyof Names]: TestConnection };
}

describe("connecting with presence", () => {
  it("[CL-8] names the connection, and sends the current peers at once", () => {
    const room = new TestPartition();
    const [a, b] = clients(room, "a", "b");
    show(a, { cursor: 1 });
    const newcomer = room.open();
    const messages = newcomer.connect("c", { ...asking, sinceEventId: 0 });
    expect(messages.map(({ type }) => type)).toEqual(["connected", "presence", "sync_response"]);
    expect(messages[1]).toEqual({
      id: `p-${room.now}`,
      type: "presence",
      timestamp: room.now,
      // Only connections with a state are peers; so the new connection is not one.
      payload: {
        peers: [{ peerId: peerIdOf(a), clientId: "a", state: { cursor: 1 } }],
        gone: [],
        all: true,
      },
    });
    const ids = [a, b, newcomer].map(peerIdOf);
    expect(new Set(ids).size).toBe(3);
    expect(messages[0].payload.peerId).toBe(ids[2]);
  });

  it("[CL-8] [WP-3] is for connections that ask for it", () => {
    const room = new TestPartition();
    const [a] = clients(room, "a");
    const plain = room.client("plain");
    expect(plain.of("connected")[0].payload).toEqual({ serverId: expect.any(String), currentEventIndex: 0 });
    show(a, { cursor: 1 });
    room.elapse(interval);
    expect(plain.received).toEqual(["connected"]);
    expect(show(plain, {})[0]).toMatchObject({ type: "error", payload: { code: "bad_request" }, inReplyTo: "m-2" });
    expect(show(room.open(), {})[0]).toMatchObject({ type: "error", payload: { code: "not_connected" } });
  });

  it("[CL-8] [ID-9] shows no principal", () => {
    const room = new TestPartition();
    const a = room.open({ principal: "user:secret", permissions: ["secret"] });
    a.connect("a", asking);
    show(a, { cursor: 1 });
    const b = room.client("b", asking);
    show(a, { cursor: 2 });
    room.elapse(interval);
    expect(b.of("presence")).toHaveLength(2);
    expect(b.frames.join()).not.toContain("secret");
  });

  it.each([
    ["a text", "cursor"],
    ["a list", [1]],
    ["nothing", undefined],
    ["more than 2 KiB", { text: "x".repeat(bounds.presenceBytesMax - 10) }],
    ["more than 2 KiB of two-byte letters", { text: "é".repeat(bounds.presenceBytesMax / 2 - 5) }],
  ])("[CL-8] [WP-8] refuses %s", (_, state) => {
    const [a] = clients(new TestPartition(), "a");
    expect(show(a, state)[0].payload).toMatchObject({ code: "bad_request", errors: [{ field: "payload.state" }] });
    // Exactly the maximum.
    expect(show(a, { text: "x".repeat(bounds.presenceBytesMax - 11) })).toEqual([]);
    expect(show(a, { text: "é".repeat(bounds.presenceBytesMax / 2 - 6) })).toEqual([]);
  });
});

describe("presence", () => {
  it("[CL-8] sends the first change at once, without a timer, and then batches: the last state of each peer wins", () => {
    const room = new TestPartition();
    const [a, b, c] = clients(room, "a", "b", "c");
    const [idOfA, idOfB] = [a, b].map(peerIdOf);
    show(a, { at: 1 });
    expect(presenceOf(c)).toEqual([{ peers: [{ peerId: idOfA, clientId: "a", state: { at: 1 } }], gone: [] }]);
    expect(room.timers).toBe(0);
    for (let at = 2; at <= 100; at++) {
      show(a, { at });
      show(b, { at });
    }
    room.elapse(interval - 1);
    expect(presenceOf(c)).toEqual([]);
    expect(room.timers).toBe(1);
    room.elapse(1);
    expect(presenceOf(c)).toEqual([
      {
        peers: [
          { peerId: idOfA, clientId: "a", state: { at: 100 } },
          { peerId: idOfB, clientId: "b", state: { at: 100 } },
        ],
        gone: [],
      },
    ]);
    expect(room.timers).toBe(0);
    // The interval has not ended: the next change waits for its end.
    room.elapse(interval / 2);
    show(b, { at: 101 });
    expect(presenceOf(c)).toEqual([]);
    room.elapse(interval / 2);
    expect(presenceOf(c)).toHaveLength(1);
    room.elapse(interval);
    show(b, { at: 102 });
    expect(presenceOf(c)).toHaveLength(1);
    expect(room.timers).toBe(0);
  });

  it("[CL-8] sends nothing if nothing changes, and does not send a peer only its own change", () => {
    const room = new TestPartition();
    const [a, b] = clients(room, "a", "b");
    show(b, null);
    show(a, { at: 1 });
    expect([presenceOf(a).length, presenceOf(b).length]).toEqual([0, 1]);
    room.elapse(interval);
    show(a, { at: 1 });
    expect(room.timers).toBe(0);
    expect([presenceOf(a), presenceOf(b)]).toEqual([[], []]);
    show(a, { at: 2 });
    show(a, { at: 3 });
    show(b, { at: 4 });
    presenceOf(a);
    presenceOf(b);
    room.elapse(interval);
    // One text for all: it includes the receiver's own state.
    expect([presenceOf(a), presenceOf(b)].map(([{ peers }]) => peers.map(({ state }: Message) => state.at))).toEqual([
      [3, 4],
      [3, 4],
    ]);
  });

  it("[CL-8] a clock that is set back delays nothing by more than an interval", () => {
    const room = new TestPartition();
    const [a, b] = clients(room, "a", "b");
    show(a, { at: 1 });
    room.now -= 86_400_000;
    show(a, { at: 2 });
    expect(presenceOf(b)).toHaveLength(2);
    room.now -= 10;
    show(a, { at: 3 });
    room.elapse(interval);
    expect(presenceOf(b)).toHaveLength(1);
  });

  it("[CL-8] sends which peers have left: withdrawn or closed, sent before or not", () => {
    const room = new TestPartition();
    const [a, b, c, d, e] = clients(room, "a", "b", "c", "d", "e");
    const ids = [a, b, c, d].map(peerIdOf);
    for (const connection of [a, b, c]) show(connection, { at: 1 });
    room.elapse(interval);
    presenceOf(e);
    show(a, null);
    room.close(b);
    show(c, null);
    room.close(c);
    show(d, { at: 2 });
    const newcomer = room.client("newcomer", asking);
    expect(newcomer.of("presence")[0].payload.peers).toEqual([{ peerId: ids[3], clientId: "d", state: { at: 2 } }]);
    room.close(d);
    room.elapse(interval);
    const [message, ...more] = presenceOf(e);
    expect([message.peers, message.gone.toSorted(), more]).toEqual([[], ids.toSorted(), []]);
    // A connection without a state ends without a message.
    room.close(newcomer);
    expect(room.timers).toBe(0);
    // A peer that has withdrawn its state can set one again.
    show(a, { at: 3 });
    room.elapse(interval);
    expect(presenceOf(e)).toEqual([{ peers: [{ peerId: ids[0], clientId: "a", state: { at: 3 } }], gone: [] }]);
  });

  it("[CL-8] sends departures also to peers that change meanwhile", () => {
    const room = new TestPartition();
    const [a, b] = clients(room, "a", "b");
    show(b, { at: 1 });
    room.elapse(interval);
    presenceOf(a);
    room.close(b);
    show(a, { at: 2 });
    room.elapse(interval);
    expect(presenceOf(a).map(({ gone }) => gone)).toEqual([[peerIdOf(b)]]);
  });

  it("[CL-8] is serialised once for all receivers", () => {
    const texts = (listeners: number) => {
      const room = new TestPartition();
      const [a] = clients(room, "a");
      const others = clients(room, ...Array.from({ length: listeners }, (_, at) => `l${at}`));
      const stringify = vi.spyOn(JSON, "stringify");
      show(a, { at: 1 });
      const calls = stringify.mock.calls.length;
      stringify.mockRestore();
      expect(others.every(({ frames }) => frames.length === 1 && frames[0] === others[0]!.frames[0])).toBe(true);
      return calls;
    };
    expect(texts(50)).toBe(texts(1));
  });

  it("[CL-8] needs no credit, and does not wait for a refused draft", () => {
    const room = new TestPartition();
    const [a] = clients(room, "a");
    const reader = room.client("reader", { ...asking, credit: bounds.creditBytesMin });
    for (let at = 0; at < 5; at++) a.submit(`d${at}`, "set", { target: "n", value: "x".repeat(20_000) });
    expect(reader.of("head")).toHaveLength(1);
    a.session.update({ held: { draftId: "d9", code: "overloaded" } });
    expect(a.submit("d8", "set", { target: "n", value: 1 }).payload.code).toBe("overloaded");
    reader.frames.length = 0;
    expect(show(a, { at: 1 })).toEqual([]);
    expect(presenceOf(reader)).toHaveLength(1);
  });

  it("[CL-8] [LC-3] neither writes nor reads the storage, and works when it fails", () => {
    class Failing extends NodeSqlDriver {
      dead = false;
      asked = 0;
      override query(...parameters: Parameters<NodeSqlDriver["query"]>) {
        this.asked++;
        if (this.dead) throw new Error("dead");
        return super.query(...parameters);
      }
      override transaction<T>(body: () => T): T {
        this.asked++;
        if (this.dead) throw new Error("dead");
        return super.transaction(body);
      }
    }
    const driver = new Failing();
    const room = new TestPartition({ driver });
    const [a, b] = clients(room, "a", "b");
    show(a, { at: 1 });
    room.elapse(interval);
    expect(driver.query("SELECT name FROM sqlite_master")).toEqual([]);
    driver.dead = true;
    expect(a.submit("d", "set", { target: "n", value: 1 }).payload.code).toBe("storage_unavailable");
    const { asked } = driver;
    show(a, { at: 2 });
    room.elapse(interval);
    room.close(a);
    room.elapse(interval);
    expect(presenceOf(b)).toHaveLength(3);
    expect(driver.asked).toBe(asked);
    expect(room.partition.nextDue).toBeUndefined();
  });

  it("[CL-8] [MD-11] bounds the number of peers; when one leaves, the next that sets a state takes its place", () => {
    const room = new TestPartition();
    const peers = clients(room, ...Array.from({ length: bounds.peersMax + 2 }, (_, at) => `p${at}`));
    for (const [at, peer] of peers.entries()) show(peer, { at });
    const count = () => room.client("new", asking).of("presence")[0].payload.peers.length;
    expect(count()).toBe(bounds.peersMax);
    room.elapse(interval);
    room.close(peers[0]!);
    expect(count()).toBe(bounds.peersMax - 1);
    show(peers.at(-1)!, { at: "last" });
    // A change of a peer does not need a free place.
    show(peers[1]!, { at: "changed" });
    show(peers.at(-2)!, { at: "too late" });
    const newcomer = room.client("new", asking);
    const { payload } = newcomer.of("presence")[0];
    expect(payload.peers).toHaveLength(bounds.peersMax);
    expect(JSON.stringify(payload)).toContain('"last"');
    expect(JSON.stringify(payload)).toContain('"changed"');
    expect(JSON.stringify(payload)).not.toContain("too late");
  });

  it("[CL-8] [CL-14] tells a connection that asked for it that there is no place for its presence", () => {
    const room = new TestPartition();
    const peers = clients(room, ...Array.from({ length: bounds.peersMax }, (_, at) => `p${at}`));
    for (const [at, peer] of peers.entries()) show(peer, { at });
    const late = room.client("late", { ...asking, presenceRefusals: true });
    const [error] = show(late, { at: "late" });
    expect(error).toMatchObject({
      type: "error",
      inReplyTo: expect.any(String),
      payload: { code: "too_many_peers", retryable: true, retryAfter: 30 },
    });
    const [earlier] = clients(room, "earlier");
    expect(show(earlier, { at: "earlier" })).toEqual([]);
    room.close(peers[0]!);
    expect(show(late, { at: "late" })).toEqual([]);
    expect(room.client("new", asking).frames.join()).toContain('"late"');
  });

  it("[CL-8] [CL-14] a client that was cut three times without notice is one peer: each connection takes the place of the one before", () => {
    const room = new TestPartition();
    const [watcher] = clients(room, "watcher");
    const author = { principal: "ada", permissions: "all" } as const;
    let replaces: string | undefined;
    for (let cut = 0; cut < 4; cut++) {
      const connection = room.open(author);
      const messages = connection.connect("a", { ...asking, ...(replaces === undefined ? {} : { replaces }) });
      // Not even the newcomer sees its predecessor.
      expect(messages[1].payload.peers).toEqual([]);
      replaces = peerIdOf(connection);
      show(connection, { cut });
      room.elapse(interval);
    }
    const view = new Map<string, unknown>();
    for (const { peers, gone } of presenceOf(watcher)) {
      for (const peerId of gone) view.delete(peerId);
      for (const peer of peers) view.set(peer.peerId, peer.state);
    }
    expect([...view]).toEqual([[replaces, { cut: 3 }]]);
    expect(room.client("new", asking).of("presence")[0].payload.peers).toHaveLength(1);

    // Nobody takes the place of another principal.
    const mallory = room.open({ principal: "mallory", permissions: "all" });
    mallory.connect("a", { ...asking, replaces });
    room.elapse(interval);
    expect(room.client("another", asking).of("presence")[0].payload.peers).toHaveLength(1);
  });

  it("[CL-8] [CL-14] a connection that was replaced leaves without a second notice, and what it keeps over hibernation has no presence", () => {
    const room = new TestPartition();
    const [watcher, first] = clients(room, "watcher", "a");
    show(first, { at: 1 });
    const second = room.client("a", { ...asking, replaces: peerIdOf(first) });
    room.close(first);
    show(second, { at: 2 });
    room.elapse(interval);
    const gone = presenceOf(watcher).flatMap((payload) => payload.gone as string[]);
    expect(gone).toEqual([peerIdOf(first)]);
    expect(first.session.state.presence).toBeDefined();
    const third = room.client("a", { ...asking, replaces: peerIdOf(second) });
    room.elapse(interval);
    expect([second.session.state.presence, third.session.kept.presence]).toEqual([undefined, undefined]);
  });

  it("[CL-8] [CL-14] a connection that was replaced and shows something else lives: newcomers receive that", () => {
    const room = new TestPartition();
    const [watcher, first] = clients(room, "watcher", "a");
    show(first, { at: 1 });
    room.client("a", { ...asking, replaces: peerIdOf(first) });
    show(first, { at: 2 });
    room.elapse(interval);
    const peers = [{ peerId: peerIdOf(first), clientId: "a", state: { at: 2 } }];
    expect(presenceOf(watcher).at(-1)).toEqual({ peers, gone: [] });
    expect(room.client("new", asking).of("presence")[0].payload.peers).toEqual(peers);
  });

  it("[CL-8] a connection that was replaced does not show more than there are places", () => {
    const room = new TestPartition();
    room.partition.limit({ ...noLimits, connectionsPerPrincipal: 1_000 });
    const ada = { principal: "ada", permissions: "all" } as const;
    const open = (more: object = {}) => {
      const connection = room.open(ada);
      connection.connect("a", { ...asking, ...more });
      return connection;
    };
    const own = Array.from({ length: bounds.peersPerPrincipalMax }, () => open());
    for (const connection of own) show(connection, { at: 1 });
    show(open({ replaces: peerIdOf(own[0]!) }), { at: 1 });
    show(own[0]!, { at: 2 });
    room.elapse(interval);
    expect(open().of("presence")[0].payload.peers).toHaveLength(bounds.peersPerPrincipalMax);
  });

  it("[CL-8] [MD-11] a message with all peers fits a frame", () => {
    const room = new TestPartition();
    for (let at = 0; at < bounds.peersMax; at++) {
      const peer = room.client(`${at}`.padEnd(bounds.idLengthMax, '"'), asking);
      show(peer, { text: "x".repeat(bounds.presenceBytesMax - 11) });
    }
    const newcomer = room.client("newcomer", asking);
    expect(newcomer.of("presence")[0].payload.peers).toHaveLength(bounds.peersMax);
    expect(Math.max(...newcomer.frames.map((frame) => Buffer.byteLength(frame)))).toBeLessThan(
      bounds.sentFrameBytesMax,
    );
  });
});

describe("presence over hibernation", () => {
  /** Evicts the object with open sockets, and restores these. */
  function hibernate<Connections extends TestConnection[]>(room: TestPartition, ...connections: Connections) {
    expect(room.timers).toBe(0);
    room.restart();
    return connections.map(({ saved }) => room.attach(saved)) as Connections;
  }

  it("[CL-8] a new peer receives all others, and one that disconnects is removed", () => {
    const room = new TestPartition();
    const [a, b, c] = clients(room, "a", "b", "c");
    const ids = [a, b].map(peerIdOf);
    show(a, { at: 1 });
    show(a, { at: 2 });
    show(b, { at: 3 });
    room.elapse(interval);
    show(b, null);
    room.elapse(interval);
    const [a2, b2, c2] = hibernate(room, a, b, c);
    expect(room.client("d", asking).of("presence")[0].payload).toEqual({
      peers: [{ peerId: ids[0], clientId: "a", state: { at: 2 } }],
      gone: [],
      all: true,
    });
    show(b2, { at: 4 });
    expect(presenceOf(c2)).toEqual([{ peers: [{ peerId: ids[1], clientId: "b", state: { at: 4 } }], gone: [] }]);
    room.close(a2);
    room.elapse(interval);
    expect(presenceOf(c2)).toEqual([{ peers: [], gone: [ids[0]] }]);
  });

  it("[CL-8] writes the attachment at most once in an interval", () => {
    const room = new TestPartition();
    const [a] = clients(room, "a");
    const before = a.saves;
    for (let at = 0; at < 100; at++) show(a, { at });
    expect(a.saves - before).toBe(1);
    room.elapse(interval);
    expect(a.saves - before).toBe(2);
    expect(a.saved.presence).toBe('{"at":99}');
  });

  it("[CL-8] [MD-11] the state of a connection always fits the attachment", () => {
    const room = new TestPartition();
    const id = "x".repeat(bounds.idLengthMax);
    const a = room.open({ principal: id, permissions: Array.from({ length: 20 }, () => id) });
    a.connect(id, {
      ...asking,
      draftIds: true,
      credit: bounds.creditBytesMax,
      frames: "array",
      limits: true,
      renewal: true,
    });
    // With one letter beyond Latin-1, each letter needs two bytes.
    show(a, { text: `€${"x".repeat(bounds.presenceBytesMax - 14)}` });
    a.session.update({ held: { draftId: id, code: "storage_unavailable" } });
    a.session.keep();
    expect(a.saved.presence).toHaveLength(bounds.presenceBytesMax - 2);
    expect(serialize({ session: { ...a.saved, told: 1e12, behind: 1e12 }, seenAt: 1e12 }).byteLength).toBeLessThan(
      12 * 1024,
    );
  });
});

const tokenOf = (permissions: string[]) =>
  authorOfSubject(
    {
      principal: "p",
      tenant: "t",
      partitions: [],
      permissions,
      roles: [],
      expiresAt: 1e13,
      issuedAt: 1,
      jti: undefined,
    },
    {},
  );

describe("the attachment of a connection", () => {
  it("[CL-8] [MD-11] fits the platform's 16 KiB at all its bounds at once", () => {
    const room = new TestPartition();
    const id = "x".repeat(bounds.idLengthMax);
    // As many permissions as a token may bring: of the next one it is refused.
    const name = "x".repeat(124);
    let permissions: string[] = [];
    for (let next = [name]; !("code" in tokenOf(next)); next = [...next, `${next.length}${name}`]) permissions = next;
    const expiresAt = room.now + 1e9;
    const keys = keysTagOf({ PARTITA_JWT_SECRET: id });
    const author = { ...tokenOf(permissions), principal: id, tokenId: id, issuedAt: 1e9, expiresAt, keys } as Author;
    const a = room.open(author);
    const everything = {
      ...asking,
      presenceRefusals: true,
      stateChunks: true,
      draftIds: true,
      authors: true,
      probes: true,
      proofs: true,
      credit: bounds.creditBytesMax,
      frames: "array",
      limits: true,
      renewal: true,
      principal: true,
    };
    expect(a.connect(id, everything).flat()[0].type).toBe("connected");
    show(a, { text: `€${"x".repeat(bounds.presenceBytesMax - 14)}` });
    a.session.update({
      held: { draftId: id, code: "storage_unavailable" },
      provisionalLogId: crypto.randomUUID(),
      provisionalSecret: "f".repeat(64),
    });
    a.session.keep();
    expect(a.saved).toMatchObject({ author: { permissions }, client: { clientId: id }, held: { draftId: id } });
    expect(a.saved.presence).toHaveLength(bounds.presenceBytesMax - 2);
    const client = { ...a.saved.client!, authors: true, probes: true, peerId: crypto.randomUUID() };
    const attachment: Attachment = {
      version: attachmentVersion,
      session: { ...a.saved, client, told: 1e12, behind: 1e12 },
      seenAt: 1e12,
      dialect: "partita",
      traceId: "f".repeat(32),
      outstanding: { unproven: 1e12, provenEventId: 1e12 },
    };
    expect(permissions.length).toBeGreaterThan(80);
    expect(serialize(attachment).byteLength).toBeLessThanOrEqual(16 * 1024);
  });
});

describe("any interleaving of presence", () => {
  type Action =
    | { kind: "show"; who: number; at: number }
    | { kind: "withdraw" | "close" | "open"; who: number }
    | { kind: "hibernate" }
    | { kind: "wait"; ms: number };
  const who = fc.nat(4);
  const action: fc.Arbitrary<Action> = fc.oneof(
    { weight: 6, arbitrary: fc.record({ kind: fc.constant("show" as const), who, at: fc.nat(3) }) },
    { weight: 3, arbitrary: fc.record({ kind: fc.constantFrom("withdraw", "close", "open"), who }) },
    { weight: 1, arbitrary: fc.constant({ kind: "hibernate" as const }) },
    { weight: 4, arbitrary: fc.record({ kind: fc.constant("wait" as const), ms: fc.nat(2 * interval) }) },
  );

  it("[CL-8] all peers receive each state within an interval, in at most one message", () => {
    fc.assert(
      fc.property(fc.array(action, { maxLength: 60 }), (actions) => {
        const room = new TestPartition();
        interface Seat {
          connection: TestConnection;
          shows: number | undefined;
          view: Map<string, number>;
          receivedAt: number;
        }
        const seats: (Seat | undefined)[] = [];
        const ownId = ({ connection }: Seat) => peerIdOf(connection);
        const open = (at: number): Seat => ({
          connection: room.client(`c${at}`, { presence: true, ...(at % 2 ? { frames: "array" } : {}) }),
          shows: undefined,
          view: new Map(),
          receivedAt: -1e9,
        });
        const read = (seat: Seat) => {
          const frames = seat.connection.frames.splice(0);
          for (const { type, payload, timestamp } of frames.flatMap((frame) => [JSON.parse(frame) as Message].flat())) {
            if (type !== "presence") continue;
            if (payload.all) seat.view.clear();
            else {
              expect(timestamp - seat.receivedAt).toBeGreaterThanOrEqual(interval);
              seat.receivedAt = timestamp;
            }
            for (const { peerId, state } of payload.peers) seat.view.set(peerId, state.at);
            for (const peerId of payload.gone) {
              seat.view.delete(peerId);
              expect(payload.peers.some((peer: Message) => peer.peerId === peerId)).toBe(false);
            }
            seat.view.delete(ownId(seat));
          }
        };
        const present = () => seats.filter((seat) => seat !== undefined);
        for (const one of [...actions, { kind: "wait", ms: interval } as const]) {
          if (one.kind === "wait") room.elapse(one.ms);
          else if (one.kind === "hibernate") {
            // The platform does not evict an object with a timer.
            if (room.timers > 0) continue;
            // And it evicts an object only after seconds without events.
            room.elapse(10_000);
            for (const seat of present()) read(seat);
            room.restart();
            for (const seat of present()) seat.connection = room.attach(seat.connection.saved);
          } else {
            const seat = seats[one.who];
            if (one.kind === "open") seats[one.who] ??= open(one.who);
            else if (!seat) continue;
            else if (one.kind === "close") {
              room.close(seat.connection);
              seats[one.who] = undefined;
            } else {
              seat.shows = one.kind === "show" ? one.at : undefined;
              show(seat.connection, one.kind === "show" ? { at: one.at } : null);
            }
          }
          for (const seat of present()) read(seat);
          if (room.timers > 0) continue;
          for (const seat of present()) {
            const others = present().filter((other) => other !== seat && other.shows !== undefined);
            expect(seat.view).toEqual(new Map(others.map((other) => [ownId(other), other.shows])));
          }
        }
        expect(room.timers).toBe(0);
      }),
      { numRuns: 500 },
    );
  });
});

describe("a token that expires", () => {
  it("[AU-4] [CL-8] ends its connection with a last error, sends nothing more, and removes its presence", () => {
    const room = new TestPartition();
    const expiresAt = room.now + 1_000;
    const alice = room.open({ principal: "alice", permissions: "all", expiresAt });
    alice.connect("alice", { presence: true });
    const bob = room.client("bob", { presence: true });
    show(alice, { at: 1 });
    room.elapse(1_000);
    alice.frames.splice(0);
    bob.submit("d1", "set", { target: "n", value: 1 });
    expect(alice.frames.map((frame) => (JSON.parse(frame) as Message).payload.code)).toEqual(["auth_expired"]);
    room.close(alice);
    room.elapse(interval);
    const gone = bob.of("presence").flatMap(({ payload }) => payload.gone as string[]);
    expect(gone).toEqual([peerIdOf(alice)]);
  });
});
