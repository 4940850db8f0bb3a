import { describe, expect, it } from "vitest";
import { single } from "../../src/core/index.ts";
import { idleMsMax } from "../../src/shell/connection.ts";
import type { Subject } from "../../src/identity/verify.ts";
import { type Author, bounds, type Failure } from "../../src/protocol/index.ts";
import type { SqlRow, SqlValue } from "../../src/storage/driver.ts";
import { NodeSqlDriver } from "../../src/storage/node.ts";
import { silenceMsMax } from "../../src/shell/tenant-link.ts";
import { generousTenant, TestShell, turn } from "../support/shell.ts";

const subject: Subject = {
  principal: "alice",
  tenant: "default",
  partitions: ["*"],
  permissions: ["*"],
  roles: [],
  expiresAt: 1_800_000_000_000,
  issuedAt: undefined,
  jti: undefined,
};
const alice: Author = { principal: "alice", permissions: ["*"], expiresAt: subject.expiresAt };
const draft = (draftId: string) => ({
  draftId,
  event: { type: "set", payload: { target: "n", value: draftId } },
  expectedEventId: undefined,
});

describe("frames that wait for an answer from elsewhere", () => {
  it("[WP-12] keep their place before frames that arrive under load, and are not decoded yet", async () => {
    let verified: (subject: Subject) => void = () => {};
    const room = new TestShell({
      tenant: generousTenant,
      verify: () => new Promise((resolve) => (verified = resolve)),
    });
    const busy = await room.open(alice);
    busy.send("connect", { clientId: "busy", version: "1" });
    const late = await room.open(undefined, true);
    late.send("connect", { clientId: "late", version: "1", token: "t" });
    late.send("heartbeat", {});
    // From here on frames are decoded with their window.
    for (let at = 0; at < 20; at++) busy.send("heartbeat", {});
    late.send("sync", {});
    verified(subject);
    await turn();
    room.elapse(1);
    expect(late.messages.map(({ type }) => type)).toEqual(["connected", "heartbeat", "sync_response"]);
  });
});

describe("a frame whose answer from elsewhere never comes", () => {
  it("[AU-2] ends its connection, so that the client connects again", async () => {
    const room = new TestShell({ tenant: generousTenant, verify: () => Promise.reject(new Error("no answer")) });
    const connection = await room.open(undefined, true);
    connection.send("connect", { clientId: "c", version: "1", token: "t" });
    connection.send("heartbeat", {});
    await turn();
    expect(connection.ended).toEqual([1013]);
    expect(connection.messages).toEqual([]);
  });

  it("[WP-12] takes none of the frames behind it, also those that are not decoded yet", async () => {
    let fail: (error: Error) => void = () => {};
    let verifications = 0;
    const verify = () => {
      verifications++;
      return new Promise<Subject>((_, reject) => (fail = reject));
    };
    const room = new TestShell({ tenant: generousTenant, verify });
    const busy = await room.open(alice);
    busy.send("connect", { clientId: "busy", version: "1" });
    const late = await room.open(undefined, true);
    late.send("connect", { clientId: "late", version: "1", token: "t" });
    // From here on frames are decoded with their window.
    for (let at = 0; at < 20; at++) busy.send("heartbeat", {});
    late.send("connect", { clientId: "late", version: "1", token: "t" });
    fail(new Error("no answer"));
    await turn();
    room.elapse(1);
    expect(late.ended).toEqual([1013]);
    expect(late.messages).toEqual([]);
    expect(verifications).toBe(1);
  });
});

describe("a renewal with the token of somebody else", () => {
  it("[AU-5] is refused, and takes no place of that principal", async () => {
    const room = new TestShell({
      tenant: generousTenant,
      verify: async () => ({ ...subject, principal: "bob" }),
      limits: { connectionsPerPrincipal: 1 },
    });
    const connection = await room.open(alice);
    connection.send("connect", { clientId: "c", version: "1" });
    connection.send("renew", { token: "bob's" });
    await turn();
    expect(connection.messages.at(-1)).toMatchObject({ type: "error", payload: { code: "bad_request" } });
    await room.open({ ...alice, principal: "bob" });
    await expect(room.open({ ...alice, principal: "bob" })).rejects.toThrow("too_many_connections");
  });
});

