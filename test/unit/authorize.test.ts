import { describe, expect, it } from "vitest";
import * as z from "zod/mini";
import { single, Subscription } from "../../src/core/index.ts";
import { defineModel } from "../../src/model/index.ts";
import { mistakesIn } from "../../src/model/mistakes.ts";
import type { Author } from "../../src/protocol/index.ts";
import { NodeSqlDriver } from "../../src/storage/node.ts";
import { board } from "../support/board.ts";
import { type Message, type TestConnection, TestPartition } from "../support/partition.ts";
import { TestShell } from "../support/shell.ts";

const link = "0123456789abcdefghij";
const verified = (principal: string, permissions: Author["permissions"] = ["read", "submit:*"]): Author => ({
  principal,
  permissions,
  expiresAt: 1_800_000_000_000,
});

function opened() {
  const room = new TestPartition({ model: board });
  let drafts = 0;
  const id = () => `d-${++drafts}`;
  /** A submission without a connection, as over HTTP. Returns its result. */
  const submit = (principal: string, type: string, payload: object = {}) => {
    const draft = single({ draftId: id(), event: { type, payload: payload as never }, expectedEventId: undefined });
    const outcome = room.partition.submit(verified(principal), principal, draft, room.now);
    if (outcome.kind === "refused") return outcome.failure.code;
    const result = outcome.verdict.results[0]!;
    return result.kind === "rejected" ? result.failure.code : result!.kind;
  };
  const connect = (principal: string, more: object = {}, permissions?: Author["permissions"]) => {
    const connection = room.open(verified(principal, permissions));
    return { connection, answer: connection.connect(principal, { authors: true, ...more })[0] as Message };
  };
  const nameOf = (principal: string) => room.partition.authors.of(principal)!;
  return { room, submit, connect, nameOf, id };
}

/** A board of alice, with bob as a viewer and carol as an editor. */
function shared() {
  const all = opened();
  all.submit("alice", "found", { name: "Alice" });
  all.submit("alice", "share", { link });
  for (const principal of ["bob", "carol"]) all.submit(principal, "join", { link, name: principal });
  all.submit("alice", "setRole", { member: all.nameOf("carol"), role: "editor" });
  return all;
}

const codes = (connection: TestConnection) => connection.of("error").map(({ payload }) => payload.code);

describe("a draft", () => {
  it("[MD-16] is rejected as forbidden where the state does not allow its type, whatever the token allows", () => {
    const { submit, connect } = shared();
    expect(submit("bob", "write", { id: "c", text: "x" })).toBe("forbidden");
    expect(submit("mallory", "write", { id: "c", text: "x" })).toBe("forbidden");
    expect(submit("carol", "write", { id: "c", text: "x" })).toBe("accepted");
    expect(submit("carol", "share", { link })).toBe("forbidden");
    const { connection } = connect("bob");
    expect(connection.submit("own", "write", { id: "c", text: "x" })).toMatchObject({
      type: "event_rejected",
      payload: { reason: "forbidden", layer: "permission", status: 403 },
    });
  });

  it("[MD-16] needs the permission of the token as before", () => {
    const { room, connect } = shared();
    const { connection } = connect("alice", {}, ["read"]);
    expect(connection.submit("own", "write", { id: "c", text: "x" }).payload).toMatchObject({
      reason: "forbidden",
      detail: 'Submitting "write" needs the permission "submit:write".',
    });
    expect(room.state()).toMatchObject({ cards: {} });
  });

  it("[MD-16] [ID-1] keeps its verdict: a right that comes later needs a new draft", () => {
    const { room, submit, connect, nameOf } = shared();
    const { connection } = connect("bob");
    connection.submit("own", "write", { id: "c", text: "x" });
    const verdict = connection.frames.at(-1);
    submit("alice", "setRole", { member: nameOf("bob"), role: "editor" });
    connection.submit("own", "write", { id: "c", text: "x" });
    expect(connection.frames.at(-1)).toBe(verdict);
    expect(connection.submit("new", "write", { id: "c", text: "x" }).type).toBe("event_accepted");
    room.restart();
    const again = connect("bob").connection;
    again.submit("own", "write", { id: "c", text: "x" });
    expect(again.frames).toContain(verdict);
  });

  it("[MD-16] [TX-6] of a batch is decided by the state before it, member by member", () => {
    const { connect, nameOf, room } = shared();
    const { connection } = connect("alice");
    const batch = (batchId: string, mode: string, ...events: [string, object][]) =>
      connection.send("submit_events", {
        batchId,
        mode,
        events: events.map(([type, payload], at) => ({ draftId: `${batchId}-${at}`, event: { type, payload } })),
      })[0].payload.results;
    const owner = { member: nameOf("bob"), role: "owner" };
    const demoted = { member: nameOf("alice"), role: "viewer" };
    const write = { id: "c", text: "x" };
    for (const mode of ["atomic", "sequential"]) {
      const results = batch(`no-${mode}`, mode, ["setRole", owner], ["setRole", demoted], ["write", write]);
      expect(results.at(-1)).toMatchObject({ status: "rejected", reason: "forbidden" });
      if (mode === "atomic") expect(room.state()).toMatchObject({ members: { [nameOf("alice")]: { role: "owner" } } });
    }
    expect(room.state()).toMatchObject({ members: { [nameOf("alice")]: { role: "viewer" } }, cards: {} });
  });

  it("[MD-16] [ER-9] on which authorize throws is never accepted", () => {
    const model = defineModel({
      name: "failing",
      version: 1,
      initialState: () => ({ count: 0 }),
      authorize: (_, __, action) => {
        if (action === "add") throw new Error("a secret");
        return true;
      },
      events: { add: { payload: z.strictObject({}), reduce: (state) => void state.count++ } },
    });
    const room = new TestPartition({ model });
    expect(room.client("a").submit("d", "add", {}).payload.code).toBe("draft_failed");
    expect(room.state()).toEqual({ count: 0 });
  });
});

