import { type Author, noLimits } from "../../src/protocol/index.ts";
import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";
import type { Listener } from "../../src/core/index.ts";
import type { Revocation, TenantChanges } from "../../src/platform/rpc.ts";
import { silenceMsMax, TenantLink } from "../../src/shell/tenant-link.ts";
import { NodeSqlDriver } from "../../src/storage/node.ts";
import { TenantStorage } from "../../src/storage/tenant/storage.ts";
import { Tenant } from "../../src/tenant/tenant.ts";
import { migrationsIn, TestPartition } from "../support/partition.ts";

const minute = 60_000;
const hour = 60 * minute;
const never = 8_640_000_000_000_000;
const author: Author = { principal: "alice", permissions: "all", expiresAt: never, tokenId: "t" };
const stranger: Author = { ...author, principal: "bob", tokenId: "b" };
const revocation: Revocation = { kind: "jti", id: "t", at: 0, expiresAt: never };
/** A token of an hour, issued now. */
const hourly = (tokenId: string): Author => ({ ...author, tokenId, expiresAt: Date.now() + hour });

beforeEach(() => void vi.useFakeTimers({ toFake: ["Date", "setTimeout", "clearTimeout"] }));
afterEach(() => void vi.useRealTimers());

/** A link to a tenant, in a partition that was written unless `unwritten`. */
function linked({ unwritten = false } = {}) {
  const room = new TestPartition();
  if (!unwritten) {
    const writer = room.open();
    writer.connect("w");
    writer.submit("d0", "set", { target: "n", value: 0 });
    room.close(writer);
  }
  const driver = new NodeSqlDriver();
  const tenantOn = (database: NodeSqlDriver) =>
    new Tenant(new TenantStorage(database, migrationsIn("tenant")), noLimits, Date.now());
  let current = tenantOn(driver);
  const tenant = current;
  if (!unwritten) tenant.claim("room", undefined, Date.now());
  /** The leases that the tenant was asked for. */
  const leases: number[] = [];
  const listeners: Listener[] = [];
  /** How long a call is on its way, and its answer. */
  const state = { wait: (): Promise<void> => Promise.resolve(), answering: (): Promise<void> => Promise.resolve() };
  const link = new TenantLink({
    where: { tenant: "t", partition: "room" },
    partition: room.partition,
    limits: noLimits,
    tenant: {
      attend: async (asked) => {
        leases.push(asked.leaseMs);
        await state.wait();
        const answer = current.subscribe(asked, Date.now());
        await state.answering();
        return answer;
      },
      claim: async ({ partition, principal }) => tenant.claim(partition, principal, Date.now()),
      grant: async ({ count }) => {
        await state.wait();
        return tenant.grant(count, Date.now());
      },
    },
    log: () => {},
    now: () => Date.now(),
    fraction: () => 0.5,
    timer(run, delayMs) {
      const timer = setTimeout(run, delayMs);
      return () => clearTimeout(timer);
    },
    step: (body) => body(),
    concernedBy: () => listeners,
  });
  /** Notifies the partition of a change, if it is subscribed at the tenant. */
  const push = () => {
    for (const { partition } of tenant.behind(10, Date.now())) {
      const changes = tenant.changesFor(partition, Date.now())!;
      if (link.changed(changes)) tenant.received(partition, changes.seq, Date.now());
      else tenant.unsubscribe(partition, changes, Date.now());
    }
  };
  /** A connection whose token was accepted. */
  const connection = async (given: Author) => {
    expect(await link.admit(given)).toBeUndefined();
    const opened = room.open(given);
    listeners.push(opened.session);
    link.attached(given);
    opened.connect("c");
    return opened;
  };
  /** From here on the tenant has an empty database. */
  const restore = () => (current = tenantOn(new NodeSqlDriver()));
  return { room, tenant, link, leases, push, state, driver, listeners, connection, restore };
}

const down = () => Promise.reject(new Error("the tenant is down"));
const silent = () => new Promise<void>(() => {});
const unavailable = { code: "identity_unavailable", retryAfter: expect.any(Number) as number };