describe("an alarm that cannot be set", () => {
  it("[LC-8] is set later, and not tried with each frame meanwhile", async () => {
    const room = new TestShell();
    const connection = await room.open();
    room.alarmFails = true;
    connection.send("connect", { clientId: "c", version: "1" });
    connection.send("submit_event", draft("d1"));
    await turn();
    for (let at = 0; at < 10; at++) connection.send("heartbeat", {});
    await turn();
    room.elapse(9_000);
    expect(room.logged.filter(({ message }) => message.includes("alarm"))).toHaveLength(1);
    expect(room.armedAt).toBeUndefined();
    room.alarmFails = false;
    room.elapse(1_000);
    expect(room.armedAt).toBeGreaterThan(room.now);
    expect(room.timers).toBe(0);
  });
});

describe("the limits that a tenant has set", () => {
  it("[AU-5] are in force after sleep, though the storage could not be read when the object started", async () => {
    const driver = new FailingDriver();
    const room = new TestShell({ driver, tenant: generousTenant });
    const writer = await room.open(alice);
    writer.send("connect", { clientId: "c", version: "1" });
    writer.send("submit_event", draft("d1"));
    await turn();
    room.shell.tenantChanged({ seq: 8, revocations: [], limits: { connectionsPerPartition: 1 } });
    writer.close();
    driver.failingReads = true;
    const next = new TestShell({ driver, tenant: generousTenant });
    driver.failingReads = false;
    const usage = async () => JSON.parse((await next.shell.readUsage({ traceId: "f".repeat(32) })).body);
    expect((await usage()).usage.connections).toEqual({ used: 0, max: 1 });
  });
});

describe("keys that change while a token waits for its window", () => {
  it("[AU-1] [LC-5] do not authenticate its connection", async () => {
    let keys = "before";
    const verify = async (token: string) => ({ ...subject, keys, jti: token });
    const room = new TestShell({ tenant: generousTenant, keys: () => keys, verify });
    const busy = await room.open(alice);
    busy.send("connect", { clientId: "busy", version: "1" });
    const late = await room.open(undefined, true);
    late.send("connect", { clientId: "late", version: "1", token: "t" });
    // From here on work waits for its window.
    for (let at = 0; at < 20; at++) busy.send("heartbeat", {});
    await turn();
    keys = "after";
    room.elapse(1);
    expect(late.messages).toMatchObject([{ type: "error", payload: { code: "auth_expired" } }]);
  });
});

describe("what a partition asks its tenant", () => {
  /** Counts the calls. */
  async function subscribing() {
    const asked = { calls: 0, fails: false };
    const attend = async () => {
      asked.calls++;
      if (asked.fails) throw new Error("the tenant is down");
      return { seq: 0, revocations: [], limits: {}, until: Number.MAX_SAFE_INTEGER };
    };
    const room = new TestShell({ tenant: { ...generousTenant, attend } });
    const connection = await room.open(alice);
    connection.send("connect", { clientId: "c", version: "1" });
    connection.send("submit_event", draft("d1"));
    await turn();
    return { room, connection, asked };
  }

  it("[AU-4] is little: new connections and alarms cause no call", async () => {
    const { room, asked } = await subscribing();
    for (let at = 0; at < 10; at++) await room.open({ ...alice, tokenId: `t${at}` });
    expect(asked.calls).toBe(1);
    await room.alarm();
    expect(asked.calls).toBe(1);
  });

  it("[AU-4] [LC-11] may be without an answer: open connections commit, and strangers are refused as retryable", async () => {
    const { room, connection, asked } = await subscribing();
    asked.fails = true;
    room.elapse(10 * silenceMsMax);
    connection.send("submit_event", draft("d2"));
    await turn();
    expect(await room.open(alice)).toBeDefined();
    await expect(room.open({ ...alice, principal: "bob" })).rejects.toThrow("identity_unavailable");
    connection.send("submit_event", draft("d3"));
    room.elapse(0);
    expect(connection.messages.filter(({ type }) => type === "event_accepted")).toHaveLength(3);
    expect(connection.ended).toEqual([]);
  });

  it("[AU-4] goes on while it is used: a frame causes a call, and does not wait for it", async () => {
    const { room, connection, asked } = await subscribing();
    for (let at = 0; at < 10; at++) {
      room.elapse(silenceMsMax / 5);
      connection.send("submit_event", draft(`d${at + 2}`));
      await turn();
    }
    expect(asked.calls).toBe(3);
    expect(connection.messages.filter(({ type }) => type === "event_accepted")).toHaveLength(11);
    room.elapse(0);
    expect(room.timers).toBe(0);
  });
});

