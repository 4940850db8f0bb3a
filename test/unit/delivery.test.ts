import fc from "fast-check";
import { describe, expect, it, vi } from "vitest";
import { complete, rejectionRetentionMs, single, socketSweepMs } from "../../src/core/index.ts";
import { NodeSqlDriver } from "../../src/storage/node.ts";
import { bounds } from "../../src/protocol/index.ts";
import { type AnyModel, defineModel } from "../../src/model/index.ts";
import { WeighedState } from "../../src/model/weighed-state.ts";
import { insieme } from "../../src/models/insieme/index.ts";
import { type Message, sha256, type TestConnection, TestPartition } from "../support/partition.ts";

const ids = (events: { eventId: number }[]) => events.map(({ eventId }) => eventId);
const range = (from: number, to: number) => Array.from({ length: to - from + 1 }, (_, at) => from + at);

/** Writes events 1..n, each setting one key. */
function filled(n: number, bytes = 0): { room: TestPartition; writer: TestConnection } {
  const room = new TestPartition();
  const writer = room.client("writer");
  for (let at = 1; at <= n; at++) {
    writer.submit(`w-${at}`, "set", { target: `k${at % 50}`, value: { at, filler: "x".repeat(bytes) } });
  }
  return { room, writer };
}

describe("connect", () => {
  it("[WP-2] before connect only connect and heartbeat are accepted, and the socket stays open", () => {
    const { room } = filled(1);
    const a = room.open();
    expect(a.submit("d", "set", { target: "n", value: 1 })).toMatchObject({
      type: "error",
      payload: { code: "not_connected", draftId: "d" },
      inReplyTo: "m-1",
    });
    expect(a.send("sync", {})[0].payload.code).toBe("not_connected");
    expect(a.send("heartbeat", {})[0]).toMatchObject({ type: "heartbeat", payload: {}, inReplyTo: "m-3" });
    expect(a.of("broadcast")).toEqual([]);
    expect(a.connect("a")[0]).toMatchObject({ type: "connected", payload: { currentEventIndex: 1 }, inReplyTo: "m-4" });
    expect(a.submit("d", "set", { target: "n", value: 1 }).payload.eventId).toBe(2);
  });

  it("[WP-3] returns what was requested, and nothing else", () => {
    const { room } = filled(3);
    const plain = room.open().connect("a")[0];
    expect(plain).toEqual({
      id: "re-m-1",
      type: "connected",
      timestamp: room.now,
      payload: { serverId: expect.any(String), currentEventIndex: 3 },
      inReplyTo: "m-1",
    });
    const full = room.open().connect("a", { initialState: true })[0].payload;
    expect(full).toEqual({ ...plain.payload, initialState: room.state(), sinceSnapshot: 3 });
  });

  it("[WP-2] a second connect changes nothing", () => {
    const { room } = filled(1);
    const a = room.client("a");
    expect(a.connect("b", { sinceEventId: 0 })[0].payload.code).toBe("already_connected");
    expect(a.submit("d", "set", { target: "n", value: 1 }).payload.event.clientId).toBe("a");
    expect(a.of("broadcast")).toHaveLength(1);
  });

  it("[WP-6] with sinceEventId sends the first page, and then the live events", () => {
    const { room, writer } = filled(4);
    const a = room.open();
    const [connected, page] = a.connect("a", { sinceEventId: 2 });
    expect(connected.payload.currentEventIndex).toBe(4);
    expect(page).toMatchObject({ type: "sync_response", payload: { hasMore: false, nextSinceEventId: 4 } });
    expect(ids(page.payload.events)).toEqual([3, 4]);
    writer.submit("later", "set", { target: "n", value: 1 });
    expect(a.of("broadcast").map(({ payload }: Message) => payload.eventId)).toEqual([5]);
  });

  it.each([
    [{ partition: "elsewhere" }, "partition_mismatch"],
    [{ sinceEventId: 99 }, "cursor_ahead"],
    [{ sinceEventId: -1 }, "bad_request"],
    [{ sinceEventId: 0.5 }, "bad_request"],
    [{ sinceEventId: 0, initialState: true }, "bad_request"],
    [{ clientId: "" }, "bad_request"],
    [{ version: 7 }, "bad_request"],
  ])("[WP-2] refuses connect with %j as %s, and accepts another connect", (more, code) => {
    const { room } = filled(1);
    const a = room.open();
    expect(a.connect("a", more)[0].payload.code).toBe(code);
    expect(a.connect("a", { partition: "room" })[0].type).toBe("connected");
  });

  it("[WP-11] names the log: stable over restarts, and before anything is stored", () => {
    const room = new TestPartition();
    const early = room.open();
    const serverId = early.connect("a")[0].payload.serverId;
    room.restart();
    // The restored connection knows the id of the log that it has received.
    const woken = room.attach(early.saved);
    expect(room.open().connect("b")[0].payload.serverId).toBe(serverId);
    woken.submit("d", "set", { target: "n", value: 1 });
    room.restart();
    expect(room.open().connect("c")[0].payload.serverId).toBe(serverId);
    expect(new TestPartition({ name: "other" }).client("a").of("connected")[0].payload.serverId).toEqual(
      expect.any(String),
    );
  });

  it("[LC-3] reading a partition that was never written creates no storage", () => {
    const driver = new NodeSqlDriver();
    const room = new TestPartition({ driver });
    const a = room.client("a", { initialState: true });
    a.send("sync", {});
    a.send("sync", { sinceEventId: 0 });
    room.partition.events(0, undefined, room.now);
    complete(room.partition.stateAt(undefined, room.now));
    room.runJobs(room.now + 10 * socketSweepMs);
    expect(driver.query("SELECT name FROM sqlite_master")).toEqual([]);
    expect(room.partition.nextDue).toBeUndefined();
  });
});

