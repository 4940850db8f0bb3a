import type { HttpAnswer } from "../../src/wire/partita/answers.ts";
import { describe, expect, it } from "vitest";
import { type Submission, Subscription } from "../../src/core/index.ts";
import type { Author } from "../../src/protocol/index.ts";
import type { SqlDriver, SqlRow } from "../../src/storage/driver.ts";
import { NodeSqlDriver } from "../../src/storage/node.ts";
import { type Message, TestPartition } from "../support/partition.ts";
import { generousTenant, TestShell } from "../support/shell.ts";

const alice: Author = { principal: "alice", permissions: "all" };
const asking = { traceId: "a".repeat(32) };
const range = (from: number, to: number) => Array.from({ length: to - from + 1 }, (_, at) => from + at);

function set(draftId: string, more: object = {}): Submission {
  const event = { type: "set", payload: { target: draftId, value: 1 } };
  return { key: draftId, mode: "single", drafts: [{ draftId, event, expectedEventId: undefined, ...more }] };
}

/** Changes what is stored, as a disk does. */
function damage(driver: SqlDriver, sql: string): void {
  driver.transaction(() => {
    for (const trigger of ["events_are_not_deleted", "events_are_not_updated"]) {
      driver.script(`DROP TRIGGER IF EXISTS ${trigger}`);
    }
    for (const { name } of driver.query("SELECT name FROM sqlite_master WHERE type = 'trigger'")) {
      driver.script(`DROP TRIGGER "${String(name)}"`);
    }
    driver.script(sql);
  });
}

/** Rows as `change` gives them; counts the reads of the log. */
class ChangedDriver extends NodeSqlDriver {
  reads = 0;
  /** How often the partition was loaded. */
  loads = 0;
  change = (row: SqlRow): SqlRow => row;
  fail: ((sql: string) => void) | undefined;
  /** Of the statement that it throws for nothing is written. */
  failWrite: ((sql: string) => void) | undefined;
  /** Called once, after a transaction was committed. */
  committed: (() => void) | undefined;

  override transaction<T>(body: () => T): T {
    const result = super.transaction(body);
    const { committed } = this;
    this.committed = undefined;
    committed?.();
    return result;
  }

  override wrote(sql: string, ...values: Parameters<SqlDriver["wrote"]>[1][]): boolean {
    this.failWrite?.(sql);
    return super.wrote(sql, ...values);
  }

  override write(sql: string, ...values: Parameters<SqlDriver["write"]>[1][]): SqlRow[] {
    this.failWrite?.(sql);
    return super.write(sql, ...values);
  }

  override query(sql: string, ...values: Parameters<SqlDriver["query"]>[1][]): SqlRow[] {
    this.fail?.(sql);
    if (/^SELECT (?:\*|event_id, principal).* FROM events WHERE event_id >/s.test(sql)) this.reads++;
    if (sql.includes("ORDER BY event_id DESC LIMIT 1")) this.loads++;
    return super.query(sql, ...values).map((row) => this.change(row));
  }
}

const wrongType = (column: string) => (driver: ChangedDriver) => {
  driver.change = (row) => (row["event_id"] === 4 && column in row ? { ...row, [column]: null } : row);
};

const damages: Record<string, { damaged(driver: ChangedDriver): void; says: string }> = {
  "a payload is not JSON": {
    damaged: (driver) => damage(driver, `UPDATE events SET payload = CAST('{"target"' AS BLOB) WHERE event_id = 4`),
    says: "its payload is not JSON",
  },
  "a payload is not an object": {
    damaged: (driver) => damage(driver, `UPDATE events SET payload = CAST('7' AS BLOB) WHERE event_id = 4`),
    says: "its payload is not an object",
  },
  "a payload is not UTF-8": {
    damaged: (driver) => damage(driver, "UPDATE events SET payload = x'7b22ff227d' WHERE event_id = 4"),
    says: "its payload is not UTF-8",
  },
  "a row is missing": {
    damaged: (driver) => damage(driver, "DELETE FROM events WHERE event_id = 4"),
    says: "its row is missing",
  },
  "a time has the wrong type": { damaged: wrongType("timestamp"), says: "its timestamp has the wrong type" },
  "a draft id has the wrong type": { damaged: wrongType("draft_id"), says: "its draft_id has the wrong type" },
  "a payload has the wrong type": { damaged: wrongType("payload"), says: "its payload has the wrong type" },
};