describe("what a partition knows", () => {
  it("[AU-4] is fetched from its last known change on, with the changes that another incarnation has received", async () => {
    const { tenant, link } = linked();
    tenant.subscribe({ partition: "room", leaseMs: 25 * minute, knownSeq: 0 }, Date.now());
    tenant.revoke(revocation, Date.now());
    tenant.received("room", tenant.seq, Date.now());
    const other: Revocation = { ...revocation, id: "other" };
    tenant.revoke(other, Date.now());
    // This incarnation is notified of the last change only; it must fetch the first one.
    link.changed(tenant.changesSince(tenant.seq - 1, Date.now()));
    expect(await link.admit({ ...author, tokenId: "other" })).toMatchObject({ code: "auth_revoked" });
    expect(await link.admit(author)).toMatchObject({ code: "auth_revoked" });
    expect(
      tenant.subscribe({ partition: "room", leaseMs: minute, knownSeq: tenant.seq }, Date.now()).revocations,
    ).toEqual([]);
    // After a restore the tenant has fewer changes than the partition knows of.
    expect(
      tenant.subscribe({ partition: "room", leaseMs: minute, knownSeq: tenant.seq + 1 }, Date.now()).revocations,
    ).toHaveLength(2);
  });
});

describe("a subscription", () => {
  it("[AU-4] is asked for once, whatever connects and requests meanwhile, and writes one row", async () => {
    const { link, leases, driver } = linked();
    for (let at = 0; at < 100; at++) {
      expect(await link.admit({ ...author, tokenId: `t${at}` })).toBeUndefined();
      expect(await link.admitRequest({ ...author, tokenId: `r${at}` })).toBeUndefined();
      await vi.advanceTimersByTimeAsync(silenceMsMax / 200);
    }
    expect(leases).toHaveLength(1);
    expect(driver.query("SELECT partition FROM attending")).toHaveLength(1);
  });

  it("[AU-4] is written once an hour by a partition that is used all the time", async () => {
    const { link, leases, driver } = linked();
    let written = 0;
    let until: unknown;
    for (let at = 0; at < 120; at++) {
      await link.admitRequest(author);
      const [row] = driver.query("SELECT until FROM attending");
      if (row!["until"] !== until) written++;
      until = row!["until"];
      await vi.advanceTimersByTimeAsync(minute);
    }
    expect(leases).toHaveLength(120);
    expect(written).toBe(2);
  });

  it("[AU-4] lasts as long as the tokens of the connections: nothing renews it while the partition sleeps", async () => {
    const { tenant, link, push, connection, leases } = linked();
    const alice = await connection({ ...author, expiresAt: Date.now() + 24 * hour });
    vi.advanceTimersByTime(24 * hour - 1);
    tenant.revoke(revocation, Date.now());
    push();
    expect(alice.of("error")).toMatchObject([{ payload: { code: "auth_revoked" } }]);
    expect(leases).toHaveLength(1);
    expect(await link.admit(author)).toMatchObject({ code: "auth_revoked" });
  });

  it("[AU-4] is extended for a token that expires later", async () => {
    const { tenant, link, leases, push } = linked();
    await link.admit({ ...author, expiresAt: Date.now() + minute });
    await link.admit({ ...author, expiresAt: Date.now() + 5 * hour });
    expect(leases).toEqual([3 * minute, 5 * hour + 2 * minute]);
    vi.advanceTimersByTime(4 * hour);
    tenant.revoke(revocation, Date.now());
    push();
    expect(link.refusal(author)).toMatchObject({ code: "auth_revoked" });
  });

  it("[AU-4] does not count longer than the tenant stores it: a token that is revoked after its end is refused", async () => {
    const { tenant, link, push } = linked();
    expect(await link.admitRequest(author)).toBeUndefined();
    vi.advanceTimersByTime(2 * hour);
    tenant.revoke(revocation, Date.now());
    push();
    expect(await link.admitRequest(author)).toMatchObject({ code: "auth_revoked" });
  });

  it("[AU-4] of callers that share a call is long enough for each of them", async () => {
    const { link, leases, state } = linked();
    let answer = () => {};
    state.wait = () => new Promise<void>((resolve) => (answer = resolve));
    const first = link.admitRequest(author);
    const token = { ...author, expiresAt: Date.now() + 5 * hour };
    const shared = [link.admitRequest(author), link.admit(token), link.admitRequest(author)];
    answer();
    await first;
    await vi.advanceTimersByTimeAsync(0);
    answer();
    expect(await Promise.all(shared)).toEqual([undefined, undefined, undefined]);
    expect(leases).toEqual([silenceMsMax + 2 * minute, 5 * hour + 2 * minute]);
  });

  it("[AU-4] is kept where the tenant's answer is on its way when a change comes", async () => {
    const { tenant, link, push, state } = linked();
    tenant.subscribe({ partition: "room", leaseMs: minute, knownSeq: 0 }, Date.now());
    let answer = () => {};
    state.answering = () => new Promise<void>((resolve) => (answer = resolve));
    const admitted = link.admit(author);
    await vi.advanceTimersByTimeAsync(0);
    tenant.revoke({ ...revocation, id: "other" }, Date.now());
    push();
    answer();
    expect(await admitted).toBeUndefined();
    tenant.revoke(revocation, Date.now());
    push();
    expect(link.refusal(author)).toMatchObject({ code: "auth_revoked" });
  });

  it("[AU-5] of a partition that was never written ends soon: names that are only tried fill no table", async () => {
    const { link, driver } = linked({ unwritten: true });
    await link.admit(author);
    const [row] = driver.query("SELECT until FROM attending");
    expect(row!["until"]).toBeLessThanOrEqual(Date.now() + 25 * minute);
  });

  it("[AU-4] a tenant of the version before does not say until when: half of the lease is certain", async () => {
    const { link, leases, tenant, push } = linked();
    const { subscribe } = tenant;
    tenant.subscribe = function (...given) {
      const { until: _, ...changes } = subscribe.apply(this, given);
      return changes;
    };
    expect(await link.admit(hourly("t"))).toBeUndefined();
    expect(await link.admitRequest(hourly("t"))).toBeUndefined();
    expect(leases.length).toBeGreaterThan(0);
    tenant.revoke(revocation, Date.now());
    push();
    expect(link.refusal(author)).toMatchObject({ code: "auth_revoked" });
  });
});

