import { gzipSync } from "node:zlib";
import { describe, expect, it } from "vitest";
import { complete, rejectionRetentionMs } from "../../src/core/index.ts";
import { type AnyModel, defineModel } from "../../src/model/index.ts";
import { weightOf } from "../../src/model/weight.ts";
import { insieme } from "../../src/models/insieme/index.ts";
import { bounds } from "../../src/protocol/index.ts";
import { NodeSqlDriver } from "../../src/storage/node.ts";
import { type Message, sha256, TestPartition } from "../support/partition.ts";
import { counter } from "../workerd/models.ts";

const range = (from: number, to: number) => Array.from({ length: to - from + 1 }, (_, at) => from + at);

/** The counter, with a reducer that throws on one event of the log. */
const broken = defineModel({
  ...counter,
  events: {
    ...counter.events,
    add: {
      ...counter.events.add,
      reduce(state: { count: number }, { payload }: { payload: { by: number } }) {
        if (payload.by === 3) throw new Error("secret");
        state.count += payload.by;
      },
    },
  },
} as never) as AnyModel;

describe("a poison event", () => {
  it("[LC-8] [TX-18] quarantines the partition: its log is readable, drafts are refused retryably, and it recovers with its model", () => {
    const room = new TestPartition({ model: counter as AnyModel, name: "counter-1" });
    const a = room.client("a");
    for (const by of range(1, 5)) a.submit(`d${by}`, "add", { by }, { version: 2 });
    room.restart(broken);
    const b = room.client("b");
    expect(b.of("connected")[0].payload.currentEventIndex).toBe(5);
    const page = b.send("sync", { sinceEventId: 0 })[0];
    expect(page.payload.events.map(({ eventId }: Message) => eventId)).toEqual(range(1, 5));
    expect(room.partition.events(0, undefined, room.now).events).toHaveLength(5);
    const refused = b.submit("d6", "add", { by: 6 }, { version: 2 });
    expect(refused).toMatchObject({
      type: "error",
      payload: { code: "quarantined", retryable: true, status: 503, draftId: "d6" },
    });
    expect(JSON.stringify(refused)).not.toContain("secret");
    expect(b.submit("d7", "add", { by: 7 }, { version: 2 }).payload.code).toBe("quarantined");
    expect(
      b.send("submit_events", {
        batchId: "B",
        mode: "atomic",
        events: [{ draftId: "m", event: { type: "add", payload: { by: 1 } } }],
      })[0].payload.code,
    ).toBe("quarantined");
    expect(() => complete(room.partition.stateAt(undefined, room.now))).toThrow(/cannot fold/);
    expect(room.state(2)).toMatchObject({ count: 3 });
    expect(room.open().connect("c", { initialState: true })[0].payload.code).toBe("quarantined");
    expect(room.logged.some(({ level, message }) => level === "error" && message.includes("quarantined"))).toBe(true);

    room.restart(counter as AnyModel);
    const again = room.client("b");
    expect(again.submit("d6", "add", { by: 6 }, { version: 2 }).payload.eventId).toBe(6);
    expect(room.state()).toMatchObject({ count: 21 });
  });
});

describe("snapshots", () => {
  it("[LC-8] [TX-8] are not written of a state that cannot be folded", () => {
    const room = new TestPartition({ model: counter as AnyModel, name: "counter-1" });
    const a = room.client("a");
    for (const at of range(1, 1_000)) a.submit(`d${at}`, "add", { by: 3 }, { version: 2 });
    room.restart(broken);
    room.runDue();
    expect(room.driver.query("SELECT * FROM snapshots")).toEqual([]);
    room.restart(counter as AnyModel);
    expect(room.state()).toMatchObject({ count: 3_000 });
  });

  it("[TX-8] [BD-3] are written one at a time; events are accepted meanwhile, and an abandoned snapshot is due again", () => {
    const room = new TestPartition();
    const a = room.client("a");
    const set = (at: number, target = "n", value: unknown = at) => a.submit(`d${at}`, "set", { target, value });
    for (const at of range(1, 1_000)) set(at);
    const draft = room.runJobs()!;
    expect(draft).toMatchObject({ eventId: 1_000 });
    for (const at of range(1_001, 1_010)) expect(set(at).type).toBe("event_accepted");
    expect(room.runJobs()).toBeUndefined();
    expect([...draft.state].join("")).toBe('{"n":1000}');
    room.partition.abandonSnapshot(draft);
    set(1_011);
    expect(room.runJobs()).toBeUndefined();
    // A quarter of a megabyte more.
    for (const at of range(1_012, 1_016)) set(at, "text", "x".repeat(60_000));
    const again = room.runJobs()!;
    expect(again).toMatchObject({ eventId: 1_016 });
    room.partition.completeSnapshot(again, 10, "gzip", new Uint8Array(32), room.now);
    expect(room.driver.query("SELECT event_id, state_bytes FROM snapshots")).toEqual([
      { event_id: 1_016, state_bytes: 10 },
    ]);
  });
});