describe.each(Object.keys(damages))("a log in which %s", (title) => {
  const { damaged, says } = damages[title]!;
  const quarantined = {
    code: "quarantined",
    status: 503,
    retryable: true,
    retryAfter: 300,
    detail: expect.stringMatching(
      new RegExp(`^Event 4 of this partition's log is damaged: ${says}. Waiting does not fix it.`),
    ),
  };

  /** A partition of eight events, of which the fourth is damaged; and what was answered when it was not. */
  async function prepared() {
    const driver = new ChangedDriver();
    const before = new TestShell({ driver });
    const first = new Map<number, unknown>();
    for (const at of range(1, 8)) first.set(at, await before.submit(alice, set(`d${at}`)));
    damaged(driver);
    return { driver, first, room: new TestShell({ driver }) };
  }
  const parsed = ({ body }: { body: string }): Message => JSON.parse(body);

  it("[BD-7] [LC-8] can be read up to the damaged event, which is named, and after it", async () => {
    const { room } = await prepared();
    const page = async (since: number) => parsed(await room.shell.readEvents(since, undefined, asking));
    const ids = ({ events }: Message) => events.map(({ eventId }: Message) => eventId);
    const before = await page(0);
    expect(ids(before)).toEqual([1, 2, 3]);
    expect(before).toMatchObject({ currentEventIndex: 8, hasMore: true, nextSinceEventId: 3 });
    expect(await page(3)).toMatchObject(quarantined);
    expect(ids(await page(4))).toEqual([5, 6, 7, 8]);
  });

  it("[BD-7] [OB-5] has states before the damaged event, and none from there on", async () => {
    const { room } = await prepared();
    const state = async (at?: number) => parsed((await room.shell.readState(at, asking)) as HttpAnswer);
    expect(await state(3)).toEqual({ state: { d1: 1, d2: 1, d3: 1 }, eventIndex: 3 });
    for (const at of [4, 5, 8, undefined]) expect(await state(at)).toMatchObject(quarantined);
  });

  it("[BD-6] [BD-7] answers what intact events were the answer to, and takes nothing new", async () => {
    const { room, first } = await prepared();
    for (const at of [1, 3, 5, 8]) expect(await room.submit(alice, set(`d${at}`))).toEqual(first.get(at));
    expect(parsed(await room.submit(alice, set("new")))).toMatchObject(quarantined);
    // Of a row that is missing nobody knows that it was there.
    expect(parsed(await room.submit(alice, set("d4")))).toMatchObject(quarantined);
  });

  it("[BD-7] [WP-5] keeps its connections, which receive what can be read", async () => {
    const { room } = await prepared();
    const reader = await room.open(alice);
    reader.send("connect", { clientId: "phone", version: "1", sinceEventId: 0 });
    reader.send("sync", { sinceEventId: 3 });
    reader.send("heartbeat", {});
    reader.send("submit_event", set("new").drafts[0]!);
    room.elapse(0);
    expect(reader.messages).toMatchObject([
      { type: "connected", payload: { currentEventIndex: 8 } },
      { type: "sync_response", payload: { nextSinceEventId: 3, hasMore: true } },
      { type: "error", payload: quarantined },
      { type: "heartbeat" },
      { type: "error", payload: { ...quarantined, draftId: "new" } },
    ]);
    expect(reader.ended).toEqual([]);
  });

  it("[BD-7] is folded once and logged once, whatever is asked for, and whatever fails meanwhile", async () => {
    const { room, driver } = await prepared();
    const folded = driver.reads;
    for (const at of range(1, 5)) {
      await room.submit(alice, set(`new-${at}`));
      await room.shell.readState(undefined, asking);
      await room.shell.readState(6, asking);
    }
    expect(driver.reads).toBe(folded);
    const lines = room.logged.filter(({ fields }) => fields["eventId"] === 4);
    expect(lines).toMatchObject([{ level: "error", message: expect.stringContaining("quarantined") }]);
    expect(room.logged).toHaveLength(1);
    // What is in memory is dropped.
    driver.fail = () => {
      throw new Error("disk");
    };
    await room.submit(alice, set("new-6"));
    driver.fail = undefined;
    expect(parsed(await room.submit(alice, set("new-7")))).toMatchObject(quarantined);
    expect(driver.reads).toBe(folded);
  });

  it("[BD-7] ends a stream of the log before the damaged event", async () => {
    const { driver } = await prepared();
    const room = new TestPartition({ driver });
    const ids: number[] = [];
    let ending: unknown;
    let behind = false;
    const subscription = new Subscription(alice, { eventId: 0, proof: undefined }, 1_000_000, {
      started: () => {},
      deliver: (events) => void ids.push(...events.map(({ eventId }) => eventId)),
      behind: () => (behind = true),
      ended: (failure) => (ending = failure),
    });
    room.partition.attach(subscription, room.now);
    do {
      behind = false;
      room.partition.process([{ subscription }], room.now);
    } while (behind);
    expect(ids).toEqual([1, 2, 3]);
    expect(ending).toMatchObject({ code: "quarantined", detail: expect.stringContaining("Event 4") });
  });
});

