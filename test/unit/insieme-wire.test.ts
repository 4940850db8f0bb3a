import { describe, expect, it } from "vitest";
import type { Subject } from "../../src/identity/verify.ts";
import { defineModel, foldEvent, State } from "../../src/model/index.ts";
import { openTypes } from "../../src/models/open-types/index.ts";
import type { Failure } from "../../src/protocol/index.ts";
import * as z from "zod/mini";
import { InsiemeConnection, item } from "../support/insieme-wire.ts";
import type { Message } from "../support/partition.ts";
import { generousTenant, TestShell, turn } from "../support/shell.ts";

const open = openTypes();
const shellOf = () => new TestShell({ model: open });

describe("the handshake of the Insieme wire", () => {
  it("[WP-13] answers connect by where the project stands, with the msgId of the request", async () => {
    const client = await InsiemeConnection.open(shellOf());
    expect(client.send("connect", { token: "t", clientId: "c1", projectId: "room" })).toEqual([
      {
        type: "connected",
        protocolVersion: "1.0",
        msgId: "m-1",
        payload: { clientId: "c1", projectId: "room", projectLastCommittedId: 0 },
      },
    ]);
    expect(client.sync(0)).toMatchObject({
      type: "sync_response",
      payload: { projectId: "room", events: [], nextSinceCommittedId: 0, hasMore: false, syncToCommittedId: 0 },
    });
  });

  it("[WP-13] is recognised by its first frame where no address has chosen it", async () => {
    const client = await InsiemeConnection.open(shellOf(), { dialect: "" });
    expect(client.send("connect", { token: "t", clientId: "c1", projectId: "room" })[0].type).toBe("connected");
  });

  it("[WP-13] [WP-2] takes nothing before connect, and stays open", async () => {
    const client = await InsiemeConnection.open(shellOf());
    expect(client.send("sync", { projectId: "room", sinceCommittedId: 0 })[0]).toMatchObject({
      type: "error",
      payload: { code: "bad_request", message: expect.any(String), details: {} },
    });
    expect(client.send("connect", { token: "t", clientId: "c1", projectId: "room" })[0].type).toBe("connected");
    expect(client.send("connect", { token: "t", clientId: "c1", projectId: "room" })[0].payload.code).toBe(
      "bad_request",
    );
    expect(client.ended).toEqual([]);
  });

  it.each([
    ["no type", { protocolVersion: "1.0", payload: {} }],
    ["no payload", { type: "sync", protocolVersion: "1.0" }],
    ["an unknown type", { type: "shout", protocolVersion: "1.0", payload: {} }],
    ["a msgId that is no text", { type: "sync", protocolVersion: "1.0", payload: {}, msgId: 7 }],
    ["no events", { type: "submit_events", protocolVersion: "1.0", payload: { events: [] } }],
    ["an event without an id", { type: "submit_events", protocolVersion: "1.0", payload: { events: [{}] } }],
  ])("[WP-13] [WP-8] refuses a message with %s, and stays open", async (_, message) => {
    const client = await InsiemeConnection.connected(shellOf());
    client.raw(JSON.stringify(message));
    expect(client.messages.at(-1)).toMatchObject({ type: "error", payload: { code: "bad_request" } });
    expect(client.ended).toEqual([]);
  });

  it("[WP-13] ends a connection of another version of the wire", async () => {
    const client = await InsiemeConnection.open(shellOf());
    client.send("connect", { token: "t", clientId: "c1", projectId: "room" }, { protocolVersion: "2.0" });
    expect(client.messages[0]).toMatchObject({ type: "error", payload: { code: "protocolVersion_unsupported" } });
    expect(client.ended).toEqual([1002]);
  });

  it("[WP-13] ends a connection to another project than that of its address", async () => {
    const client = await InsiemeConnection.open(shellOf());
    client.send("connect", { token: "t", clientId: "c1", projectId: "other" });
    expect(client.messages[0]).toMatchObject({ type: "error", payload: { code: "forbidden" } });
    expect(client.ended).toEqual([4403]);
  });

  it("[WP-13] [AU-10] ends a connection that sends more than a message may have", async () => {
    const client = await InsiemeConnection.connected(shellOf());
    client.send("submit_events", { events: [item("a", { payload: { text: "x".repeat(70_000) } })] });
    expect(client.messages.at(-1)).toMatchObject({ type: "error", payload: { code: "bad_request" } });
    expect(client.ended).toEqual([1009]);
  });

  it("[WP-13] takes a batch that is as large as their client fills it", async () => {
    const client = await InsiemeConnection.connected(shellOf());
    const title = "x".repeat(64 * 1024 - 260);
    expect(client.submit(item("a", { payload: { title } }))).toMatchObject([{ status: "committed" }]);
  });
});

