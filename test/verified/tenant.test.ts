import { env, evictDurableObject, runDurableObjectAlarm, runInDurableObject } from "cloudflare:test";
import { describe, expect, it, onTestFinished, vi } from "vitest";
import { administrationPurpose } from "../../src/tenant/shared-rate.ts";
import { ask, bearer, fresh, type Message, Peer, post, seconds, sign, tenantOf } from "./wire.ts";

const day = 24 * 60 * 60;
const revokeSub = (tenant: string, id: string) =>
  tenantOf(tenant).revoke({ kind: "sub", id, at: seconds(), expiresAt: (seconds() + day) * 1_000 });
const revoke = async (tenant: string, body: object) => {
  const headers = bearer(await sign({ tenant, sub: "root", partitions: ["*"], roles: ["admin"] }));
  return await (await ask("/v1/revocations", { method: "PUT", headers, body: JSON.stringify(body) })).json();
};
const revokeToken = (tenant: string, id: string) =>
  tenantOf(tenant).revoke({ kind: "jti", id, at: seconds(), expiresAt: (seconds() + day) * 1_000 });
const code = async (response: Response) => ((await response.json()) as { code: string }).code;

describe("revocation", () => {
  it("[AU-4] ends the open connections of a subject in all partitions, with the reason, and no others", async () => {
    const tenant = fresh("t");
    const rooms = [fresh(), fresh(), fresh()];
    const token = await sign({ tenant });
    const alices = await Promise.all(rooms.map((room) => Peer.connected(room, token)));
    const bob = await Peer.connected(rooms[0]!, await sign({ tenant, sub: "bob" }));
    const elsewhere = await Peer.connected(rooms[0]!, await sign({ tenant: fresh("other") }));
    expect(await revokeSub(tenant, "alice")).toEqual({ told: 3, pending: 0 });
    for (const alice of alices) {
      expect(await alice.ending()).toBe(4401);
      expect(alice.received.at(-1)).toMatchObject({
        type: "error",
        payload: { code: "auth_revoked", retryable: false },
      });
    }
    expect((await bob.submit("d")).type).toBe("event_accepted");
    expect((await elsewhere.submit("d")).type).toBe("event_accepted");
  });

  it("[AU-4] refuses a revoked token at once: in upgrades, in requests, on partitions without connections", async () => {
    const tenant = fresh("t");
    const room = fresh();
    const [revoked, other] = [await sign({ tenant, jti: "one" }), await sign({ tenant, jti: "two" })];
    expect((await post(room, revoked, "k1")).status).toBe(201);
    await revokeToken(tenant, "one");
    for (const name of [room, fresh()]) {
      expect(await code(await post(name, revoked, "k2"))).toBe("auth_revoked");
      expect((await Peer.open(name, bearer(revoked))).response.status).toBe(401);
      expect((await post(name, other, "k3")).status).toBe(201);
      expect((await Peer.open(name, bearer(other))).response.status).toBe(101);
    }
  });

  it("[AU-4] of a subject covers the tokens issued up to then, and those without iat", async () => {
    const tenant = fresh("t");
    const room = fresh();
    await revoke(tenant, { kind: "sub", id: "alice" });
    expect(await code(await post(room, await sign({ tenant }), "k"))).toBe("auth_revoked");
    expect(await code(await post(room, await sign({ tenant, iat: undefined }), "k"))).toBe("auth_revoked");
    // The clock of the issuer may be ahead by the tolerance, so such a token may have been issued before.
    expect(await code(await post(room, await sign({ tenant, iat: seconds() + 29 }), "k"))).toBe("auth_revoked");
  });

  it("[AU-4] covers a token whose issue time is ahead of the clock, on its open connection and after it", async () => {
    const tenant = fresh("t");
    const room = fresh();
    const token = await sign({ tenant, iat: seconds() + 20 });
    const peer = await Peer.connected(room, token);
    await revoke(tenant, { kind: "sub", id: "alice" });
    expect(await peer.ending()).toBe(4401);
    expect(await code(await post(room, token, "k"))).toBe("auth_revoked");
    expect((await Peer.open(room, bearer(token))).response.status).toBe(401);
  });

  it("[AU-4] by the issuer's own time covers that second whole, and no later token", async () => {
    const tenant = fresh("t");
    const room = fresh();
    const at = seconds() - 10;
    expect(await revoke(tenant, { kind: "sub", id: "alice", at })).toMatchObject({ id: "alice", at });
    expect(await code(await post(room, await sign({ tenant, iat: at + 0.75 }), "k"))).toBe("auth_revoked");
    expect((await post(room, await sign({ tenant, iat: at + 1 }), "k")).status).toBe(201);
    expect(await revoke(tenant, { kind: "sub", id: "alice", at: seconds() + 120 })).toMatchObject({
      code: "bad_request",
      errors: [{ field: "at" }],
    });
  });

  it.each([".", "..", "a/b", "?x#y%2e"])("[AU-4] covers every subject that a token can have: %s", async (sub) => {
    const tenant = fresh("t");
    const room = fresh();
    const token = await sign({ tenant, sub });
    expect((await post(room, token, "k1")).status).toBe(201);
    expect(await revoke(tenant, { kind: "sub", id: sub })).toMatchObject({ kind: "sub", id: sub });
    expect(await code(await post(room, token, "k2"))).toBe("auth_revoked");
  });

  it("[AU-4] survives eviction of the tenant and of the partition, hibernating or not", async () => {
    const tenant = fresh("t");
    const room = fresh();
    const token = await sign({ tenant, jti: "one" });
    const alice = await Peer.connected(room, token);
    await alice.submit("d");
    await evictDurableObject(env.PARTITIONS.getByName(`${tenant}/${room}`), { webSockets: "hibernate" });
    // The partition hibernates with its sockets: the notification wakes it.
    expect(await revokeToken(tenant, "one")).toEqual({ told: 1, pending: 0 });
    expect(await alice.ending()).toBe(4401);
    await evictDurableObject(tenantOf(tenant));
    await evictDurableObject(env.PARTITIONS.getByName(`${tenant}/${room}`));
    expect(await code(await post(room, token, "k"))).toBe("auth_revoked");
  });

  it("[AU-4] a partition without connections is removed, and a partition that could not be reached is retried", async () => {
    const tenant = fresh("t");
    const room = fresh();
    const alice = await Peer.connected(room, await sign({ tenant }));
    alice.close();
    await alice.ending();
    // Notified once more, because it had registered.
    await revokeSub(tenant, "eve");
    await evictDurableObject(env.PARTITIONS.getByName(`${tenant}/${room}`));
    await revokeSub(tenant, "mallory");
    expect(await revokeSub(tenant, "trudy")).toEqual({ told: 0, pending: 0 });
    expect(await runDurableObjectAlarm(tenantOf(tenant))).toBe(false);
  });

  it("[AU-4] a hundred partitions with connections are notified in one pass", async () => {
    const tenant = fresh("t");
    const token = await sign({ tenant });
    const peers = await Promise.all(Array.from({ length: 100 }, () => Peer.connected(fresh(), token)));
    const before = Date.now();
    expect(await revokeSub(tenant, "alice")).toEqual({ told: 100, pending: 0 });
    console.log(`100 partitions were notified in ${Date.now() - before} ms`);
    await Promise.all(peers.map((peer) => peer.ending()));
  });
});