describe("sync", () => {
  it("[WP-7] pages by limit, clamped, and converges", () => {
    const { room } = filled(1_203);
    const a = room.client("a");
    const seen: number[] = [];
    let since = 0;
    const sizes: number[] = [];
    for (let more = true; more;) {
      const { payload } = a.send("sync", { sinceEventId: since, limit: 5_000 })[0];
      seen.push(...ids(payload.events));
      sizes.push(payload.events.length);
      ({ hasMore: more, nextSinceEventId: since } = payload);
      expect(payload.currentEventIndex).toBe(1_203);
      expect(payload.snapshot).toBeUndefined();
    }
    expect(seen).toEqual(range(1, 1_203));
    expect(sizes).toEqual([1_000, 203]);
    expect(a.send("sync", { sinceEventId: 0 })[0].payload.events).toHaveLength(500);
    expect(a.send("sync", { sinceEventId: 0, limit: -3 })[0].payload.events).toHaveLength(1);
    expect(a.send("sync", { sinceEventId: 1_203 })[0].payload).toMatchObject({ events: [], hasMore: false });
  });

  it("[WP-7] a page has at most 1 MiB, and at least one event", () => {
    const { room } = filled(40, 60_000);
    const a = room.client("a");
    const [page] = a.send("sync", { sinceEventId: 0, limit: 1_000 });
    const bytes = Buffer.byteLength(a.frames.at(-1)!);
    expect(bytes).toBeLessThanOrEqual(1024 * 1024);
    expect(bytes).toBeGreaterThan(900_000);
    expect(page.payload).toMatchObject({ hasMore: true, nextSinceEventId: page.payload.events.length });
  });

  it("[WP-7] [CL-10] [BD-7] a page has at most the bytes that were asked for, from 16 KiB on, and at least one event", () => {
    const { room } = filled(40, 6_000);
    const a = room.client("a");
    const sizeOf = (payload: object) => {
      const [page] = a.send("sync", { sinceEventId: 0, limit: 1_000, ...payload });
      return [Buffer.byteLength(a.frames.at(-1)!), page.payload.events.length];
    };
    expect(sizeOf({})[1]).toBe(40);
    for (const maxBytes of [64 * 1024, 16 * 1024]) {
      const [bytes, some] = sizeOf({ maxBytes });
      expect(bytes).toBeLessThanOrEqual(maxBytes);
      expect(bytes).toBeGreaterThan(maxBytes / 2);
      expect(a.send("sync", { sinceEventId: some, maxBytes })[0].payload.events[0].eventId).toBe(some! + 1);
    }
    for (const maxBytes of [1, 0, -5]) expect(sizeOf({ maxBytes })[1]).toBe(sizeOf({ maxBytes: 16 * 1024 })[1]);
    expect(sizeOf({ maxBytes: 2 ** 40 })[1]).toBe(40);
    expect(a.send("sync", { sinceEventId: 0, maxBytes: 1.5 })[0].payload.code).toBe("bad_request");
    // The first page, with `connected`.
    const b = room.open();
    const [, page] = b.connect("b", { sinceEventId: 0, maxBytes: 16 * 1024 });
    expect(page.payload).toMatchObject({ hasMore: true, nextSinceEventId: page.payload.events.length });
    expect(Buffer.byteLength(b.frames.at(-1)!)).toBeLessThanOrEqual(16 * 1024);
    const { room: large } = filled(2, 60_000);
    expect(ids(large.client("c").send("sync", { sinceEventId: 0, maxBytes: 1 })[0].payload.events)).toEqual([1]);
  });

  it.each([
    [{ sinceEventId: -1 }, "bad_request"],
    [{ sinceEventId: 1.5 }, "bad_request"],
    [{ sinceEventId: "1" }, "bad_request"],
    [{ sinceEventId: 4 }, "cursor_ahead"],
    [{ sinceEventId: 2 ** 53 - 1 }, "cursor_ahead"],
    [{ limit: 1.5 }, "bad_request"],
    [{ partition: "elsewhere" }, "partition_mismatch"],
  ])("[WP-7] refuses %j as %s, and does not change the cursor", (payload, code) => {
    const { room, writer } = filled(3);
    const a = room.client("a");
    expect(a.send("sync", payload)[0]).toMatchObject({ type: "error", payload: { code } });
    writer.submit("later", "set", { target: "n", value: 1 });
    expect(a.of("broadcast")).toHaveLength(1);
  });

  it("[WP-6] [WP-5] broadcasts are sent only at the head; the page that reaches it makes the connection live", () => {
    const { room, writer } = filled(10);
    const a = room.client("a");
    a.send("sync", { sinceEventId: 0, limit: 4 });
    writer.submit("d1", "set", { target: "n", value: 1 });
    expect(a.of("broadcast")).toEqual([]);
    a.send("sync", { sinceEventId: 4, limit: 4 });
    writer.submit("d2", "set", { target: "n", value: 2 });
    expect(ids(a.send("sync", { sinceEventId: 8, limit: 4 })[0].payload.events)).toEqual([9, 10, 11, 12]);
    writer.submit("d3", "set", { target: "n", value: 3 });
    expect(a.of("broadcast").map(({ payload }: Message) => payload.eventId)).toEqual([13]);
  });

  it("[WP-7] [TX-9] starts from a snapshot if that is cheaper and the client allows it", () => {
    const { room } = filled(1_200, 100);
    room.runDue();
    const { writer } = { writer: room.client("late") };
    writer.submit("after", "set", { target: "n", value: 1 });
    const { payload } = room.client("a").send("sync", {})[0];
    expect(payload.snapshot.eventIndex).toBe(1_200);
    expect(ids(payload.events)).toEqual([1_201]);
    expect(Object.keys(payload.snapshot.state)).toHaveLength(50);
    const events = room.client("b").send("sync", { sinceEventId: 0 })[0].payload;
    expect(events.snapshot).toBeUndefined();
    expect(events.events[0].eventId).toBe(1);
    expect(room.client("c", { initialState: true }).of("connected")[0].payload.sinceSnapshot).toBe(1);
  });
});