describe("tokens on the Insieme wire", () => {
  const subject: Subject = {
    principal: "alice",
    tenant: "default",
    partitions: ["*"],
    permissions: ["read", "submit:*"],
    roles: [],
    expiresAt: 1_700_000_600_000,
    issuedAt: undefined,
    jti: undefined,
    clientId: "c1",
  };
  const connectAs = async (verified: Subject | Failure, clientId = "c1") => {
    const shell = new TestShell({ model: open, tenant: generousTenant, verify: async () => verified });
    const client = await InsiemeConnection.open(shell, { awaitsToken: true });
    client.send("connect", { token: "t", clientId, projectId: "room" });
    await turn();
    await turn();
    shell.elapse(0);
    return { client, shell };
  };

  it("[WP-13] [AU-2] the token of connect says who it is", async () => {
    const { client } = await connectAs(subject);
    expect(client.messages[0]).toMatchObject({ type: "connected" });
  });

  it.each([
    ["that names another client", { ...subject, clientId: "c2" }],
    ["that names no client", { ...subject, clientId: undefined }],
    ["that is not valid", { code: "unauthenticated", detail: "Not valid." } as Failure],
    ["that has expired", { code: "auth_expired", detail: "Expired." } as Failure],
  ])("[WP-13] [AU-1] a token %s ends the connection", async (_, verified) => {
    const { client } = await connectAs(verified);
    expect(client.messages).toMatchObject([{ type: "error", payload: { code: "auth_failed" } }]);
    expect(client.ended).toEqual([4401]);
  });

  it("[WP-13] [AU-3] a token for other projects ends the connection", async () => {
    const { client } = await connectAs({ ...subject, partitions: ["other"] });
    expect(client.messages).toMatchObject([{ type: "error", payload: { code: "forbidden" } }]);
    expect(client.ended).toEqual([4403]);
  });

  it("[WP-13] [AU-4] ends with its token", async () => {
    const { client, shell } = await connectAs(subject);
    shell.now = 1_700_000_600_000;
    client.sync(0);
    expect(client.messages.at(-1)).toMatchObject({ type: "error", payload: { code: "auth_failed" } });
    expect(client.ended).toEqual([4401]);
  });

  it("[WP-13] [AU-8] a draft is rejected that names another user than the token", async () => {
    const submitAs = async (verified: Subject, userId: string) => {
      const { client } = await connectAs(verified);
      client.send("submit_events", { events: [item("a", { userId })] });
      for (let at = 0; at < 5; at++) await turn();
      return client.of("submit_events_result")[0].results[0];
    };
    expect(await submitAs(subject, "mallory")).toMatchObject({ status: "rejected", reason: "forbidden" });
    expect(await submitAs(subject, "alice")).toMatchObject({ status: "committed" });
    expect(await submitAs({ ...subject, userId: "u1" }, "alice")).toMatchObject({ status: "rejected" });
    expect(await submitAs({ ...subject, userId: "u1" }, "u1")).toMatchObject({ status: "committed" });
  });
});

