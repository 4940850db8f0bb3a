import { describe, expect, it } from "vitest";
import { newSession } from "../../src/core/index.ts";
import { Dialects } from "../../src/wire/dialects.ts";
import { Connection } from "../../src/shell/connection.ts";
import type { Failure, Author } from "../../src/protocol/index.ts";
import { bounds } from "../../src/protocol/bounds.ts";
import { connectionHost } from "../support/connection-host.ts";
import { TestPartition } from "../support/partition.ts";

/** A connection that must send a token; `verify` returns its author. */
function unauthenticated(verify: () => Promise<Author>, claims?: () => Promise<Failure | undefined>) {
  const room = new TestPartition();
  const sent: string[] = [];
  const ended: number[] = [];
  const carrier = {
    send: (frame: string) => {
      const { type, payload } = JSON.parse(frame);
      sent.push(type === "error" ? payload.code : type);
    },
    end: (code: number) => void ended.push(code),
    save: () => {},
    lastSignOfLife: () => 0,
  };
  const connection = new Connection(
    carrier,
    connectionHost(
      room,
      { authenticate: verify, mustClaim: () => claims !== undefined, admitDraft: () => claims!() },
      (turn) => void setTimeout(turn),
    ),
    { session: newSession(undefined, true), seenAt: room.now },
  );
  room.partition.attach(connection.session, room.now);
  const say = (type: string, payload: object) =>
    connection.receive(JSON.stringify({ id: "m", type, timestamp: 1, payload }), room.now);
  return { say, sent, ended, room };
}
const author: Author = { principal: "alice", permissions: "all", expiresAt: 1_800_000_000_000 };
const connect = { clientId: "c", version: "1", token: "t" };

describe("frames behind a token", () => {
  it("[AU-2] [WP-12] wait until it is verified, and are answered in their order", async () => {
    let verified: ((author: Author) => void) | undefined;
    const { say, sent } = unauthenticated(() => new Promise((resolve) => (verified = resolve)));
    say("connect", connect);
    say("heartbeat", {});
    say("sync", {});
    expect(sent).toEqual([]);
    verified!(author);
    await new Promise((resolve) => setTimeout(resolve));
    expect(sent).toEqual(["connected", "heartbeat", "sync_response"]);
  });

  it("[BD-4] [LC-7] prove what was read, as those that wait for nothing", async () => {
    const verified: ((author: Author) => void)[] = [];
    const { say, sent, room } = unauthenticated(() => new Promise((resolve) => verified.push(resolve)));
    const writer = room.client("writer");
    const value = "x".repeat(60_000);
    for (let at = 0; at < 40; at++) writer.submit(`d${at}`, "set", { target: "n", value });
    // A page takes a turn of its own.
    const turns = async () => {
      for (let left = 10; left > 0; left--) await new Promise((resolve) => setTimeout(resolve));
    };
    say("connect", connect);
    verified.pop()!(author);
    await turns();
    for (const sinceEventId of [0, 0, 0, 17]) say("sync", { sinceEventId });
    await turns();
    say("renew", { token: "t" });
    say("ack", { eventId: 34 });
    verified.pop()!(author);
    await turns();
    for (let at = 0; at < 4; at++) say("sync", { sinceEventId: 0 });
    await turns();
    expect(sent.filter((type) => type === "sync_response")).toHaveLength(8);
  });

  it("[AU-6] are bounded: a connection that sends more is ended", () => {
    const { say, ended } = unauthenticated(() => new Promise(() => {}));
    say("connect", connect);
    for (let at = 0; at < bounds.framesBehindTokenMax; at++) say("heartbeat", {});
    expect(ended).toEqual([]);
    say("heartbeat", {});
    expect(ended).toEqual([1013]);
  });

  it("[AU-6] are bounded in bytes, also before authentication", () => {
    const { say, ended } = unauthenticated(() => new Promise(() => {}));
    say("connect", connect);
    say("presence", { state: "x".repeat(bounds.unauthenticatedBytesMax / 2) });
    expect(ended).toEqual([]);
    say("presence", { state: "x".repeat(bounds.unauthenticatedBytesMax / 2) });
    expect(ended).toEqual([1013]);
  });
});

describe("drafts behind the first draft of a partition", () => {
  const turn = () => new Promise((resolve) => setTimeout(resolve));
  const draft = (draftId: string) => ({ draftId, event: { type: "set", payload: { target: "n", value: 1 } } });

  it("[WP-10] can be as many as a client may have in flight", async () => {
    let claimed = () => {};
    const { say, sent, ended } = unauthenticated(
      async () => author,
      () => new Promise((resolve) => (claimed = () => resolve(undefined))),
    );
    say("connect", connect);
    await turn();
    for (let at = 0; at < bounds.queueWorkPerConnectionMax; at++) say("submit_event", draft(`d${at}`));
    await turn();
    expect(ended).toEqual([]);
    claimed();
    await turn();
    expect(sent).toContain("event_accepted");
  });

  it.each(["identity_unavailable", "partition_unavailable"] as const)(
    "[WP-12] are not decided before it if the tenant cannot be reached: %s",
    async (code) => {
      const answers = [{ code, detail: "", retryAfter: 1 }];
      const { say, sent } = unauthenticated(
        async () => author,
        async () => answers.pop(),
      );
      say("connect", connect);
      await turn();
      say("submit_event", draft("d1"));
      say("submit_event", draft("d2"));
      await turn();
      expect(sent).toEqual(["connected", code, code]);
      say("submit_event", draft("d1"));
      say("submit_event", draft("d2"));
      await turn();
      expect(sent.slice(3).filter((type) => type === "event_accepted")).toHaveLength(2);
    },
  );
});

it("[BD-1] frames of many connections that wait for their peers are served in several turns, though their pauses end together", () => {
  const room = new TestPartition();
  let decoded = 0;
  let unread = 0;
  const turns: (() => void)[] = [];
  const pauses: (() => void)[] = [];
  const carrier = {
    send: () => {},
    end: () => {},
    save: () => {},
    lastSignOfLife: () => 0,
    unreadUnits: () => unread,
  };
  const dialect = {
    ...room.codec,
    decode: (frame: string) => {
      decoded++;
      return room.codec.decode(frame);
    },
  };
  const pause = (run: () => void) => {
    pauses.push(run);
    return () => {};
  };
  const host = connectionHost(room, { dialects: new Dialects(dialect), pause }, (turn) => void turns.push(turn));
  const connections = Array.from({ length: 20 }, (_, at) => {
    const connection = new Connection(carrier, host, { session: newSession(undefined, false), seenAt: room.now });
    room.partition.attach(connection.session, room.now);
    const payload = { clientId: `c${at}`, version: "1" };
    connection.read(JSON.stringify({ id: "m", type: "connect", timestamp: 1, payload }), room.now);
    return connection;
  });
  unread = Number.MAX_SAFE_INTEGER;
  const sync = { id: "m", type: "sync", timestamp: 1, payload: { sinceEventId: 0, pad: "x".repeat(60_000) } };
  for (const connection of connections) connection.read(JSON.stringify(sync), room.now);
  expect(pauses).toHaveLength(20);
  unread = decoded = 0;
  for (const run of pauses) run();
  expect(decoded).toBe(0);
  let most = 0;
  for (let turn = turns.shift(); turn; turn = turns.shift()) {
    const before = decoded;
    turn();
    most = Math.max(most, decoded - before);
  }
  expect(decoded).toBe(20);
  expect(most).toBeLessThan(10);
});