describe("reading", () => {
  it("[MD-16] is refused at connect to one that the state does not know", () => {
    const { connect } = shared();
    for (const more of [{}, { initialState: true }, { sinceEventId: 0 }, { sinceEventId: 99 }]) {
      const { connection, answer } = connect("mallory", more);
      expect(answer).toMatchObject({ type: "error", payload: { code: "forbidden", status: 403 } });
      expect(connection.session.state.client).toBeUndefined();
      expect(connection.submit("d", "write", {}).payload.code).toBe("not_connected");
    }
    expect(connect("bob").answer.type).toBe("connected");
  });

  it("[MD-16] every reply that has content is checked, also when the right was lost without an event, as by a new version", () => {
    const { room, connect } = shared();
    const connection = connect("bob").connection;
    const { saved } = connection;
    room.restart({ ...board, authorize: () => false });
    const woken = room.attach(saved);
    for (const [type, payload] of [
      ["sync", { sinceEventId: 0 }],
      ["sync", {}],
      ["hash", {}],
      ["state_chunk", { eventIndex: 0, chunk: 0 }],
    ] as const) {
      expect(woken.send(type, payload)[0].payload.code).toBe("forbidden");
    }
    expect(woken.of("sync_response")).toEqual([]);
  });

  it("[MD-16] ends in the window of the event that takes the right, with the reason, and without this window's events", () => {
    const { room, connect, submit, nameOf } = shared();
    const [bob, carol] = [connect("bob"), connect("carol")];
    const before = bob.connection.frames.length;
    submit("alice", "write", { id: "c", text: "for all" });
    expect(bob.connection.frames.length).toBe(before + 1);
    submit("alice", "remove", { member: nameOf("bob") });
    submit("alice", "write", { id: "c", text: "secret" });
    expect(codes(bob.connection)).toEqual(["forbidden"]);
    expect(bob.connection.of("broadcast")).toHaveLength(1);
    expect(bob.connection.submit("late", "write", { id: "c", text: "x" }).payload.code).toBe("forbidden");
    expect(carol.connection.of("broadcast")).toHaveLength(3);
    expect(codes(carol.connection)).toEqual([]);
    expect(room.logged).toEqual([]);
  });

  it("[MD-16] gives who leaves the verdict first, and then the reason", () => {
    const { connect } = shared();
    const { connection } = connect("bob");
    expect(connection.submit("bye", "leave", {}).type).toBe("event_accepted");
    expect(connection.received.slice(-2)).toEqual(["accepted", "error"]);
    expect(connection.of("broadcast")).toEqual([]);
  });

  it("[MD-16] within one window: reads before the loss are answered, those after it are not", () => {
    const { room, connect, nameOf } = shared();
    const [alice, bob] = [connect("alice").connection, connect("bob").connection];
    const work = (connection: TestConnection, type: string, payload: object) => ({
      session: connection.session,
      command: room.codec.decode(JSON.stringify({ id: "m", type, timestamp: 0, payload })) as never,
    });
    const remove = { draftId: "r", event: { type: "remove", payload: { member: nameOf("bob") } } };
    room.partition.process(
      [
        work(bob, "sync", { sinceEventId: 0 }),
        work(alice, "submit_event", remove),
        work(bob, "sync", { sinceEventId: 0 }),
        work(bob, "hash", {}),
      ],
      room.now,
    );
    expect(bob.received.slice(1)).toEqual(["page", "error", "error", "error"]);
    expect(bob.of("sync_response")[0].payload.events).toHaveLength(5);
    expect(new Set(codes(bob))).toEqual(new Set(["forbidden"]));
  });

  it("[MD-16] [AU-4] ends streams of the log in the same window, and refuses their pages", () => {
    const { room, submit, nameOf } = shared();
    const calls: (string | number)[] = [];
    const read = (principal: string) => {
      const subscription = new Subscription(verified(principal), { eventId: 0, proof: undefined }, 1e6, {
        started: () => calls.push("started"),
        deliver: (events) => calls.push(...events.map(({ eventId }) => eventId)),
        behind: () => calls.push("behind"),
        ended: ({ code }) => calls.push(code),
      });
      room.partition.attach(subscription, room.now);
      room.partition.process([{ subscription }], room.now);
      return subscription;
    };
    read("mallory");
    expect(calls.splice(0)).toEqual(["forbidden"]);
    read("bob");
    expect(calls.splice(0)).toEqual(["started", 1, 2, 3, 4, 5]);
    submit("alice", "remove", { member: nameOf("bob") });
    submit("alice", "write", { id: "c", text: "secret" });
    expect(calls).toEqual(["forbidden"]);
  });

  it("[MD-16] looks at each principal once a window, however many connections it has, and at nobody without an event", () => {
    let asked: string[] = [];
    const room = new TestPartition({
      model: {
        ...board,
        authorize(state, who, action) {
          if (action === "read") asked.push(who.principal);
          return board.authorize!(state, who, action as "read");
        },
      },
    });
    const open = (principal: string) => {
      const connection = room.open(verified(principal));
      connection.connect(principal);
      return connection;
    };
    const alice = open("alice");
    alice.submit("f", "found", { name: "Alice" });
    for (let at = 0; at < 5; at++) open("alice");
    asked = [];
    alice.submit("w", "write", { id: "c", text: "x" });
    expect(asked).toEqual(["alice"]);
    asked = [];
    alice.submit("bad", "write", {});
    alice.send("heartbeat", {});
    expect(asked).toEqual([]);
  });

  it("[MD-16] [TX-18] allows nobody while the state is not valid", () => {
    const driver = new NodeSqlDriver();
    const room = new TestPartition({ model: board, driver });
    const founder = room.open(verified("alice"));
    founder.connect("alice");
    founder.submit("f", "found", { name: "Alice" });
    room.restart({ ...board, events: { ...board.events }, eventType: () => undefined } as never);
    const again = room.open(verified("alice"));
    expect(again.connect("alice")[0].payload.code).toBe("quarantined");
    expect(() => room.partition.assertAuthorized(verified("alice"), room.now)).toThrow(/event 1/);
  });

  it("[MD-16] is allowed to the permission admin:read, which no wildcard of users includes", () => {
    const { room, connect } = shared();
    for (const permissions of [
      ["read", "admin:read"],
      ["read", "admin:*"],
    ]) {
      expect(connect("support", {}, permissions).answer.type).toBe("connected");
    }
    for (const permissions of [["*"], ["read", "submit:*"]]) {
      expect(connect("support", {}, permissions).answer.payload.code).toBe("forbidden");
    }
    // It does not allow drafts: those are decided by the state alone, here as on the client.
    const { connection } = connect("support", {}, ["*", "admin:read"]);
    expect(connection.submit("d", "write", { id: "c", text: "x" }).payload.reason).toBe("forbidden");
    // In open development mode everybody has all permissions, and is a stranger all the same.
    const dev = room.client("dev");
    expect(codes(dev)).toEqual(["forbidden"]);
  });
});