describe("damage elsewhere", () => {
  const submit = (room: TestPartition, submission: Submission) =>
    room.partition.submit(alice, "phone", submission, room.now);

  it("[BD-7] [TX-6] a page ends before an atomic batch of which an event is damaged", () => {
    const room = new TestPartition();
    submit(room, set("d1"));
    const drafts = [2, 3, 4].map((at) => set(`d${at}`).drafts[0]!);
    submit(room, { key: "batch", mode: "atomic", drafts });
    damage(room.driver, "DELETE FROM events WHERE event_id = 3");
    room.restart();
    expect(room.partition.events(0, undefined, room.now)).toMatchObject({ nextSinceEventId: 1, hasMore: true });
    expect(() => room.partition.events(1, undefined, room.now)).toThrow(/its row is missing/);
    expect(submit(room, { key: "batch", mode: "atomic", drafts })).toMatchObject({
      kind: "refused",
      failure: { code: "quarantined", detail: expect.stringContaining("Event 3") },
    });
  });

  it("[BD-7] [TX-6] a page ends before an atomic batch of which the end is missing, and then says so", () => {
    const room = new TestPartition();
    submit(room, set("d1"));
    submit(room, { key: "batch", mode: "atomic", drafts: [2, 3, 4].map((at) => set(`d${at}`).drafts[0]!) });
    damage(room.driver, "DELETE FROM events WHERE event_id = 4");
    expect(room.partition.events(0, undefined, room.now)).toMatchObject({ nextSinceEventId: 1, hasMore: true });
    for (const since of [1, 2, 3]) {
      expect(() => room.partition.events(since, undefined, room.now)).toThrow(/its row is missing/);
    }
  });

  it("[BD-7] [TX-6] broadcasts no part of an atomic batch of which an event is damaged", () => {
    const driver = new ChangedDriver();
    const room = new TestPartition({ driver });
    submit(room, set("d1"));
    const reader = room.client("reader");
    driver.committed = () => {
      damage(driver, "UPDATE events SET payload = x'00' WHERE event_id = 4");
      throw new Error("fsync");
    };
    const drafts = (...ats: number[]) => ats.map((at) => set(`d${at}`).drafts[0]!);
    room.partition.process(
      [set("d2"), { key: "batch", mode: "atomic", drafts: drafts(3, 4, 5) } as const].map((submission) => {
        return { author: alice, clientId: "phone", submission, answer: () => {} };
      }),
      room.now,
    );
    expect(reader.of("broadcast").map(({ payload }) => payload.eventId)).toEqual([2]);
  });

  it("[BD-7] of an event that a snapshot replaces leaves the partition whole, but for that event", () => {
    const driver = new ChangedDriver();
    const room = new TestPartition({ driver });
    const a = room.client("a");
    for (const at of range(1, 1_000)) a.submit(`d${at}`, "set", { target: "n", value: at });
    room.runDue();
    damage(room.driver, "UPDATE events SET payload = x'00' WHERE event_id = 990");
    room.restart();
    room.logged.length = 0;
    const b = room.client("b");
    expect(b.submit("new", "set", { target: "n", value: 0 })).toMatchObject({ type: "event_accepted" });
    expect(room.partition.events(988, undefined, room.now).events.map(({ eventId }) => eventId)).toEqual([989]);
    const { loads } = driver;
    const [before, after] = [room.driver.query("SELECT 1 FROM events").length, b.frames.length];
    const stale = b.submit("stale", "set", { target: "n", value: 0 }, { expectedEventId: 980 });
    expect(stale.payload).toMatchObject({ code: "quarantined", detail: expect.stringContaining("Event 990") });
    expect(room.driver.query("SELECT 1 FROM events")).toHaveLength(before);
    expect(b.frames).toHaveLength(after + 1);
    const posted = submit(room, set("posted", { expectedEventId: 980 }));
    expect(posted).toMatchObject({ kind: "refused", failure: { code: "quarantined" } });
    expect(driver.loads).toBe(loads);
    expect(room.client("c").submit("other", "set", { target: "n", value: 0 }).type).toBe("event_accepted");
    expect(room.logged.filter(({ level }) => level === "error")).toMatchObject([{ fields: { eventId: 990 } }]);
  });

  it.each(["UPDATE events SET payload = x'ff' WHERE event_id = 990", "DELETE FROM events WHERE event_id = 990"])(
    "[BD-7] [TX-7] drafts that have seen the damaged event are decided: %s",
    (sql) => {
      const driver = new ChangedDriver();
      const room = new TestPartition({ driver });
      const a = room.client("a");
      for (const at of range(1, 1_000)) a.submit(`d${at}`, "set", { target: "n", value: at });
      room.runDue();
      damage(driver, sql);
      room.restart();
      const b = room.client("b");
      const expecting = (draftId: string, expectedEventId: number) =>
        b.submit(draftId, "set", { target: draftId, value: 0 }, { expectedEventId });
      expect(expecting("seen", 990).type).toBe("event_accepted");
      const { reads } = driver;
      const stale = expecting("unseen", 989);
      expect(stale.payload).toMatchObject({ code: "quarantined", detail: expect.stringContaining("Event 990") });
      expect(driver.reads).toBe(reads);
      expect(room.client("c").submit("newest", "set", { target: "n", value: 0 }, { expectedEventId: 1_001 }).type).toBe(
        "event_accepted",
      );
    },
  );

  it.each([
    "UPDATE snapshot_chunks SET bytes = zeroblob(20)",
    "UPDATE snapshots SET sha256 = zeroblob(32)",
    "DELETE FROM snapshot_chunks",
    "UPDATE snapshots SET event_id = 5000",
  ])("[LC-8] a damaged snapshot is not used: %s", (sql) => {
    const room = new TestPartition();
    const a = room.client("a");
    for (const at of range(1, 1_000)) a.submit(`d${at}`, "set", { target: "n", value: at });
    room.runDue();
    damage(room.driver, sql);
    room.restart();
    expect(room.state()).toEqual({ n: 1_000 });
    expect(room.client("b").submit("new", "set", { target: "n", value: 0 }).payload.eventId).toBe(1_001);
  });

  it("[BD-7] a rejection whose reason is damaged is still a rejection, and others go on", () => {
    const room = new TestPartition();
    const wrong = set("wrong", { event: { type: "set", payload: {} } });
    submit(room, wrong);
    damage(room.driver, "UPDATE idempotency_records SET problem = x'ff'");
    const answer = submit(room, wrong);
    expect(answer).toMatchObject({ kind: "refused", failure: { code: "internal" } });
    expect(submit(room, wrong)).toEqual(answer);
    const a = room.client("a");
    expect(a.submit("next", "set", { target: "n", value: 1 }).type).toBe("event_accepted");
  });

  it("[BD-7] of a batch whose record is damaged nothing is said but that", () => {
    const room = new TestPartition();
    const batch: Submission = { key: "batch", mode: "atomic", drafts: set("d1").drafts };
    submit(room, batch);
    damage(room.driver, "UPDATE batches SET event_count = 0");
    expect(submit(room, batch)).toMatchObject({ kind: "refused", failure: { code: "quarantined" } });
    expect(submit(room, set("next"))).toMatchObject({ kind: "decided" });
  });

  it("[BD-7] a log without its name is quarantined, not begun again", () => {
    const room = new TestPartition();
    submit(room, set("d1"));
    damage(room.driver, "DELETE FROM log");
    room.restart();
    expect(submit(room, set("d2"))).toMatchObject({ kind: "refused", failure: { code: "quarantined" } });
    expect(submit(room, set("d1"))).toMatchObject({ kind: "decided", replayed: true });
    expect(room.client("b").of("error")[0].payload).toMatchObject({ code: "quarantined", retryAfter: 300 });
    expect(room.partition.events(0, undefined, room.now).events).toHaveLength(1);
    expect(room.driver.query("SELECT * FROM log")).toEqual([]);
  });

  it("[BD-7] another schema is answered as such, and logged once", async () => {
    const before = new TestShell();
    await before.submit(alice, set("d1"));
    damage(before.driver, "UPDATE schema_migrations SET sha256 = zeroblob(32) WHERE number = 2");
    const room = new TestShell({ driver: before.driver });
    for (const at of range(2, 4)) {
      const { body } = await room.submit(alice, set(`d${at}`));
      expect(JSON.parse(body)).toMatchObject({ code: "schema_mismatch", retryable: true, retryAfter: 1 });
    }
    expect(room.logged).toHaveLength(1);
  });

  it("[BD-7] damaged limits of the tenant do not keep the partition from opening", async () => {
    const before = new TestShell({ tenant: generousTenant });
    await before.submit(alice, set("d1"));
    damage(before.driver, "INSERT OR REPLACE INTO tenant_limits VALUES (1, x'ff')");
    const room = new TestShell({ driver: before.driver, tenant: generousTenant });
    expect((await room.submit(alice, set("d2"))).status).toBe(201);
  });

  it.each([
    ["INTO events", 1],
    ["INTO events", 2],
    ["INTO batches", 1],
    ["INTO log", 1],
  ])("[BD-7] [TX-6] what is found damaged while a draft is written leaves nothing of it: %s, time %i", (part, time) => {
    const driver = new ChangedDriver();
    const room = new TestPartition({ driver });
    if (part === "INTO events" || part === "INTO batches") submit(room, set("d1"));
    const before = room.state();
    let times = 0;
    driver.failWrite = (sql) => {
      if (sql.includes(part) && ++times >= time) throw new Error("database disk image is malformed");
    };
    const drafts = [2, 3].map((at) => set(`d${at}`).drafts[0]!);
    const batch: Submission = { key: "batch", mode: "atomic", drafts };
    expect(submit(room, batch)).toMatchObject({ kind: "refused", failure: { code: "quarantined" } });
    expect(times).toBeGreaterThanOrEqual(time);
    driver.failWrite = undefined;
    expect(room.state()).toEqual(before);
    expect(submit(room, batch)).toMatchObject({ kind: "decided", replayed: false });
    expect(submit(room, set("d4"))).toMatchObject({ kind: "decided" });
    const after = room.state();
    room.restart();
    expect(room.state()).toEqual(after);
    expect(after).toEqual({ ...(before as object), d2: 1, d3: 1, d4: 1 });
  });

  it("[BD-7] [TX-6] events of a window that cannot be written by one statement are not lost by who reads then", () => {
    const driver = new ChangedDriver();
    const room = new TestPartition({ driver });
    const client = room.client("a");
    client.submit("d1", "set", { target: "d1", value: 1 });
    const messages = (type: string, payloads: object[]) =>
      payloads.map((payload, at) => ({ id: `x-${type}-${at}`, type, timestamp: room.now, payload }));
    const drafts = range(2, 6).map((at) => ({
      draftId: `d${at}`,
      event: { type: "set", payload: { target: `d${at}`, value: 1 } },
    }));
    driver.failWrite = (sql) => {
      if (!sql.includes("INTO events")) return;
      driver.failWrite = undefined;
      throw new Error("database disk image is malformed");
    };
    client.raw(JSON.stringify([...messages("submit_event", drafts), ...messages("sync", [{ sinceEventId: 0 }])]));
    expect(driver.failWrite).toBeUndefined();
    const after = room.state();
    room.restart();
    expect(room.state()).toEqual(after);
    expect(after).toEqual({ d1: 1, d2: 1, d3: 1, d4: 1, d5: 1, d6: 1 });
  });

  it("[BD-7] a file that SQLite finds damaged is answered as damage", async () => {
    const driver = new ChangedDriver();
    const before = new TestShell({ driver });
    await before.submit(alice, set("d1"));
    driver.fail = (sql) => {
      if (sql.includes("FROM events")) throw new Error("database disk image is malformed");
    };
    const room = new TestShell({ driver });
    const { body } = await room.submit(alice, set("d2"));
    expect(JSON.parse(body)).toMatchObject({
      code: "quarantined",
      retryAfter: 300,
      detail: expect.stringMatching(/^This partition's storage is damaged/),
    });
    expect(JSON.stringify(body)).not.toContain("malformed");
  });
});