describe("read-only", () => {
  it("[LC-11] connected clients that ask for it learn when it begins and ends, of their partitions", async () => {
    const tenant = fresh("t");
    const token = await sign({ tenant });
    const [room, elsewhere] = [fresh(), fresh()];
    for (const name of [room, elsewhere]) expect((await post(name, token, "k")).status).toBe(201);
    const asker = await Peer.connected(room, token, { readOnly: true });
    const others = [await Peer.connected(elsewhere, token, { readOnly: true }), await Peer.connected(room, token)];
    const said = (peer: Peer) =>
      peer.received.filter(({ type }: Message) => type === "read_only").map(({ payload }: Message) => payload.readOnly);
    const set = async (...partitions: string[]) => {
      const headers = bearer(await sign({ tenant, sub: "root", partitions: ["*"], roles: ["admin"] }));
      const answer = await ask("/v1/read-only", { method: "PUT", headers, body: JSON.stringify({ partitions }) });
      expect(await answer.json()).toEqual({ told: 2, pending: 0 });
    };
    await asker.until(() => said(asker).length === 1);
    await set(room);
    await asker.until(() => said(asker).length === 2);
    expect((await asker.submit("d")).payload.code).toBe("read_only");
    await set();
    await asker.until(() => said(asker).length === 3);
    expect((await asker.submit("d")).type).toBe("event_accepted");
    expect(said(asker)).toEqual([false, true, false]);
    expect(others.map(said)).toEqual([[false], []]);
  });
});