describe("submitting on the Insieme wire", () => {
  it("[WP-13] [MD-18] commits in order, and broadcasts to everybody else", async () => {
    const shell = shellOf();
    const a = await InsiemeConnection.connected(shell);
    const b = await InsiemeConnection.connected(shell, "c2");
    const results = a.submit(
      item("one", { userId: "u", meta: { clientId: "c1", clientTs: 5, tag: "x" } }),
      item("two"),
    );
    expect(results).toEqual([
      { id: "one", status: "committed", committedId: 1, serverTs: shell.now },
      { id: "two", status: "committed", committedId: 2, serverTs: shell.now },
    ]);
    expect(a.of("event_broadcast")).toEqual([]);
    expect(b.of("event_broadcast")).toEqual([
      {
        committedId: 1,
        id: "one",
        projectId: "room",
        userId: "u",
        partition: "session-1",
        type: "todo.add",
        schemaVersion: 1,
        payload: { title: "one" },
        meta: { clientId: "c1", clientTs: 5, tag: "x" },
        serverTs: shell.now,
      },
      expect.objectContaining({ committedId: 2, id: "two" }),
    ]);
    expect(b.sync(0).payload.events).toEqual(b.of("event_broadcast"));
  });

  it("[WP-13] [ID-1] the same id with the same content is answered as before, for all senders", async () => {
    const shell = shellOf();
    const a = await InsiemeConnection.connected(shell);
    const b = await InsiemeConnection.connected(shell, "c2");
    const [first] = a.submit(item("one", { payload: { x: 1, y: 2 } }));
    shell.elapse(1_000);
    expect(a.submit(item("one", { payload: { y: 2, x: 1 } }))).toEqual([first]);
    const meta = { clientTs: 1_700_000_000_001, clientId: "c2" };
    expect(b.submit(item("one", { payload: { x: 1, y: 2 }, meta }))).toEqual([first]);
    expect(b.of("event_broadcast")).toHaveLength(1);
  });

  it.each([
    ["payload", { payload: { title: "other" } }],
    ["label", { partition: "session-2" }],
    ["user", { userId: "u" }],
    ["type", { type: "todo.remove" }],
    ["version", { schemaVersion: 2 }],
    ["time", { meta: { clientId: "c1", clientTs: 2 } }],
    ["note", { meta: { clientId: "c1", clientTs: 1_700_000_000_001, note: 1 } }],
  ])("[WP-13] [ID-7] [MD-18] the same id with another %s is rejected, and takes no id", async (_, change) => {
    const client = await InsiemeConnection.connected(shellOf());
    client.submit(item("one"));
    expect(client.submit(item("one", change))).toMatchObject([
      { id: "one", status: "rejected", reason: "validation_failed", errors: [{ message: expect.any(String) }] },
    ]);
    expect(client.submit(item("two"))).toMatchObject([{ committedId: 2 }]);
  });

  it("[WP-13] [ID-9] an id never meets the same one of our clients", async () => {
    const shell = shellOf();
    const theirs = await InsiemeConnection.connected(shell, "c1");
    const ours = await shell.open();
    ours.send("connect", { clientId: "c1", version: "1" });
    ours.send("submit_event", { draftId: "one", event: { type: "todo.add", payload: { by: "ours" } } });
    expect(theirs.submit(item("one"))).toMatchObject([{ status: "committed", committedId: 2 }]);
    expect(theirs.of("event_broadcast")).toMatchObject([{ id: "evt-1", committedId: 1 }]);
    ours.send("submit_event", { draftId: "one", event: { type: "todo.add", payload: { by: "ours" } } });
    expect(ours.messages.at(-1)).toMatchObject({ type: "event_accepted", payload: { eventId: 1 } });
    expect(theirs.submit(item("evt-1"))).toMatchObject([{ status: "rejected", reason: "validation_failed" }]);
  });

  it.each([
    ["no type", { type: "" }, "validation_failed", "type"],
    ["a version that is none", { schemaVersion: 1.5 }, "validation_failed", "schemaVersion"],
    ["a payload that is none", { payload: [] }, "validation_failed", "payload"],
    ["no label", { partition: "" }, "validation_failed", "partition"],
    ["a label that is too long", { partition: "x".repeat(257) }, "validation_failed", "partition"],
    ["no project", { projectId: undefined }, "validation_failed", "projectId"],
    ["another project", { projectId: "other" }, "forbidden", "partition"],
    ["no time", { meta: { clientId: "c1" } }, "validation_failed", "meta.clientTs"],
    ["much metadata", { meta: { clientTs: 1, x: "x".repeat(5_000) } }, "validation_failed", "meta"],
    ["a user that is none", { userId: "" }, "validation_failed", "userId"],
    ["another client", { meta: { clientId: "c2", clientTs: 1 } }, "forbidden", "meta.clientId"],
    ["a label that no state can have as a key", { partition: "constructor" }, "validation_failed", "label"],
  ])("[WP-13] rejects an event with %s, and leaves those after it open", async (_, change, reason, field) => {
    const client = await InsiemeConnection.connected(shellOf());
    const results = client.submit(item("zero"), item("one", change), item("two"), item("three"));
    expect(results).toMatchObject([
      { id: "zero", status: "committed", committedId: 1 },
      { id: "one", status: "rejected", reason, errors: [{ field }], created: expect.any(Number) },
      { id: "two", status: "not_processed", reason: "prior_item_failed", blockedById: "one" },
      { id: "three", status: "not_processed", reason: "prior_item_failed", blockedById: "one" },
    ]);
    expect(client.submit(item("two"))).toMatchObject([{ committedId: 2 }]);
  });

  it("[WP-13] [AU-10] rejects the event that has hostile JSON, so that it is not sent for ever", async () => {
    const client = await InsiemeConnection.connected(shellOf());
    const frame = JSON.stringify({
      type: "submit_events",
      protocolVersion: "1.0",
      payload: { events: [item("one"), item("two", { payload: { n: "HERE" } })] },
    });
    client.raw(frame.replace('"HERE"', "1e20"));
    expect(client.of("submit_events_result")[0].results).toMatchObject([
      { id: "one", status: "committed" },
      { id: "two", status: "rejected", errors: [{ field: "payload.n", code: "number_out_of_range" }] },
    ]);
  });

  it("[WP-13] [ER-9] rejects an event on which the model fails, and one that finds no room", async () => {
    const model = defineModel({
      name: "failing",
      version: 1,
      initialState: () => ({}),
      events: {
        "todo.add": {
          payload: z.object({}),
          reduce() {
            throw new Error("secret");
          },
        },
      },
    });
    const client = await InsiemeConnection.connected(new TestShell({ model }));
    const results = client.submit(item("one", { payload: {} }), item("two", { payload: {} }));
    expect(results).toMatchObject([
      { id: "one", status: "rejected", reason: "validation_failed" },
      { id: "two", status: "not_processed", blockedById: "one" },
    ]);
    expect(client.frames.join()).not.toContain("secret");
  });
});

