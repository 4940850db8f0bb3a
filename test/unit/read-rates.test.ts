import { describe, expect, it } from "vitest";
import { Subscription } from "../../src/core/index.ts";
import { type Author, bounds, defaultLimits, type Limits, noLimits } from "../../src/protocol/index.ts";
import { EventSink } from "../../src/shell/event-sink.ts";
import { type Message, type TestConnection, TestPartition } from "../support/partition.ts";
import { NodeSqlDriver } from "../../src/storage/node.ts";
import { generousTenant, TestShell, turn } from "../support/shell.ts";

const reads = { perSecond: 1, burst: 4 };
const withReads = (limits: Partial<Limits> = { reads }): TestPartition => {
  const room = new TestPartition();
  room.partition.limit({ ...noLimits, ...limits });
  return room;
};
const set = (connection: TestConnection, draftId: string, value: unknown = 1): Message =>
  connection.submit(draftId, "set", { target: "n", value });
const sync = (connection: TestConnection, sinceEventId = 0): Message => connection.send("sync", { sinceEventId })[0];
const codeOf = ({ type, payload }: Message): string => (type === "error" ? payload.code : type);

describe("the rate of reads on a connection", () => {
  it("[BD-5] [AU-5] refuses reads above it with the time to retry, and answers them then", () => {
    const room = withReads();
    const alice = room.client("alice");
    expect([sync(alice), sync(alice), sync(alice), sync(alice)].map(codeOf)).toEqual(Array(4).fill("sync_response"));
    const refused = alice.send("sync", { sinceEventId: 0 })[0];
    expect(refused).toMatchObject({
      type: "error",
      payload: {
        code: "rate_limited",
        status: 429,
        retryable: true,
        retryAfter: 1,
        rateLimit: { policy: "reads", quota: 4, windowSeconds: 4 },
      },
    });
    expect(refused.inReplyTo).toBe("m-6");
    expect(refused.payload.draftId).toBeUndefined();
    room.now += 1_000;
    expect(codeOf(sync(alice))).toBe("sync_response");
    expect(codeOf(sync(alice))).toBe("rate_limited");
  });

  it("[BD-5] [AU-5] is that of a principal, with any number of connections", () => {
    const room = withReads();
    for (let at = 0; at < 4; at++) expect(codeOf(sync(room.client("alice")))).toBe("sync_response");
    expect(codeOf(sync(room.client("alice")))).toBe("rate_limited");
    expect(codeOf(sync(room.client("bob")))).toBe("sync_response");
  });

  it("[BD-5] is in units of work: what is produced is paid for after it was, as a debt", () => {
    const room = withReads({ reads: { perSecond: 10, burst: 100 } });
    const alice = room.client("alice");
    for (let at = 1; at <= 20; at++) set(alice, `d${at}`, "x".repeat(60_000));
    expect(sync(alice).payload.events).toHaveLength(17);
    const units = 1 + Math.floor((17 * (60_027 + 3 + 3 + 360)) / bounds.readUnitBytes);
    const refused = sync(alice);
    expect(codeOf(refused)).toBe("rate_limited");
    expect(refused.payload.retryAfter).toBe(Math.ceil((units - 100 + 1) / 10));
  });

  it.each([
    ["sync", "sync", { sinceEventId: 0 }],
    ["hash", "hash", {}],
    ["state_chunk", "state_chunk", { eventIndex: 0, chunk: 0 }],
  ])("[BD-5] counts %s", (_, type, payload) => {
    const room = withReads({ reads: { perSecond: 1, burst: 1 } });
    const alice = room.client("alice");
    alice.send(type, payload);
    expect(codeOf(alice.send(type, payload)[0])).toBe("rate_limited");
  });

  it("[BD-5] counts a connect that reads; one that reads nothing is never refused", () => {
    const room = withReads({ reads: { perSecond: 1, burst: 1 } });
    const connect = (more: object) => codeOf(room.open().connect("alice", more)[0]!);
    expect(connect({ initialState: true })).toBe("connected");
    expect(connect({ initialState: true })).toBe("rate_limited");
    expect(connect({ sinceEventId: 0 })).toBe("rate_limited");
    expect(connect({})).toBe("connected");
    const again = room.open();
    again.connect("alice", { sinceEventId: 0 });
    room.now += 1_000;
    expect(codeOf(again.connect("alice", { sinceEventId: 0 })[0]!)).toBe("connected");
    // The identity comes first: this connection has to send a token.
    const unknown = room.attach({ ...room.open().saved, awaitsToken: true });
    expect(codeOf(unknown.connect("alice", { sinceEventId: 0 })[0]!)).toBe("unauthenticated");
  });

  it("[BD-5] [WP-12] a refused read holds back no draft, and moves no cursor", () => {
    const room = withReads({ reads: { perSecond: 1, burst: 1 } });
    const alice = room.client("alice");
    const bob = room.client("bob");
    sync(alice);
    expect(codeOf(sync(alice))).toBe("rate_limited");
    expect(codeOf(set(alice, "d1"))).toBe("event_accepted");
    set(bob, "d2");
    expect(alice.of("broadcast").map(({ payload }) => payload.eventId)).toEqual([1, 2]);
  });

  it("[BD-5] costs no draft anything, and drafts cost no read", () => {
    const room = withReads({ principal: { perSecond: 1, burst: 2 }, reads: { perSecond: 1, burst: 2 } });
    const alice = room.client("alice");
    expect([sync(alice), sync(alice), sync(alice)].map(codeOf)[2]).toBe("rate_limited");
    expect([set(alice, "d1"), set(alice, "d2"), set(alice, "d3")].map(codeOf)).toEqual([
      "event_accepted",
      "event_accepted",
      "rate_limited",
    ]);
  });

  it("[BD-5] is limited by default where tokens are verified, and not in open development mode", () => {
    expect([defaultLimits.reads, noLimits.reads]).toEqual([{ perSecond: 1_000, burst: 60_000 }, null]);
  });
});

