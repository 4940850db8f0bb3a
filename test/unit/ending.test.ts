import { describe, expect, it } from "vitest";
import { type TestConnection, TestPartition } from "../support/partition.ts";

const author = (principal: string, more: object = {}) => ({
  principal,
  permissions: "all" as const,
  expiresAt: 1_800_000_000_000,
  ...more,
});
function connected(room: TestPartition, principal: string, more: object = {}): TestConnection {
  const connection = room.open(author(principal, more));
  connection.connect(principal);
  return connection;
}
const set = (connection: TestConnection, draftId: string) =>
  connection.submit(draftId, "set", { target: "n", value: 1 });

describe("revocation", () => {
  it("[AU-4] ends the connections of the token with the reason, refuses what waits of them, and does not affect others", () => {
    const room = new TestPartition();
    const [alice, bob] = [connected(room, "alice"), connected(room, "bob")];
    room.partition.revoke(({ principal }) => principal === "alice", room.now);
    expect(JSON.parse(alice.frames.at(-1)!)).toMatchObject({ type: "error", payload: { code: "auth_revoked" } });
    // A frame that was in the queue.
    expect(set(alice, "late").payload.code).toBe("auth_revoked");
    expect(set(bob, "d").type).toBe("event_accepted");
    expect(alice.of("broadcast")).toEqual([]);
    expect(room.partition.events(0, 10, room.now).events).toHaveLength(1);
  });

  it("[AU-4] is sent once", () => {
    const room = new TestPartition();
    const alice = connected(room, "alice");
    for (let times = 0; times < 3; times++) room.partition.revoke(() => true, room.now);
    expect(alice.of("error")).toHaveLength(1);
  });

  it("[AU-4] does not affect a connection that is not authenticated yet", () => {
    const room = new TestPartition();
    const stranger = room.open();
    room.partition.revoke(() => true, room.now);
    expect(stranger.frames).toEqual([]);
  });
});

describe("renewal", () => {
  const renew = (room: TestPartition, connection: TestConnection, principal: string, more: object = {}) => {
    const before = connection.frames.length;
    const command = { kind: "renew", requestId: "r", author: author(principal, more) } as const;
    room.partition.receive(connection.session, command, room.now);
    return JSON.parse(connection.frames[before]!);
  };

  it("[AU-4] puts the new token in force: until when, and what it allows", () => {
    const room = new TestPartition();
    const alice = connected(room, "alice", { expiresAt: room.now + 1_000 });
    const told = renew(room, alice, "alice", { expiresAt: room.now + 9_000, permissions: ["read"] });
    expect(told).toMatchObject({ type: "renewed", inReplyTo: "r", payload: { expiresAt: room.now + 9_000 } });
    room.now += 2_000;
    expect(set(alice, "d").payload).toMatchObject({ code: "forbidden", layer: "permission" });
    room.now += 8_000;
    expect(set(alice, "d2").payload.code).toBe("auth_expired");
  });

  it("[AU-4] is kept over hibernation", () => {
    const room = new TestPartition();
    const alice = connected(room, "alice", { expiresAt: room.now + 1_000 });
    renew(room, alice, "alice", { expiresAt: room.now + 9_000 });
    room.restart();
    room.now += 2_000;
    expect(set(room.attach(alice.saved), "d").type).toBe("event_accepted");
  });

  it("[AU-8] does not change the principal of a connection", () => {
    const room = new TestPartition();
    const alice = connected(room, "alice");
    expect(renew(room, alice, "bob")).toMatchObject({ type: "error", payload: { code: "bad_request" } });
    set(alice, "d");
    expect(room.partition.events(0, 1, room.now).events[0]!.principal).toBe("alice");
  });

  it("[AU-4] needs a connection that was answered", () => {
    const room = new TestPartition();
    expect(renew(room, room.open(author("alice")), "alice").payload.code).toBe("not_connected");
  });

  it("[WP-3] connected says when the token expires, where connect asked for it", () => {
    const room = new TestPartition();
    const asking = room.open(author("alice", { expiresAt: room.now + 5 }));
    expect(asking.connect("c", { renewal: true })[0].payload.expiresAt).toBe(room.now + 5);
    expect(room.open(author("bob")).connect("c")[0].payload).not.toHaveProperty("expiresAt");
  });
});

describe("a token that comes with connect", () => {
  it("[AU-2] nothing is accepted before it, and connect without one is refused", () => {
    const room = new TestPartition();
    const stranger = room.attach({ ...room.open().session.kept, awaitsToken: true });
    expect(set(stranger, "d").payload.code).toBe("not_connected");
    expect(stranger.connect("c")[0].payload.code).toBe("unauthenticated");
    expect(stranger.session.state.client).toBeUndefined();
  });
});

describe("drain", () => {
  it("[LC-4] says to each when to come back, and accepts nothing more", () => {
    const room = new TestPartition();
    const [alice, bob] = [connected(room, "alice"), connected(room, "bob")];
    let next = 1_000;
    room.partition.drain(() => (next += 10), room.now);
    expect([alice, bob].map(({ frames }) => JSON.parse(frames.at(-1)!).payload.reconnectAfterMs)).toEqual([
      1_010, 1_020,
    ]);
    expect(set(alice, "d").payload.code).toBe("draining");
    expect(room.partition.exists).toBe(false);
  });
});