describe("full storage", () => {
  it("[LC-8] [ID-12] refuses drafts retryably and stays readable; with free space again, each draft counts once", () => {
    const driver = new NodeSqlDriver();
    const room = new TestPartition({ driver });
    const [a, b] = [room.client("a"), room.client("b")];
    a.submit("first", "set", { target: "n", value: 1 });
    const [{ page_count: pages }] = driver.query("SELECT page_count FROM pragma_page_count") as [
      { page_count: number },
    ];
    // One large draft more, and not two.
    driver.transaction(() => driver.script(`PRAGMA max_page_count = ${pages + 18}`));
    const large = (draftId: string) => a.submit(draftId, "set", { target: draftId, value: "x".repeat(50_000) });
    expect(large("d1").type).toBe("event_accepted");
    const refused = large("d2");
    expect(refused.payload).toMatchObject({ code: "storage_unavailable", retryable: true });
    expect(JSON.stringify(refused)).not.toMatch(/full|disk/);
    expect(b.send("sync", { sinceEventId: 0 })[0].payload.events).toHaveLength(2);
    expect(Object.keys(room.state() as object)).toEqual(["n", "d1"]);
    driver.transaction(() => driver.script("PRAGMA max_page_count = 100000"));
    expect(large("d2").payload.eventId).toBe(3);
    expect(b.of("broadcast").map(({ payload }: Message) => payload.eventId)).toEqual([1, 2, 3]);
  });
});

describe("the state's size", () => {
  it("[MD-11] [LC-8] is bounded: drafts that grow it are refused, drafts that shrink it are accepted, and then drafts that grow it, too", () => {
    const room = new TestPartition();
    const a = room.client("a");
    const large = (target: string) => a.submit(`set-${target}`, "set", { target, value: "x".repeat(60_000) });
    let full: Message;
    let at = 0;
    do full = large(`k${++at}`);
    while (full.type === "event_accepted" && at < 1_000);
    expect(full).toMatchObject({ type: "error", payload: { code: "state_too_large", status: 507, retryable: false } });
    const weight = weightOf(room.state() as object);
    expect(weight).toBeGreaterThan(bounds.stateBytesMax - 130_000);
    expect(weight).toBeLessThanOrEqual(bounds.stateBytesMax);
    expect(large("more").payload.code).toBe("state_too_large");
    for (const gone of range(1, 12))
      expect(a.submit(`unset-${gone}`, "unset", { target: `k${gone}` }).type).toBe("event_accepted");
    // A refusal is not stored: the same draft is accepted now.
    expect(large("more").type).toBe("event_accepted");
  });

  it("[BD-2] counts containers, not their text: a state of {} is full at 2 MiB of text", () => {
    const room = new TestPartition();
    const a = room.client("a");
    const value = { list: Array.from({ length: 15_000 }, () => ({})) };
    let at = 0;
    while (a.submit(`d${++at}`, "set", { target: `k${at}`, value }).type === "event_accepted");
    const bytes = JSON.stringify(room.state()).length;
    expect(bytes).toBeGreaterThan(1.5 * 1024 * 1024);
    expect(bytes).toBeLessThan(2 * 1024 * 1024);
    expect(weightOf(room.state() as object)).toBeLessThanOrEqual(bounds.stateBytesMax);
  });

  it("[BD-2] [LC-8] a state over its bound, from an earlier version, loads, is readable, and takes what shrinks it, and nothing else", () => {
    const driver = new NodeSqlDriver();
    const before = new TestPartition({ driver });
    before.client("a").submit("first", "set", { target: "n", value: 1 });
    const many = Array.from({ length: 100_000 }, () => ({}));
    const state = { n: 1, ...Object.fromEntries(range(1, 8).map((at) => [`k${at}`, many])) };
    const bytes = new Uint8Array(gzipSync(JSON.stringify(state)));
    const { partition, now } = before;
    partition.putSnapshotChunk(1, 0, bytes, now);
    const draft = { eventId: 1, modelVersion: 1, modelTag: undefined, logBytes: 10, createdAt: now };
    partition.completeSnapshot(draft as never, JSON.stringify(state).length, "gzip", sha256(bytes), now);

    const room = new TestPartition({ driver });
    expect(room.state()).toEqual(state);
    const a = room.client("a");
    const code = (answer: Message) => answer.payload.code ?? answer.type;
    expect(code(a.submit("grow", "set", { target: "m", value: 1 }))).toBe("state_too_large");
    expect(code(a.submit("same", "set", { target: "n", value: 2 }))).toBe("state_too_large");
    expect(code(a.submit("wrong", "unset", { target: "none" }))).toBe("validation_failed");
    expect(code(a.submit("first", "set", { target: "n", value: 1 }))).toBe("event_accepted");
    const batch = (batchId: string, ...events: [string, object][]) =>
      a.send("submit_events", {
        batchId,
        mode: "atomic",
        events: events.map(([type, payload], at) => ({ draftId: `${batchId}-${at}`, event: { type, payload } })),
      })[0];
    const add: [string, object] = ["set", { target: "m", value: 1 }];
    const drop: [string, object] = ["unset", { target: "k1" }];
    expect(batch("b1", add).payload.code).toBe("state_too_large");
    // Judged as a whole.
    expect(batch("b1", add, drop).payload.results).toMatchObject([{ status: "accepted" }, { status: "accepted" }]);
    expect(code(a.submit("replaced", "set", { target: "k2", value: {} }))).toBe("event_accepted");
    expect(code(a.submit("more", "set", { target: "k3", value: {} }))).toBe("event_accepted");
    expect(code(a.submit("grow", "set", { target: "o", value: 1 }))).toBe("event_accepted");
  });

  it("[BD-2] [MD-15] a full state takes what only shrinks it, also where that weighs more for the moment", () => {
    const three = { a: 1, b: 2, c: 3 };
    const full = (length: number) => ({ text: "x".repeat(length), p: three, q: three, r: three });
    const rest = bounds.stateBytesMax - weightOf(full(8));
    // To 16 bytes below the bound.
    const initialState = () => full(8 * Math.floor(rest / 8) - 8);
    const room = new TestPartition({ model: { ...insieme, initialState } as AnyModel });
    const a = room.client("a");
    // The first object without `c` is the first of its kind.
    expect(a.submit("1", "unset", { target: "p.c" }).type).toBe("event_accepted");
    const events = ["q.a", "r.b"].map((target) => ({ draftId: target, event: { type: "unset", payload: { target } } }));
    const [result] = a.send("submit_events", { batchId: "b", mode: "atomic", events });
    expect(result.payload.results).toMatchObject([{ status: "accepted" }, { status: "accepted" }]);
    expect(a.submit("2", "set", { target: "m", value: 1 }).payload.code).toBe("state_too_large");
  });

  it("[MD-11] does not grow when the same value is overwritten many times", () => {
    const room = new TestPartition();
    const a = room.client("a");
    for (const at of range(1, 400)) {
      expect(a.submit(`d${at}`, "set", { target: "n", value: "x".repeat(60_000) }).type).toBe("event_accepted");
    }
  });
});