describe("a draft over HTTP", () => {
  const submitted = (room: TestShell, author: Author) =>
    room.shell.submit(author, "c", single(draft("d1")), 100, { traceId: "0".repeat(32) });

  it("[AU-4] is refused where its token has expired while it waited", async () => {
    let claimed: (failure: Failure | undefined) => void = () => {};
    const claim = () => new Promise<Failure | undefined>((resolve) => (claimed = resolve));
    const room = new TestShell({ tenant: { ...generousTenant, claim } });
    const answer = submitted(room, { ...alice, expiresAt: room.now + 1_000 });
    await turn();
    room.now += 1_000;
    claimed(undefined);
    expect(await answer).toMatchObject({ status: 401, body: expect.stringContaining("auth_expired") });
    expect(await submitted(room, alice)).toMatchObject({ status: 201 });
  });

  it("[AU-4] is refused where its token was revoked while it waited", async () => {
    let claimed: (failure: Failure | undefined) => void = () => {};
    const claim = () => new Promise<Failure | undefined>((resolve) => (claimed = resolve));
    const room = new TestShell({ tenant: { ...generousTenant, claim } });
    const answer = submitted(room, { ...alice, tokenId: "t" });
    await turn();
    const revocation = { kind: "jti", id: "t", at: 0, expiresAt: subject.expiresAt } as const;
    room.shell.tenantChanged({ seq: 1, revocations: [revocation], limits: {} });
    claimed(undefined);
    expect(await answer).toMatchObject({ status: 401, body: expect.stringContaining("auth_revoked") });
  });
});