describe("where no notification arrives", () => {
  it("[AU-4] a revocation ends an open connection that is used, within a minute", async () => {
    const { tenant, link, connection } = linked();
    const alice = await connection(author);
    tenant.revoke(revocation, Date.now());
    for (let at = 0; at < 60; at++) {
      await vi.advanceTimersByTimeAsync(1_000);
      link.used(Date.now());
    }
    await vi.advanceTimersByTimeAsync(0);
    expect(alice.of("error")).toMatchObject([{ payload: { code: "auth_revoked" } }]);
  });

  it("[AU-4] a revocation refuses requests and new connections within a minute", async () => {
    const { tenant, link } = linked();
    expect(await link.admitRequest(author)).toBeUndefined();
    tenant.revoke(revocation, Date.now());
    await vi.advanceTimersByTimeAsync(minute);
    expect(await link.admitRequest(author)).toMatchObject({ code: "auth_revoked" });
    expect(await link.admit(author)).toMatchObject({ code: "auth_revoked" });
  });

  it("[AU-4] a partition that wakes up again and again does not ask each time, but one that stays awake does", async () => {
    const { link, leases } = linked();
    link.attached(author);
    await vi.advanceTimersByTimeAsync(silenceMsMax - 1);
    link.used(Date.now());
    expect(leases).toHaveLength(0);
    await vi.advanceTimersByTimeAsync(1);
    for (let at = 0; at < 10; at++) link.used(Date.now());
    expect(leases).toHaveLength(1);
  });
});