describe("limits", () => {
  it("[AU-5] are set by the tenant at run time, for open connections too, and survive hibernation", async () => {
    const tenant = fresh("t");
    const room = fresh();
    const alice = await Peer.connected(room, await sign({ tenant }));
    expect((await alice.submit("d0")).type).toBe("event_accepted");
    await tenantOf(tenant).setLimits({ principal: { perSecond: 0.001, burst: 2 } });
    const codes = async (from: number) => {
      const received = [];
      for (let at = from; at < from + 3; at++) received.push((await alice.submit(`d${at}`)).payload.code);
      return received;
    };
    expect(await codes(1)).toContain("rate_limited");
    await evictDurableObject(env.PARTITIONS.getByName(`${tenant}/${room}`), { webSockets: "hibernate" });
    expect(await codes(4)).toContain("rate_limited");
    await tenantOf(tenant).setLimits({ principal: null });
    const again = await Peer.connected(room, await sign({ tenant, jti: "2" }));
    for (let at = 10; at < 20; at++) expect((await again.submit(`d${at}`)).type).toBe("event_accepted");
  });

  it("[AU-5] a tenant's rate applies over its partitions", async () => {
    const tenant = fresh("t");
    await tenantOf(tenant).setLimits({ tenant: { perSecond: 0.001, burst: 100 }, principal: null });
    let accepted = 0;
    let limited = 0;
    for (const room of [fresh(), fresh(), fresh()]) {
      const peer = await Peer.connected(room, await sign({ tenant }));
      const answers = await Promise.all(Array.from({ length: 250 }, (_, at) => peer.submit(`d${at}`)));
      accepted += answers.filter(({ type }) => type === "event_accepted").length;
      limited += answers.filter(({ payload }) => payload.code === "rate_limited").length;
    }
    expect(accepted + limited).toBe(750);
    expect(accepted).toBeGreaterThanOrEqual(300);
    // The rate, and the initial portion of each partition.
    expect(accepted).toBeLessThanOrEqual(100 + 3 * 100);
  });

  it("[AU-5] bounds a tenant's new partitions, over sockets and HTTP; reads create none", async () => {
    const tenant = fresh("t");
    await tenantOf(tenant).setLimits({ newPartitions: { perSecond: 0.001, burst: 2 } });
    const token = await sign({ tenant });
    const first = fresh();
    expect((await post(first, token, "k")).status).toBe(201);
    expect((await ask(`/v1/partitions/${fresh()}/state`, { headers: bearer(token) })).status).toBe(200);
    const second = await Peer.connected(fresh(), token);
    // Frames that arrive during the request keep their order.
    const answers = await Promise.all(["a", "b", "c"].map((draftId, at) => second.submit(draftId, at)));
    expect(answers.map(({ payload }) => payload.eventId)).toEqual([1, 2, 3]);
    const third = fresh();
    const refused = await post(third, token, "k");
    expect([refused.status, await code(refused)]).toEqual([403, "quota_exceeded"]);
    const peer = await Peer.connected(third, token);
    expect((await peer.submit("d")).payload.code).toBe("quota_exceeded");
    expect((await post(first, token, "k2")).status).toBe(201);
  });

  it("[AU-5] bounds the new partitions of a principal, so that others can begin theirs", async () => {
    const tenant = fresh("t");
    const newPartitionsPerPrincipal = { perSecond: 0.001, burst: 2 };
    await tenantOf(tenant).setLimits({ newPartitionsPerPrincipal });
    const token = await sign({ tenant });
    for (let at = 0; at < 2; at++) expect((await post(fresh(), token, "k")).status).toBe(201);
    const third = fresh();
    const refused = await post(third, token, "k");
    expect([refused.status, refused.headers.get("retry-after")]).toEqual([429, "1000"]);
    expect(await refused.json()).toMatchObject({ code: "rate_limited", rateLimit: { policy: "new-partitions" } });
    const peer = await Peer.connected(third, token);
    expect((await peer.submit("d")).payload).toMatchObject({ code: "rate_limited", retryable: true });
    // What the principal was refused is not counted for the tenant, and the name is free.
    const other = await sign({ tenant, sub: "bob" });
    expect((await post(third, other, "k")).status).toBe(201);
    expect((await peer.submit("d")).type).toBe("event_accepted");
    // A restart gives nothing back.
    await evictDurableObject(tenantOf(tenant));
    expect((await post(fresh(), token, "k")).status).toBe(429);
  });

  it("[AU-5] [OB-4] bounds the administrative requests of a principal", async () => {
    // The clock stands still, so that nothing is given back meanwhile.
    vi.useFakeTimers({ toFake: ["Date"] });
    onTestFinished(() => void vi.useRealTimers());
    const tenant = fresh("t");
    const claims = { tenant, partitions: ["*"], roles: ["admin"] };
    const limits = async (sub: string) => ask("/v1/limits", { headers: bearer(await sign({ ...claims, sub })) });
    const { burst } = administrationPurpose.each;
    const author = { principal: "root", permissions: [] };
    for (let at = 1; at < burst; at++) {
      await tenantOf(tenant).refusalWith({ version: 1, author, administers: true });
    }
    expect((await limits("root")).status).toBe(200);
    const refused = await limits("root");
    expect([refused.status, refused.headers.get("retry-after")]).toEqual([429, "1"]);
    expect(await refused.json()).toMatchObject({
      code: "rate_limited",
      rateLimit: { policy: "administration", quota: burst },
    });
    expect((await limits("other")).status).toBe(200);
    // What users do is no administration.
    expect((await post(fresh(), await sign({ tenant, sub: "root" }), "k")).status).toBe(201);
    vi.setSystemTime(Date.now() + 1_000);
    expect((await limits("root")).status).toBe(200);
  });

  it("[AU-5] bounds the connections of a principal, and a closed one frees a place", async () => {
    const room = fresh();
    const token = await sign();
    const peers = await Promise.all(Array.from({ length: 4 }, () => Peer.connected(room, token)));
    const refused = await Peer.open(room, bearer(token));
    expect(refused.response.status).toBe(429);
    expect(refused.response.headers.get("retry-after")).toBe("10");
    expect((await Peer.connected(room, await sign({ sub: "bob" }))).response.status).toBe(101);
    peers[0]!.close();
    await peers[0]!.ending();
    expect((await Peer.open(room, bearer(token))).response.status).toBe(101);
  });
});