describe("any interleaving", () => {
  type Action =
    | { kind: "submit"; who: number; key: number; draft: number }
    | { kind: "sync"; who: number; back: number; limit: number }
    | { kind: "restart" }
    | { kind: "reconnect"; who: number; resume: boolean };
  const who = fc.nat(3);
  const action: fc.Arbitrary<Action> = fc.oneof(
    {
      weight: 6,
      arbitrary: fc.record({ kind: fc.constant("submit" as const), who, key: fc.nat(4), draft: fc.nat(25) }),
    },
    {
      weight: 3,
      arbitrary: fc.record({
        kind: fc.constant("sync" as const),
        who,
        back: fc.nat(6),
        limit: fc.integer({ min: 1, max: 4 }),
      }),
    },
    { weight: 1, arbitrary: fc.constant({ kind: "restart" as const }) },
    { weight: 1, arbitrary: fc.record({ kind: fc.constant("reconnect" as const), who, resume: fc.boolean() }) },
  );

  it("[WP-4] [WP-5] [WP-6] [TX-8] [ID-1] ids have no gap, each connection receives a contiguous run, verdicts are repeated byte for byte, and the state is the fold", () => {
    fc.assert(
      fc.property(fc.array(action, { minLength: 5, maxLength: 60 }), (actions) => {
        const room = new TestPartition();
        const clients = range(0, 3).map((at) => ({ connection: room.client(`c${at}`), cursor: 0, from: 0 }));
        const verdicts = new Map<string, string>();

        const drain = (client: (typeof clients)[number]) => {
          for (const frame of client.connection.frames.splice(0)) {
            const message = JSON.parse(frame) as Message;
            const { type, payload } = message;
            if (type === "event_accepted" || type === "event_rejected") {
              const key = `${client.connection.saved.client!.clientId}/${payload.draftId}`;
              // One draft id always carries the same content here, so its verdict is always the same bytes.
              expect(verdicts.get(key) ?? frame).toBe(frame);
              verdicts.set(key, frame);
            } else if (type === "broadcast") {
              expect(payload.eventId).toBe(client.cursor + 1);
              client.cursor++;
            } else if (type === "sync_response") {
              for (const { eventId } of payload.events) expect(eventId).toBe(++client.cursor);
              expect(payload.nextSinceEventId).toBe(client.cursor);
            } else expect(type).toBe("connected");
          }
        };

        for (const one of actions) {
          if (one.kind === "restart") {
            room.restart();
            for (const client of clients) client.connection = room.attach(client.connection.saved);
          } else {
            const client = clients[one.who]!;
            if (one.kind === "submit") {
              client.connection.submit(`d-${one.draft}`, "treePush", {
                target: one.draft % 7 === 0 ? "nothing" : "ex",
                value: { id: `n-${one.draft % 12}` },
              });
            } else if (one.kind === "sync") {
              client.cursor = Math.max(client.cursor - one.back, 0);
              client.connection.send("sync", { sinceEventId: client.cursor, limit: one.limit });
            } else {
              room.partition.detach(client.connection.session);
              client.connection = room.open();
              client.connection.connect(`c${one.who}`, one.resume ? { sinceEventId: client.cursor } : {});
              if (!one.resume) client.cursor = room.partition.events(0, 1, room.now).currentEventIndex;
            }
          }
          if (!room.partition.events(0, 1, room.now).currentEventIndex && one.kind === "submit") {
            room.partition.submit(
              { principal: "root", permissions: "all" },
              "root",
              single({
                draftId: "root",
                event: { type: "set", payload: { target: "ex", value: {} } },
                expectedEventId: undefined,
              }),
              room.now,
            );
          }
          for (const client of clients) drain(client);
        }

        const { events } = room.partition.events(0, 1_000, room.now);
        expect(ids(events)).toEqual(range(1, events.length));
        expect(new Set(events.map(({ principal, draftId }) => `${principal}/${draftId}`)).size).toBe(events.length);
        const live = room.state();
        room.restart();
        expect(room.state()).toEqual(live);
      }),
      { numRuns: 300 },
    );
  });
});