describe("over HTTP", () => {
  it("[MD-16] every read is refused to who may not read, and a copy that is current does not help", async () => {
    const shell = new TestShell({ model: board });
    const submit = (principal: string, type: string, payload: object) =>
      shell.submit(
        verified(principal),
        single({
          draftId: `${principal}-${type}`,
          event: { type, payload: payload as never },
          expectedEventId: undefined,
        }),
      );
    expect((await submit("alice", "found", { name: "Alice" })).status).toBe(201);
    const context = (principal: string, ifNoneMatch?: string) => ({
      traceId: "f".repeat(32),
      reader: verified(principal),
      ifNoneMatch,
    });
    const reads = (principal: string, tag?: string) =>
      Promise.all([
        shell.shell.readState(undefined, context(principal, tag)),
        shell.shell.readState(1, context(principal, tag)),
        shell.shell.readEvents(0, undefined, context(principal, tag)),
        shell.shell.readUsage(context(principal, tag)),
      ]);
    const statuses = async (principal: string, tag?: string) =>
      (await reads(principal, tag)).map(({ status }) => status);
    expect(await statuses("alice")).toEqual([200, 200, 200, 200]);
    expect(await statuses("alice", "*")).toEqual([304, 304, 304, 200]);
    expect(await statuses("mallory")).toEqual([403, 403, 403, 403]);
    expect(await statuses("mallory", "*")).toEqual([403, 403, 403, 403]);
  });

  it("[MD-16] closes a connection with 4403 when its right is lost", async () => {
    const shell = new TestShell({ model: board });
    const open = async (principal: string) => {
      const connection = await shell.open(verified(principal));
      connection.send("connect", { clientId: principal, version: "1", authors: true });
      return connection;
    };
    const alice = await open("alice");
    const bob = await open("bob");
    const founded = { draftId: "f", event: { type: "found", payload: { name: "Alice" } } };
    alice.send("submit_event", founded);
    expect(bob.ended).toEqual([4403]);
    expect(bob.messages.at(-1)).toMatchObject({ type: "error", payload: { code: "forbidden" } });
    expect(bob.messages.filter(({ type }) => type === "broadcast")).toEqual([]);
    expect(alice.ended).toEqual([]);
  });

  it("[MD-16] closes it with that code, also where an earlier message of the window is refused", async () => {
    const shell = new TestShell({ model: board });
    const submit = (principal: string, type: string, payload: object) => {
      const event = { type, payload: payload as never };
      return shell.submit(verified(principal), single({ draftId: type, event, expectedEventId: undefined }));
    };
    await submit("alice", "found", { name: "Alice" });
    await submit("alice", "share", { link });
    await submit("bob", "join", { link, name: "Bob" });
    const bob = await shell.open(verified("bob"));
    bob.send("connect", { clientId: "bob", version: "1" });
    const message = (type: string, payload: object) => ({ id: type, type, timestamp: 0, payload });
    const leave = message("submit_event", { draftId: "l", event: { type: "leave", payload: {} } });
    bob.raw(JSON.stringify([message("sync", { sinceEventId: 99 }), leave]));
    shell.elapse(0);
    expect(bob.messages.map(({ type, payload }) => payload.code ?? type)).toEqual([
      "connected",
      "cursor_ahead",
      "event_accepted",
      "forbidden",
    ]);
    expect(bob.ended).toEqual([4403]);
  });
});

it("[MD-16] an event type cannot be called like the action of reading", () => {
  const events = { read: { payload: z.strictObject({}), reduce: () => {} } };
  const model = { name: "m", version: 1, initialState: () => ({}), events };
  expect(mistakesIn(defineModel({ ...model, authorize: () => true }))).toEqual([
    '"read" cannot name an event type beside authorize',
  ]);
  expect(mistakesIn(defineModel(model))).toEqual([]);
});