describe("an answer of the tenant that is lost", () => {
  it("[AU-4] does not count as received: a notification ends the open connection, though the partition sleeps", async () => {
    const { tenant, link, push, state, connection } = linked();
    const alice = await connection(hourly("t"));
    tenant.revoke(revocation, Date.now());
    await vi.advanceTimersByTimeAsync(silenceMsMax);
    state.answering = down;
    link.used(Date.now());
    await vi.advanceTimersByTimeAsync(0);
    // It asks no more from here on.
    push();
    expect(alice.of("error")).toMatchObject([{ payload: { code: "auth_revoked" } }]);
    expect(tenant.countBehind(Date.now())).toBe(0);
  });

  it("[AU-4] the same where the partition was not subscribed any more, and a token was known", async () => {
    const { tenant, link, push, state, room, listeners } = linked();
    expect(await link.admitRequest(hourly("other"))).toBeUndefined();
    await vi.advanceTimersByTimeAsync(3 * hour);
    const known = hourly("t");
    link.attached(known);
    tenant.revoke(revocation, Date.now());
    state.answering = down;
    expect(await link.admit(known)).toBeUndefined();
    const alice = room.open(known);
    listeners.push(alice.session);
    alice.connect("c");
    push();
    expect(alice.of("error")).toMatchObject([{ payload: { code: "auth_revoked" } }]);
  });

  it("[AU-4] counts for a partition that has accepted nobody yet: its first call causes no notification", async () => {
    const { tenant, link } = linked();
    tenant.revoke(revocation, Date.now());
    expect(await link.admit(hourly("other"))).toBeUndefined();
    expect(tenant.countBehind(Date.now())).toBe(0);
  });
});

describe("a tenant whose database was restored", () => {
  it("[AU-5] has its limits applied", async () => {
    const { tenant, link, room, restore } = linked();
    const rate = (perSecond: number) => ({ principal: { perSecond, burst: 1 } });
    tenant.setLimits(rate(1), Date.now());
    const saved = tenant.override;
    await vi.advanceTimersByTimeAsync(1_000);
    tenant.setLimits(rate(2), Date.now());
    expect(await link.admitRequest(author)).toBeUndefined();
    expect(room.partition.limits).toMatchObject(rate(2));
    const restored = restore();
    restored.setLimits(saved, Date.now() - 2_000);
    await vi.advanceTimersByTimeAsync(silenceMsMax);
    await link.admitRequest(author);
    expect(room.partition.limits).toMatchObject(rate(1));
  });

  it("[AU-4] has new numbers for new changes, though there are as many as before", async () => {
    const { tenant, link, restore } = linked();
    tenant.setLimits({ tenant: null }, Date.now());
    expect(await link.admitRequest(author)).toBeUndefined();
    const restored = restore();
    await vi.advanceTimersByTimeAsync(silenceMsMax);
    restored.revoke(revocation, Date.now());
    expect(await link.admitRequest(author)).toMatchObject({ code: "auth_revoked" });
  });
});