/** Reads the state of an event, and lets go of it. */
function readPast(room: TestPartition, at: number) {
  const read = complete(room.partition.stateAt(at, room.now));
  read.state.close();
  return read;
}

describe("snapshots and jobs", () => {
  const due = (room: TestPartition, at = room.now) => room.runDue(at);
  const snapshots = (room: TestPartition) =>
    room.driver.query("SELECT event_id FROM snapshots").map((row) => row["event_id"]);

  it("[TX-8] writes a snapshot when it is worth its cost, and loads from it and the tail", () => {
    const { room, writer } = filled(999);
    expect(room.partition.nextDue).toBe(room.now + socketSweepMs);
    writer.submit("one-more", "set", { target: "n", value: 1 });
    expect(room.partition.nextDue).toBe(room.now);
    due(room);
    expect(snapshots(room)).toEqual([1_000]);
    writer.submit("tail", "set", { target: "n", value: 2 });
    const live = room.state();
    room.restart();
    expect(room.state()).toEqual(live);
    const past = complete(room.partition.stateAt(1_000, room.now));
    expect(past.eventIndex).toBe(1_000);
    // One at a time is in memory.
    expect(() => complete(room.partition.stateAt(2, room.now))).toThrow(
      expect.objectContaining({ failure: expect.objectContaining({ code: "overloaded", retryAfter: 1 }) }),
    );
    past.state.close();
    expect(room.state(1_000)).toMatchObject({ n: 1 });
    expect(room.state(2)).toEqual({
      k1: { at: 1, filler: "" },
      k2: { at: 2, filler: "" },
    });
    expect(readPast(room, 0).eventIndex).toBe(0);
    expect(room.state(0)).toEqual({});
  });

  it("[TX-8] [LC-5] a load that has folded much leaves a snapshot to those after it", () => {
    const room = new TestPartition();
    const writer = room.client("writer");
    let sent = 0;
    const submit = (count: number, length = 1) => {
      for (let at = 0; at < count; at++) {
        writer.submit(`w-${++sent}`, "set", { target: `k${at % 50}`, value: "x".repeat(length) });
      }
    };
    submit(999);
    submit(1, 60_000);
    due(room);
    expect(snapshots(room)).toEqual([1_000]);
    /** What is due at once after the next load. */
    const dueAfterLoad = () => {
      room.restart();
      const live = room.state();
      const isDue = room.partition.nextDue === room.now;
      due(room);
      room.restart();
      expect(room.state()).toEqual(live);
      expect(room.partition.nextDue).not.toBe(room.now);
      return isDue;
    };
    submit(999);
    expect(dueAfterLoad()).toBe(false);
    submit(1);
    // Fewer bytes than the state has: without a load there would be none for some time.
    expect(room.partition.nextDue).not.toBe(room.now);
    expect(dueAfterLoad()).toBe(true);
    expect(snapshots(room)).toEqual([2_000]);
  });

  it("[TX-8] [MD-4] a load leaves no snapshot where a rollback has left one of another model at the last event", () => {
    const { room } = filled(1_000);
    room.restart({ ...insieme, version: insieme.version + 1 } as AnyModel);
    room.partition.open(room.now);
    due(room);
    expect(snapshots(room)).toEqual([1_000]);
    room.restart();
    expect(Object.keys(room.state() as object)).not.toEqual([]);
    expect(room.partition.nextDue).not.toBe(room.now);
    room.client("again").submit("next", "set", { target: "n", value: 1 });
    due(room);
    expect(snapshots(room)).toContain(1_001);
  });

  it("[TX-8] [WP-3] the text of a state that was just loaded is that of its snapshot, until the next event", () => {
    const room = new TestPartition();
    const writer = room.client("writer");
    const value = { text: "Schöne Grüße, \u{1f600}", 7: [] };
    for (let at = 1; at <= 1_000; at++) writer.submit(`w-${at}`, "set", { target: `k${at % 50}`, value });
    let readers = 0;
    const initialState = () => {
      const [connected] = room.client(`r-${++readers}`, { initialState: true }).of("connected");
      return JSON.stringify(connected!.payload.initialState);
    };
    due(room);
    const before = initialState();
    room.restart();
    const views = vi.spyOn(WeighedState.prototype, "view");
    expect(initialState()).toBe(before);
    expect(views).not.toHaveBeenCalled();
    room.client("again").submit("next", "set", { target: "k1", value: 1 });
    expect(JSON.parse(initialState())).toMatchObject({ k1: 1, k2: value });
    expect(views).toHaveBeenCalledOnce();
    views.mockRestore();
  });

  it("[TX-8] [MD-4] falls back to replay if the snapshot is damaged, or of another model version", () => {
    const { room } = filled(1_000);
    due(room);
    const live = room.state();
    room.driver.transaction(() => room.driver.write("UPDATE snapshot_chunks SET bytes = zeroblob(length(bytes))"));
    room.restart();
    expect(room.state()).toEqual(live);
    // Other reducers: the old snapshot is not a state of theirs.
    const counting = defineModel({
      ...insieme,
      version: 2,
      initialState: () => ({ count: 0 }),
      events: {
        ...insieme.events,
        set: { ...insieme.events.set, reduce: (state: { count: number }) => void state.count++ },
      },
    } as never);
    room.restart(counting as AnyModel);
    expect(room.state()).toEqual({ count: 1_000 });
  });

  it("[OB-5] [BD-1] bounds the replay for a past state in events", () => {
    const { room, writer } = filled(1);
    room.driver.transaction(() =>
      room.driver.write(
        `WITH RECURSIVE n(i) AS (SELECT 2 UNION ALL SELECT i + 1 FROM n WHERE i < 10500)
         INSERT INTO events (event_id, principal, draft_id, client_id, type, version, expected_event_id, timestamp, payload)
         SELECT i, 'p', 'd' || i, 'c', 'set', NULL, NULL, 1, CAST('{"target":"n","value":' || i || '}' AS BLOB) FROM n`,
      ),
    );
    room.restart();
    expect(() => complete(room.partition.stateAt(5_001, room.now))).toThrow(/at most 5000/);
    expect(room.state(5_000)).toMatchObject({ n: 5_000 });
    expect(() => complete(room.partition.stateAt(99_999, room.now))).toThrow(/ends at event 10500/);
    expect(writer.frames).not.toEqual([]);
  });

  it("[OB-5] [BD-1] bounds the replay for a past state in bytes, with the snapshot that it begins with", () => {
    class Reads extends NodeSqlDriver {
      rows = 0;
      override query(sql: string, ...values: Parameters<NodeSqlDriver["query"]>[1][]) {
        const rows = super.query(sql, ...values);
        if (sql.startsWith("SELECT * FROM events")) this.rows += rows.length;
        return rows;
      }
    }
    const driver = new Reads();
    const room = new TestPartition({ driver });
    const writer = room.client("a");
    const value = "x".repeat(60_000);
    for (let at = 1; at <= 20; at++) writer.submit(`d${at}`, "set", { target: `t${at}`, value });
    const most = Math.floor(bounds.replayBytesMax / JSON.stringify({ target: "t10", value }).length);
    expect(readPast(room, most)).toMatchObject({ eventIndex: most });
    driver.rows = 0;
    expect(() => complete(room.partition.stateAt(most + 1, room.now))).toThrow(/at most 1048576 are replayed/);
    // It is refused before a payload is read.
    expect(driver.rows).toBe(0);

    // A snapshot counts with the bytes of its state.
    const draft = {
      eventId: 18,
      modelVersion: 1,
      modelTag: "insieme.1",
      logBytes: 18 * 60_030,
      createdAt: room.now,
      state: JSON.stringify({ t: "x".repeat(900_000) }),
    };
    const bytes = new TextEncoder().encode(draft.state);
    room.partition.putSnapshotChunk(18, 0, bytes, room.now);
    room.partition.completeSnapshot(draft, bytes.length, "identity", sha256(bytes), room.now);
    expect(readPast(room, 19).replayedBytes).toBe(bytes.length + 60_027 + 360);
    room.driver.transaction(() => room.driver.write("UPDATE snapshots SET state_bytes = 1000000"));
    expect(() => complete(room.partition.stateAt(19, room.now))).toThrow(/at most 1048576 are replayed/);
  });

  it("[ID-10] sweeps rejections after their retention, and only then", () => {
    const { room, writer } = filled(1);
    const start = room.now;
    for (const at of [0, 1]) {
      room.now = start + at * 3_600_000;
      writer.submit(`bad-${at}`, "unset", { target: "nothing" });
    }
    due(room, start + rejectionRetentionMs);
    expect(room.driver.query("SELECT draft_id FROM idempotency_records")).toHaveLength(2);
    due(room, start + rejectionRetentionMs + 1);
    expect(room.driver.query("SELECT draft_id FROM idempotency_records")).toEqual([{ draft_id: "bad-1" }]);
    due(room, start + rejectionRetentionMs + 3_600_001);
    expect(room.driver.query("SELECT draft_id FROM idempotency_records")).toEqual([]);
  });

  it("[WP-9] sweeps sockets only while there are connections", () => {
    const { room, writer } = filled(1);
    let sweeps = 0;
    const sweep = () => sweeps++;
    room.runDue(room.now + socketSweepMs, sweep);
    expect(sweeps).toBe(1);
    expect(room.partition.nextDue).toBe(room.now + 2 * socketSweepMs);
    room.partition.detach(writer.session);
    room.runJobs(room.now + 2 * socketSweepMs, sweep);
    expect(room.partition.nextDue).toBeUndefined();
    room.client("again");
    expect(room.partition.nextDue).toBe(room.now + socketSweepMs);
  });

  it("[TX-3] a job that fails stays due, and does not prevent other jobs", () => {
    const { room, writer } = filled(1_000);
    writer.submit("bad", "unset", { target: "nothing" });
    room.runDue(room.now + rejectionRetentionMs + 1, () => {
      throw new Error("sweeping failed");
    });
    expect(snapshots(room)).toEqual([1_000]);
    expect(room.driver.query("SELECT * FROM idempotency_records")).toEqual([]);
    // The snapshot has made its verification due.
    expect(room.driver.query("SELECT kind FROM jobs ORDER BY kind")).toEqual([
      { kind: "sweep_sockets" },
      { kind: "verify" },
    ]);
    expect(room.logged.some(({ level, fields }) => level === "error" && fields["kind"] === "sweep_sockets")).toBe(true);
  });

  it("[TX-3] a job whose write fails stays due, and the next step continues from storage", () => {
    class Failing extends NodeSqlDriver {
      failures = 0;
      override write(...parameters: Parameters<NodeSqlDriver["write"]>) {
        if (this.failures-- > 0) throw new Error("no");
        return super.write(...parameters);
      }
    }
    const driver = new Failing();
    const room = new TestPartition({ driver });
    const a = room.client("a");
    a.submit("good", "set", { target: "n", value: 1 });
    a.submit("bad", "unset", { target: "nothing" });
    driver.failures = 1;
    room.runDue(room.now + rejectionRetentionMs + 1);
    expect(driver.query("SELECT * FROM idempotency_records")).toEqual([]);
    expect(driver.query("SELECT kind FROM jobs")).toEqual([{ kind: "sweep_sockets" }]);
    // It runs again after a delay, and not at its due time, which has passed.
    expect(room.partition.nextDue).toBe(room.now + rejectionRetentionMs + 1 + 5_000);
    expect(room.state()).toEqual({ n: 1 });
  });

  it("[TX-8] [LC-8] quarantines a log with a gap", () => {
    const { room } = filled(5);
    room.driver.transaction(() => {
      room.driver.script("DROP TRIGGER events_are_not_deleted");
      room.driver.write("DELETE FROM events WHERE event_id = 3");
    });
    room.restart();
    expect(room.client("b").submit("new", "set", { target: "n", value: 1 }).payload).toMatchObject({
      code: "quarantined",
      detail: expect.stringMatching(/^Event 3 .* its row is missing/),
    });
  });
});