describe("the rate of reads over HTTP", () => {
  const reader: Author = { principal: "alice", permissions: ["read"] };
  const context = (ifNoneMatch?: string) => ({ traceId: "0".repeat(32), reader, ifNoneMatch });

  it("[BD-5] [ER-5] refuses with 429 and the headers of a rate; an unchanged answer costs one unit", async () => {
    const { shell } = new TestShell({ tenant: generousTenant, limits: { reads } });
    const page = await shell.readEvents(0, undefined, context());
    const unchanged = await shell.readEvents(0, undefined, context(page.headers["etag"]));
    const state = await shell.readState(undefined, context());
    const past = await shell.readState(0, context());
    expect([page.status, unchanged.status, state.status, past.status]).toEqual([200, 304, 200, 200]);
    const refused = [
      await shell.readState(undefined, context()),
      await shell.readEvents(0, undefined, context()),
      await shell.readEvents(0, undefined, context(page.headers["etag"])),
    ];
    for (const { status, headers, body } of refused) {
      expect(status).toBe(429);
      expect(headers).toMatchObject({
        "retry-after": "1",
        "ratelimit-policy": '"reads";q=4;w=4',
        ratelimit: '"reads";r=0;t=1',
      });
      expect((JSON.parse(body as string) as Message).rateLimit.policy).toBe("reads");
    }
    const other = { ...context(), reader: { ...reader, principal: "bob" } };
    expect((await shell.readState(undefined, other)).status).toBe(200);
    // Whether the partition is ready is nobody's read.
    for (let at = 0; at < 9; at++) expect((await shell.ready({ traceId: "0".repeat(32) })).status).toBe(200);
  });

  it("[BD-5] [WP-11] an unchanged answer reads no page, with a proof either", async () => {
    let pages = 0;
    const driver = new (class extends NodeSqlDriver {
      override query(...asked: Parameters<NodeSqlDriver["query"]>) {
        if (asked[0].startsWith("SELECT * FROM events WHERE event_id > ?1")) pages++;
        return super.query(...asked);
      }
    })();
    const host = new TestShell({ driver });
    const { shell } = host;
    for (let at = 1; at <= 3; at++) {
      const draftId = `d${at}`;
      const event = { type: "set", payload: { target: "n", value: at } };
      const drafts = [{ draftId, event, expectedEventId: undefined }];
      await host.submit({ ...reader, permissions: "all" }, { key: draftId, mode: "single", drafts });
    }
    const page = await shell.readEvents(0, 1, context(), { proofs: true });
    const { proof } = JSON.parse(page.body) as Message;
    const before = pages;
    expect((await shell.readEvents(1, 1, context(page.headers["etag"]), { proof })).status).toBe(304);
    expect((await shell.readEvents(1, 1, context(page.headers["etag"]), { proof: "other" })).status).toBe(409);
    expect(pages).toBe(before);
  });

  it("[BD-5] a refused or failed read is paid for, too", async () => {
    const { shell } = new TestShell({ tenant: generousTenant, limits: { reads } });
    const statuses = [];
    for (let at = 0; at < 5; at++) statuses.push((await shell.readState(99, context())).status);
    expect(statuses).toEqual([409, 409, 409, 409, 429]);
  });
});