describe("many at once", () => {
  it("[AU-5] concurrent connections of a principal get no more places than sequential ones", async () => {
    const tenant = fresh("t");
    const token = await sign({ tenant });
    const room = fresh();
    const peers = await Promise.all(Array.from({ length: 12 }, () => Peer.open(room, bearer(token))));
    expect(peers.filter(({ response }) => response.status === 101)).toHaveLength(4);
  });
});

describe("drain", () => {
  it("[LC-4] decides queued work, asks every client to reconnect, closes with 1012, and refuses new work meanwhile", async () => {
    const tenant = fresh("t");
    const room = fresh();
    const token = await sign({ tenant });
    const peers = await Promise.all([1, 2, 3].map(() => Peer.connected(room, token)));
    for (let at = 0; at < 40; at++) {
      peers[0]!.send("submit_event", {
        draftId: `d${at}`,
        event: { type: "set", payload: { target: "n", value: at } },
      });
    }
    await peers[0]!.until(() => peers[0]!.received.some(({ type }) => type === "event_accepted"));
    expect(await tenantOf(tenant).drain(2)).toEqual({ told: 1, pending: 0 });
    for (const peer of peers) {
      expect(await peer.ending()).toBe(1012);
      const last = peer.received.at(-1);
      expect(last.type).toBe("draining");
      expect(last.payload.reconnectAfterMs).toBeGreaterThanOrEqual(2_000);
    }
    const hints = new Set(peers.map(({ received }) => received.at(-1).payload.reconnectAfterMs));
    expect(hints.size).toBeGreaterThan(1);
    const refused = await post(room, token, "k");
    expect([refused.status, await code(refused)]).toEqual([503, "draining"]);
    expect(Number(refused.headers.get("retry-after"))).toBeGreaterThanOrEqual(1);
    expect((await Peer.open(room, bearer(token))).response.status).toBe(503);
    // Reads continue.
    expect((await ask(`/v1/partitions/${room}/state`, { headers: bearer(token) })).status).toBe(200);
    // Every answered draft is in the log, and the drain ends by itself.
    const accepted = peers[0]!.received.filter(({ type }) => type === "event_accepted").length;
    while ((await post(room, token, "after")).status !== 201) await new Promise((resolve) => setTimeout(resolve, 100));
    const page = (await (await ask(`/v1/partitions/${room}/events`, { headers: bearer(token) })).json()) as {
      currentEventIndex: number;
    };
    expect(page.currentEventIndex).toBe(accepted + 1);
  });
});