describe("rates on the Insieme wire", () => {
  const pass = async (shell: TestShell, seconds: number) => {
    for (let at = 0; at < seconds * 10; at++) {
      shell.elapse(100);
      await turn();
      shell.elapse(0);
    }
  };
  const limited = () => new TestShell({ model: open, limits: { principal: { perSecond: 2, burst: 4 } } });
  const ids = (count: number) => Array.from({ length: count }, (_, at) => item(`e${at}`));

  it("[WP-13] [AU-5] [LC-10] a client that is faster than its rate is slowed down, and loses nothing", async () => {
    const shell = limited();
    const client = await InsiemeConnection.connected(shell);
    const other = await InsiemeConnection.connected(shell, "c2");
    const statuses = () =>
      client
        .of("submit_events_result")
        .at(-1)
        .results.map(({ status }: Message) => status);
    client.send("submit_events", { events: ids(10) });
    expect(statuses()).toEqual([...Array(4).fill("committed"), ...Array(6).fill("not_processed")]);
    // As their client does at once: it waits here, and what it sends meanwhile waits behind it.
    expect(client.send("submit_events", { events: ids(10).slice(4) })).toEqual([]);
    expect(client.send("submit_events", { events: [item("later")] })).toEqual([]);
    await pass(shell, 1);
    expect(statuses()).toEqual(["committed", "committed", ...Array(4).fill("not_processed")]);
    await pass(shell, 1);
    expect(client.of("submit_events_result")[2].results).toMatchObject([{ id: "later", status: "committed" }]);
    for (let sent = 6; sent < 10; sent++) {
      client.send("submit_events", { events: ids(10).slice(sent) });
      await pass(shell, 1);
    }
    expect(statuses()).toEqual(["committed"]);
    expect(other.of("event_broadcast").map(({ committedId }) => committedId)).toEqual(
      Array.from({ length: 11 }, (_, at) => at + 1),
    );
    expect(client.ended).toEqual([]);
    expect(shell.timers).toBe(0);
  });

  it("[WP-13] [AU-5] is answered by rate_limited where it would wait for longer than 20 seconds, and its connection ends", async () => {
    const shell = new TestShell({ model: open, limits: { principal: { perSecond: 0.04, burst: 4 } } });
    const client = await InsiemeConnection.connected(shell);
    client.submit(...ids(4));
    client.send("submit_events", { events: ids(5).slice(4) });
    expect(client.messages.at(-1)).toMatchObject({ type: "error", payload: { code: "rate_limited" } });
    expect(client.ended).toEqual([1013]);
  });

  it("[WP-13] [AU-5] [BD-5] one that reads more than its rate is refused, and its connection ends", async () => {
    const shell = new TestShell({ model: open, limits: { reads: { perSecond: 10, burst: 10 } } });
    const client = await InsiemeConnection.connected(shell);
    client.submit(...ids(100));
    client.sync(0);
    client.sync(0);
    expect(client.messages.at(-1)).toMatchObject({ type: "error", payload: { code: "rate_limited" } });
    expect(client.ended).toEqual([1013]);
  });
});