describe("a tenant that cannot be reached", () => {
  it("[AU-4] [LC-11] refuses nobody whose token was accepted before, and everybody else", async () => {
    const { link, state, leases } = linked();
    expect(await link.admitRequest(author)).toBeUndefined();
    state.wait = down;
    // As long as no notification means no change, it is not noticed.
    expect(await link.admit(stranger)).toBeUndefined();
    await vi.advanceTimersByTimeAsync(silenceMsMax);
    expect(await link.admitRequest(author)).toBeUndefined();
    expect(await link.admit(author)).toBeUndefined();
    expect(await link.admit({ ...author, tokenId: "new" })).toMatchObject(unavailable);
    expect(await link.admitRequest({ ...author, issuedAt: 1 })).toMatchObject(unavailable);
    const calls = leases.length;
    // The pause grows: the tenant has to come back, and not to answer everybody at once.
    for (let at = 0; at < 600; at++) {
      await vi.advanceTimersByTimeAsync(100);
      await link.admitRequest(author);
    }
    expect(leases.length - calls).toBeLessThan(10);
  });

  it("[AU-4] a token that is known is refused once it has expired, or is revoked as far as is known", async () => {
    const { link, state, tenant, push } = linked();
    const token = hourly("t");
    const other = hourly("other");
    await link.admit(token);
    await link.admit(other);
    state.wait = down;
    await vi.advanceTimersByTimeAsync(hour - 1_000);
    expect(await link.admitRequest(token)).toBeUndefined();
    tenant.revoke(revocation, Date.now());
    push();
    expect(await link.admitRequest(token)).toMatchObject({ code: "auth_revoked" });
    await vi.advanceTimersByTimeAsync(1_000);
    expect(await link.admitRequest(other)).toMatchObject({ code: "identity_unavailable" });
  });

  it("[AU-4] after it has come back, strangers are accepted, and what was revoked is known", async () => {
    const { link, state, tenant } = linked();
    await link.admit(author);
    state.wait = down;
    await vi.advanceTimersByTimeAsync(5 * minute);
    expect(await link.admit(stranger)).toMatchObject(unavailable);
    tenant.revoke(revocation, Date.now());
    state.wait = () => Promise.resolve();
    await vi.advanceTimersByTimeAsync(15_000);
    expect(await link.admit(stranger)).toBeUndefined();
    expect(await link.admitRequest(author)).toMatchObject({ code: "auth_revoked" });
  });

  it("[AU-4] the connections of an object that wakes up meanwhile are known", async () => {
    const { link, state } = linked();
    state.wait = down;
    link.attached(author);
    expect(await link.admit(author)).toBeUndefined();
    expect(await link.admit(stranger)).toMatchObject(unavailable);
  });

  it("[AU-5] [LC-11] grants one portion at a time", async () => {
    const { link, room, state } = linked();
    const granted = vi.spyOn(room.partition, "granted");
    state.wait = down;
    await link.requestGrant(100);
    state.wait = silent;
    const late = link.requestGrant(100);
    await vi.advanceTimersByTimeAsync(2_000);
    await late;
    expect(granted.mock.calls.map(([count, retryAfterMs]) => [count, retryAfterMs])).toEqual([
      [100, 1_000],
      [100, 1_000],
    ]);
  });
});

describe("a tenant that is slow", () => {
  it("[AU-4] [LC-10] keeps a stranger waiting for two seconds, and nobody else once that is known", async () => {
    const { link, state } = linked();
    await link.admit(author);
    await vi.advanceTimersByTimeAsync(silenceMsMax);
    state.wait = silent;
    const waits = link.admit(stranger);
    await vi.advanceTimersByTimeAsync(2_000);
    expect(await waits).toMatchObject(unavailable);
    // Nothing has to elapse for these.
    expect(await link.admit(author)).toBeUndefined();
    expect(await link.admit(stranger)).toMatchObject(unavailable);
    expect(vi.getTimerCount()).toBe(0);
  });

  it("[AU-4] its answer counts, though it comes late", async () => {
    const { link, state, tenant } = linked();
    let answer = () => {};
    state.wait = () => new Promise<void>((resolve) => (answer = resolve));
    const waits = link.admit(stranger);
    await vi.advanceTimersByTimeAsync(2_000);
    expect(await waits).toMatchObject(unavailable);
    tenant.revoke(revocation, Date.now());
    answer();
    await vi.advanceTimersByTimeAsync(0);
    expect(await link.admit(stranger)).toBeUndefined();
    expect(await link.admit(author)).toMatchObject({ code: "auth_revoked" });
  });
});

describe("changes of the tenant", () => {
  it("[AU-4] revoke, even if the limits that come with them cannot be stored", () => {
    const { room, link, listeners } = linked();
    const alice = room.open(author);
    listeners.push(alice.session);
    alice.connect("c");
    alice.submit("d", "set", { target: "n", value: 1 });
    room.driver.transaction(() => room.driver.write("DROP TABLE tenant_limits"));
    const changes: TenantChanges = { seq: 1, revocations: [revocation], limits: { principal: null } };
    expect(() => link.changed(changes)).toThrow("tenant_limits");
    expect(alice.of("error")).toMatchObject([{ payload: { code: "auth_revoked" } }]);
  });
});