describe("a tenant whose storage is of another version", () => {
  it("[LC-3] [LC-5] [ER-6] answers that it may be tried again, loses nothing, and goes on when the version fits again", async () => {
    const tenant = fresh("t");
    const [known, unknown] = [fresh(), fresh()];
    const token = await sign({ tenant });
    await revokeToken(tenant, "gone");
    expect((await post(known, token, "k1")).status).toBe(201);
    const stub = tenantOf(tenant);
    const sql = (text: string) => runInDurableObject(stub, (_, { storage }) => void storage.sql.exec(text));
    await sql("INSERT INTO schema_migrations (number, sha256, applied_at) VALUES (99, x'00', 0)");
    await evictDurableObject(stub);

    const refused = await post(unknown, token, "k2");
    expect([refused.status, refused.headers.get("retry-after")]).toEqual([503, "1"]);
    expect(await code(refused)).toBe("identity_unavailable");
    const upgrade = await Peer.open(unknown, bearer(token));
    expect([upgrade.response.status, await code(upgrade.response)]).toEqual([503, "identity_unavailable"]);
    const admin = await sign({ tenant, partitions: ["*"], permissions: ["admin:limits"] });
    const limits = await ask("/v1/limits", { headers: { authorization: `Bearer ${admin}` } });
    expect([limits.status, await code(limits)]).toEqual([503, "partition_unavailable"]);

    await sql("DELETE FROM schema_migrations WHERE number = 99");
    // The partition asks the tenant again after a pause.
    await vi.waitFor(async () => expect((await post(unknown, token, "k2")).status).toBe(201), { timeout: 20_000 });
    expect(await code(await post(unknown, await sign({ tenant, jti: "gone" }), "k3"))).toBe("auth_revoked");
  });
});