describe("paging on the Insieme wire", () => {
  const filled = async (count: number) => {
    const shell = shellOf();
    const writer = await InsiemeConnection.connected(shell, "c1");
    for (let at = 1; at <= count; at++) writer.submit(item(`e${at}`));
    return { shell, writer };
  };
  const idsOf = (events: { committedId: number }[]) => events.map(({ committedId }) => committedId);

  it("[WP-13] [WP-7] a cycle has the end that its first page has fixed, and what follows comes at once after it", async () => {
    const { shell, writer } = await filled(5);
    const reader = await InsiemeConnection.connected(shell, "c2");
    const first = reader.sync(0, { limit: 2 }).payload;
    expect(first).toMatchObject({ nextSinceCommittedId: 2, hasMore: true, syncToCommittedId: 5 });
    writer.submit(item("e6"), item("e7"));
    expect(reader.of("event_broadcast")).toEqual([]);
    expect(reader.sync(2, { limit: 2 }).payload).toMatchObject({ hasMore: true, syncToCommittedId: 5 });
    const [last, ...followed] = reader.send("sync", { projectId: "room", sinceCommittedId: 4, limit: 2 });
    expect(last.payload).toMatchObject({ nextSinceCommittedId: 5, hasMore: false, syncToCommittedId: 5 });
    expect(idsOf(last.payload.events)).toEqual([5]);
    expect(followed.map(({ type }) => type)).toEqual(["event_broadcast", "event_broadcast"]);
    expect(idsOf(followed.map(({ payload }) => payload))).toEqual([6, 7]);
    writer.submit(item("e8"));
    expect(idsOf(reader.of("event_broadcast"))).toEqual([6, 7, 8]);
    expect(reader.sync(8).payload).toMatchObject({ events: [], hasMore: false, syncToCommittedId: 8 });
  });

  it("[WP-13] [WP-6] what follows a cycle is whole and in order, however much it is, while others commit", async () => {
    const { shell, writer } = await filled(2);
    const reader = await InsiemeConnection.connected(shell, "c2");
    reader.sync(0, { limit: 1 });
    const big = { payload: { text: "x".repeat(60_000) } };
    for (let at = 3; at <= 42; at++) writer.submit(item(`e${at}`, big));
    reader.raw(
      JSON.stringify({
        type: "sync",
        protocolVersion: "1.0",
        payload: { projectId: "room", sinceCommittedId: 1, limit: 5 },
      }),
    );
    writer.raw(JSON.stringify({ type: "submit_events", protocolVersion: "1.0", payload: { events: [item("e43")] } }));
    shell.elapse(0);
    writer.submit(item("e44"));
    shell.elapse(10_000);
    expect(idsOf(reader.of("event_broadcast"))).toEqual(Array.from({ length: 42 }, (_, at) => at + 3));
  });

  it("[WP-13] [WP-7] limits are clamped, and a cursor past the log is refused", async () => {
    const { shell } = await filled(3);
    const reader = await InsiemeConnection.connected(shell, "c2");
    expect(reader.sync(0, { limit: -4 }).payload.events).toHaveLength(1);
    expect(reader.sync(0, { limit: "many" }).payload.events).toHaveLength(3);
    expect(reader.sync(4)).toMatchObject({ type: "error", payload: { code: "bad_request" } });
    expect(reader.ended).toEqual([]);
  });

  it("[WP-13] [LC-4] a drained project tells its clients to connect again", async () => {
    const shell = shellOf();
    const client = await InsiemeConnection.connected(shell);
    shell.shell.drain(5);
    expect(client.messages.at(-1)).toMatchObject({ type: "error", payload: { code: "server_error" } });
    expect(client.ended).toEqual([1012]);
  });

  it("[WP-13] [LC-7] a client that only reads stays connected, as long as it can have read what it was sent", async () => {
    const shell = shellOf();
    const writer = await InsiemeConnection.connected(shell);
    const reader = await InsiemeConnection.connected(shell, "c2");
    const text = "x".repeat(60_000);
    for (let at = 0; at < 400; at++) {
      writer.submit(item(`e${at}`, { payload: { text } }));
      shell.elapse(30);
    }
    shell.elapse(24 * 60 * 60 * 1_000);
    expect(reader.ended).toEqual([]);
    for (let at = 0; at < 300; at++) writer.submit(item(`f${at}`, { payload: { text } }));
    expect(reader.ended).toEqual([1013]);
    expect(reader.messages.at(-1)).toMatchObject({ type: "event_broadcast" });
  });
});