describe("drain", () => {
  it("[LC-4] ends after its time, also where the clock was set back meanwhile", async () => {
    const room = new TestShell();
    const refused = () => room.open().then(() => undefined, String);
    room.shell.drain(2);
    expect(await refused()).toContain("draining");
    room.now += 1_999;
    expect(await refused()).toContain("draining");
    room.now += 1;
    expect(await refused()).toBeUndefined();
    room.shell.drain(2);
    room.now -= 24 * 60 * 60 * 1_000;
    expect(await refused()).toBeUndefined();
  });

  const refused = (room: TestShell) => room.open().then(() => undefined, String);
  /** The next lifetime of the object, as after sleep, a crash or a deployment. */
  const woken = ({ driver, armedAt, now: before }: TestShell, now = before) => new TestShell({ driver, armedAt, now });
  const written = (room: TestShell, draftId: string) =>
    room.submit({ principal: "alice", permissions: "all" }, single(draft(draftId)));

  it("[LC-4] is kept over sleep and restarts, and ends by its time", async () => {
    const room = new TestShell();
    await written(room, "d1");
    room.shell.drain(60);
    const next = woken(room, room.now + 59_000);
    expect(await refused(next)).toContain("draining");
    expect(await written(next, "d2")).toMatchObject({ status: 503 });
    next.now += 1_000;
    expect(await refused(next)).toBeUndefined();
    // Nothing is left of it.
    await next.alarm();
    expect(next.driver.query("SELECT kind FROM jobs WHERE kind = 'end_drain'")).toEqual([]);
    expect(await refused(woken(next))).toBeUndefined();
  });

  it("[LC-4] of a partition that was never written is kept over sleep, and creates no storage", async () => {
    const room = new TestShell();
    const reader = await room.open();
    reader.send("connect", { clientId: "reader", version: "0.0.8" });
    room.shell.drain(60);
    expect(room.driver.query("SELECT name FROM sqlite_master")).toEqual([]);
    const next = woken(room, room.now + 59_000);
    expect(await refused(next)).toContain("draining");
    next.now += 1_000;
    expect(await refused(next)).toBeUndefined();
    await next.alarm();
    expect(await refused(woken(next))).toBeUndefined();
    expect(next.driver.query("SELECT name FROM sqlite_master")).toEqual([]);
  });

  it("[LC-4] that was stored ends at the latest after the longest time, where the clock was set back", async () => {
    const room = new TestShell();
    await written(room, "d1");
    room.shell.drain(60);
    expect(await refused(woken(room, room.now - bounds.drainMsMax))).toBeUndefined();
  });

  it("[LC-4] that comes later replaces the one before", async () => {
    const room = new TestShell();
    await written(room, "d1");
    room.shell.drain(60);
    room.shell.drain(10);
    expect(await refused(woken(room, room.now + 9_000))).toContain("draining");
    expect(await refused(woken(room, room.now + 10_000))).toBeUndefined();
  });

  it("[LC-4] holds where the storage cannot be read for a moment", async () => {
    const driver = new FailingDriver();
    const room = new TestShell({ driver });
    await written(room, "d1");
    room.shell.drain(60);
    driver.failingReads = true;
    const next = woken(room);
    expect(await refused(next)).toContain("storage_unavailable");
    expect(await written(next, "d2")).toMatchObject({ status: 503 });
    driver.failingReads = false;
    expect(await refused(next)).toContain("draining");
    expect(await written(next, "d2")).toMatchObject({ status: 503 });
  });

  it("[LC-4] that cannot be stored is stored later: until then the object does not sleep", async () => {
    const driver = new FailingDriver();
    const room = new TestShell({ driver });
    await written(room, "d1");
    driver.failingTransactions = 2;
    room.shell.drain(60);
    expect(room.timers).toBe(1);
    room.elapse(10_000);
    expect(driver.query("SELECT kind FROM jobs WHERE kind = 'end_drain'")).toEqual([]);
    room.elapse(10_000);
    expect(room.timers).toBe(0);
    expect(await refused(woken(room, room.now + 39_000))).toContain("draining");
    expect(await refused(woken(room, room.now + 40_000))).toBeUndefined();
  });

  it("[LC-4] is not prolonged where its end cannot be stored", async () => {
    const driver = new FailingDriver();
    const room = new TestShell({ driver });
    await written(room, "d1");
    room.shell.drain(60);
    const next = woken(room, room.now + 60_000);
    driver.failingTransactions = 1;
    await next.alarm();
    expect(driver.query("SELECT attempts FROM jobs WHERE kind = 'end_drain'")).toEqual([{ attempts: 1 }]);
    expect(await refused(next)).toBeUndefined();
    expect(await refused(woken(next))).toBeUndefined();
    await next.alarm();
    expect(driver.query("SELECT attempts FROM jobs WHERE kind = 'end_drain'")).toEqual([]);
  });
});

/** A database that cannot be read, or written, for a while. */
class FailingDriver extends NodeSqlDriver {
  failingReads = false;
  /** How many transactions fail. */
  failingTransactions = 0;

  override query(sql: string, ...values: SqlValue[]): SqlRow[] {
    if (this.failingReads && !sql.includes("sqlite_master")) throw new Error("disk I/O error");
    return super.query(sql, ...values);
  }

  override transaction<T>(body: () => T): T {
    if (this.failingTransactions-- > 0) throw new Error("disk I/O error");
    return super.transaction(body);
  }
}

describe("connections whose peers have vanished", () => {
  it("[WP-9] make room for a new one, long before the next sweep", async () => {
    const room = new TestShell({ limits: { connectionsPerPartition: 2 } });
    const vanished = await room.open(undefined, false, { vanished: true });
    const live = await room.open();
    room.now += idleMsMax - 1;
    await expect(room.open()).rejects.toThrow("too_many_connections");
    room.now += idleMsMax;
    await room.open();
    expect([vanished.ended, live.ended]).toEqual([[1001], []]);
  });
});