describe("the rate of reads on a stream", () => {
  it("[BD-5] [WP-5] a stream that is over it waits, and then continues where it was", async () => {
    let text = "";
    const host = new TestShell({
      tenant: generousTenant,
      limits: { reads: { perSecond: 100, burst: 300 } },
      openBody: () => ({
        readable: new ReadableStream<Uint8Array>(),
        writer: {
          write: async (bytes) => void (text += new TextDecoder().decode(bytes)),
          close: async () => {},
          abort: async () => {},
          closed: new Promise(() => {}),
        },
      }),
    });
    const writer = await host.open({ principal: "bob", permissions: "all" });
    writer.send("connect", { clientId: "b", version: "0.0.8" });
    await turn();
    for (let at = 1; at <= 60; at++) {
      const event = { type: "set", payload: { target: "n", value: "x".repeat(60_000) } };
      writer.send("submit_event", { draftId: `d${at}`, event });
      if (at % 5 === 0) host.elapse(0);
      await turn();
    }
    const asked = { kind: "events", author: { principal: "alice", permissions: ["read"] }, since: 0 } as const;
    expect(await host.shell.stream(asked, undefined)).toBeInstanceOf(EventSink);
    const settle = async () => {
      for (let at = 0; at < 100; at++) {
        host.elapse(0);
        await turn();
      }
    };
    const ids = () => [...text.matchAll(/^id: (\d+)$/gm)].map(([, id]) => Number(id)).slice(1);
    await settle();
    // Two pages of 17: the first is within the burst, the second leaves a debt.
    expect(ids()).toHaveLength(34);
    // A new one is refused meanwhile.
    expect(await host.shell.stream(asked, undefined)).toMatchObject({ status: 429 });
    host.elapse(1_000);
    await settle();
    expect(ids()).toHaveLength(34);
    for (let at = 0; at < 10; at++) {
      host.elapse(1_000);
      await settle();
    }
    expect(ids()).toEqual(Array.from({ length: 60 }, (_, at) => at + 1));
    expect(text).not.toContain("event: end");
  });

  it("[BD-5] a pull that comes too early delivers nothing, and is repeated", () => {
    const room = withReads({ reads: { perSecond: 1, burst: 1 } });
    const bob = room.client("bob");
    for (let at = 1; at <= 20; at++) set(bob, `d${at}`, "x".repeat(60_000));
    const calls: (string | number)[] = [];
    const subscription = new Subscription(
      { principal: "alice", permissions: ["read"] },
      { eventId: 0, proof: undefined },
      1e6,
      {
        started: () => calls.push("started"),
        deliver: (events) => calls.push(events.length),
        behind: () => calls.push("behind"),
        ended: ({ code }) => calls.push(code),
      },
    );
    room.partition.attach(subscription, room.now);
    const pull = () => room.partition.process([{ subscription }], room.now);
    pull();
    pull();
    room.now += 600_000;
    pull();
    expect(calls).toEqual(["started", 17, "behind", "behind", 3, 0]);
  });
});