describe("rejections past their retention", () => {
  const remove = (room: TestPartition) => room.client("a").submit("d", "unset", { target: "n" });

  it("[ID-10] are never served, deleted or not; an accepted key is known as long as its event", () => {
    const room = new TestPartition();
    expect(remove(room).payload.reason).toBe("validation_failed");
    room.client("a").submit("yes", "set", { target: "n", value: 1 });
    room.now += rejectionRetentionMs;
    expect(remove(room).payload.reason).toBe("validation_failed");
    room.now += 1;
    // Decided again: now there is a value to unset.
    expect(remove(room).type).toBe("event_accepted");
    room.now += 100 * rejectionRetentionMs;
    expect(room.client("a").submit("yes", "set", { target: "n", value: 1 }).payload.eventId).toBe(1);
  });

  it("[ID-10] [TX-6] a key whose rejection has expired can be a member of a batch", () => {
    const room = new TestPartition();
    remove(room);
    room.client("a").submit("yes", "set", { target: "n", value: 1 });
    const statuses = (batchId: string) =>
      room
        .client("a")
        .send("submit_events", {
          batchId,
          mode: "atomic",
          events: [{ draftId: "d", event: { type: "unset", payload: { target: "n" } } }],
        })[0]
        .payload.results.map(({ status, code }: Message) => [status, code]);
    expect(statuses("B1")).toEqual([["rejected", "idempotency_key_reused"]]);
    room.now += rejectionRetentionMs + 1;
    expect(statuses("B2")).toEqual([["accepted", undefined]]);
  });

  it("[ID-10] are never served for a batch either, and the sweep logs their number", () => {
    const room = new TestPartition();
    const batch = () =>
      room.client("a").send("submit_events", {
        batchId: "B",
        mode: "atomic",
        events: [{ draftId: "m", event: { type: "unset", payload: { target: "n" } } }],
      })[0].payload.results[0].status;
    expect(batch()).toBe("rejected");
    room.client("a").submit("yes", "set", { target: "n", value: 1 });
    expect(batch()).toBe("rejected");
    room.now += rejectionRetentionMs + 1;
    expect(batch()).toBe("accepted");
    remove(room);
    room.runDue(room.now + rejectionRetentionMs + 1, () => {});
    expect(room.logged.find(({ message }) => message.startsWith("old rej"))?.fields).toEqual({ count: 1 });
  });
});