describe("both kinds of client on one partition", () => {
  it("[WP-13] [MD-18] our clients get labels, users and metadata if they ask, and fold the same state", async () => {
    const shell = shellOf();
    const ours = await shell.open();
    ours.send("connect", { clientId: "ours", version: "1", annotations: true });
    const earlier = await shell.open();
    earlier.send("connect", { clientId: "earlier", version: "1" });
    const theirs = await InsiemeConnection.connected(shell);
    theirs.submit(item("one", { userId: "u" }), item("two", { partition: "session-2" }));
    ours.send("submit_event", { draftId: "d", event: { type: "todo.add", payload: {} } });

    const broadcasts = ours.messages.filter(({ type }) => type === "broadcast").map(({ payload }) => payload.event);
    expect(broadcasts[0]).toEqual({
      type: "todo.add",
      payload: { title: "one" },
      version: 1,
      partition: "room",
      id: "evt-1",
      timestamp: shell.now,
      clientId: "c1",
      label: "session-1",
      userId: "u",
      meta: { clientTs: 1_700_000_000_001 },
    });
    expect(JSON.stringify(earlier.messages)).not.toMatch(/label|userId|meta/);

    const state = new State(open.initialState());
    for (const event of broadcasts) foldEvent(open, state, event);
    const { body } = await shell.shell.readState(undefined, { traceId: "f".repeat(32) });
    expect(state.read((view) => view)).toEqual(JSON.parse(body as string).state);
    expect(JSON.parse(body as string).state).toEqual({ counts: { "session-1": 1, "session-2": 1, "": 1 } });

    ours.send("sync", { sinceEventId: 0, limit: 1 });
    expect(ours.messages.at(-1)?.payload.events[0].event).toEqual(broadcasts[0]);
    const read = (annotations: boolean) =>
      shell.shell
        .readEvents(0, 1, { traceId: "f".repeat(32) }, { annotations })
        .then((answer) => JSON.parse(answer.body));
    expect((await read(true)).events[0].event).toEqual(broadcasts[0]);
    expect((await read(false)).events[0].event.label).toBeUndefined();
  });

  it("[WP-13] [MD-13] who has made an event is its principal, though its id belongs to the project", async () => {
    const shell = new TestShell({ model: { ...open, authors: "shown" } });
    const ours = await shell.open();
    ours.send("connect", { clientId: "ours", version: "1", authors: true, draftIds: true });
    const theirs = await InsiemeConnection.connected(shell);
    theirs.submit(item("one"));
    expect(ours.messages.at(-1)?.payload.event.author).toBe("dev:c1");
    ours.send("sync", { sinceEventId: 0 });
    expect(ours.messages.at(-1)?.payload.events[0].draftId).toBeUndefined();
  });

  it("[WP-13] a type whose drafts have to state what they have seen cannot be submitted on this wire", async () => {
    const model = defineModel({
      name: "careful",
      version: 1,
      initialState: () => ({}),
      events: { "todo.add": { payload: z.object({}), conflict: "reject", reduce() {} } },
    });
    const client = await InsiemeConnection.connected(new TestShell({ model }));
    expect(client.submit(item("one", { payload: {} }))).toMatchObject([
      { status: "rejected", reason: "validation_failed", errors: [{ field: "expectedEventId" }] },
    ]);
  });
});
