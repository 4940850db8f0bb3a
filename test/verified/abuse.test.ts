import { env, evictDurableObject, runInDurableObject } from "cloudflare:test";
import { describe, expect, it } from "vitest";
import { bounds } from "../../src/protocol/bounds.ts";
import { Events } from "../support/events.ts";
import {
  ask,
  bearer,
  connection,
  event,
  frame,
  fresh,
  type Message,
  Peer,
  post,
  seconds,
  sign,
  tenantOf,
} from "./wire.ts";

// Attacks by a client with a valid token.

const partitionOf = (tenant: string, room: string) => env.PARTITIONS.getByName(`${tenant}/${room}`);
const admin = async (tenant: string) =>
  bearer(await sign({ tenant, sub: "root", partitions: ["*"], roles: ["admin"] }));
const revoke = async (tenant: string, path: string) =>
  ask(`/v1/revocations/${path}`, { method: "PUT", headers: await admin(tenant) });
const draft = (draftId: string, value: unknown = 1) => ({
  draftId,
  event: { type: "set", payload: { target: "n", value } },
});

describe("a principal's rate", () => {
  /** A rate that does not refill during the test. */
  const once = (burst: number) => ({ perSecond: 0.001, burst });

  it("[AU-5] is shared by sockets, HTTP, batches and connections without a WebSocket", async () => {
    const [tenant, room] = [fresh("t"), fresh()];
    await tenantOf(tenant).setLimits({ principal: once(20) });
    const token = await sign({ tenant });
    const peers = await Promise.all([1, 2].map(() => Peer.connected(room, token)));
    const { events, post: send, find, message } = await connection(room, token);
    await send(token, frame("connect", { clientId: "p", version: "1" }));
    await message("connected");
    const decided = (received: Message) => received.payload?.draftId !== undefined;
    const answers = await Promise.all([
      ...peers.map(async (peer, at) => {
        const codes = [];
        for (let n = 0; n < 12; n++) codes.push((await peer.submit(`s${at}-${n}`)).type);
        return codes;
      }),
      Promise.all(Array.from({ length: 12 }, async (_, n) => (await post(room, token, `h${n}`)).status)),
      (async () => {
        await send(token, ...Array.from({ length: 12 }, (_, n) => frame("submit_event", draft(`p${n}`))));
        const seen = new Set<string>();
        await find(
          (received) =>
            decided(received) && received.type !== "broadcast" && seen.add(received.payload.draftId).size === 12,
        );
        return events.received.map(({ data }) => (JSON.parse(data) as Message).type as string);
      })(),
    ]);
    const accepted = answers.flat().filter((answer) => answer === "event_accepted" || answer === 201);
    expect(accepted).toHaveLength(20);
    for (const mode of ["atomic", "sequential"]) {
      const batch = await ask(`/v1/partitions/${room}/events`, {
        method: "POST",
        headers: { "idempotency-key": mode, ...bearer(token) },
        body: JSON.stringify({ mode, events: [draft(`${mode}-1`)] }),
      });
      expect(await batch.text()).toContain("rate_limited");
    }
    const page = (await (await ask(`/v1/partitions/${room}/events`, { headers: bearer(token) })).json()) as Message;
    expect(page.currentEventIndex).toBe(20);
    // Other principals have their own rate.
    expect((await post(room, await sign({ tenant, sub: "bob" }), "k")).status).toBe(201);
    for (const peer of peers) peer.close();
    await events.cancel();
  });

  it("[AU-5] does not reset with a connection, a token, a client id, a ticket or hibernation", async () => {
    const [tenant, room] = [fresh("t"), fresh()];
    await tenantOf(tenant).setLimits({ principal: once(20) });
    let accepted = 0;
    const used = async (peer: Peer) => {
      for (let at = 0; at < 10; at++) {
        if ((await peer.submit(crypto.randomUUID())).type === "event_accepted") accepted++;
      }
      peer.close();
      await peer.ending();
    };
    for (let at = 0; at < 4; at++) {
      await used(await Peer.connected(room, await sign({ tenant, jti: `j${at}` }), { clientId: `c${at}` }));
    }
    const taken = await ask("/v1/tickets", { method: "POST", headers: bearer(await sign({ tenant })) });
    const byTicket = await Peer.open(room, {}, `?ticket=${((await taken.json()) as Message).ticket}`);
    await byTicket.ask("connect", { clientId: "t", version: "1" });
    await used(byTicket);
    expect(accepted).toBe(20);
    await evictDurableObject(partitionOf(tenant, room));
    await used(await Peer.connected(room, await sign({ tenant })));
    // The part that was not saved, at most a quarter.
    expect(accepted).toBeLessThanOrEqual(25);
  });

  it("[AU-6] a flood of one principal takes nothing from another, whose drafts are all decided in turn", async () => {
    const [tenant, room] = [fresh("t"), fresh()];
    await tenantOf(tenant).setLimits({ principal: once(100) });
    const mallory = await sign({ tenant, sub: "mallory" });
    const floods = await Promise.all([1, 2, 3, 4].map(() => Peer.connected(room, mallory, { echo: false })));
    const alice = await Peer.connected(room, await sign({ tenant }));
    const byHttp: Promise<Response>[] = [];
    let sent = 0;
    for (let round = 0; round < 20; round++) {
      for (const [at, flood] of floods.entries()) {
        for (let n = 0; n < 25; n++, sent++) flood.send("submit_event", draft(`f${round}-${at}-${n}`));
      }
      byHttp.push(post(room, mallory, `h${round}`));
      expect((await alice.submit(`a${round}`)).type).toBe("event_accepted");
    }
    const statuses = (await Promise.all(byHttp)).map(({ status }) => status);
    const taken = statuses.filter((status) => status === 201).length;
    const accepted = () =>
      floods.flatMap(({ received }) => received).filter(({ type }) => type === "event_accepted").length;
    const page = (await (
      await ask(`/v1/partitions/${room}/events`, { headers: bearer(await sign({ tenant })) })
    ).json()) as Message;
    expect(page.currentEventIndex).toBe(100 + 20);
    expect(accepted() + taken).toBe(100);
    expect(sent).toBe(2_000);
    for (const peer of [...floods, alice]) peer.close();
  });

  it("[AU-5] [ID-10] a flood of rejections is stored up to its bound, and later ones are not decided; other principals' are", async () => {
    const [tenant, room] = [fresh("t"), fresh()];
    const token = await sign({ tenant });
    const bad = { type: "unset", payload: { target: "none" } };
    const first = await post(room, token, "r0", bad);
    expect(first.status).toBe(422);
    await runInDurableObject(partitionOf(tenant, room), (_, { storage }) => {
      storage.sql.exec(
        `WITH RECURSIVE n(i) AS (SELECT 2 UNION ALL SELECT i + 1 FROM n WHERE i < ?)
         INSERT INTO idempotency_records (principal, draft_id, fingerprint, problem, created_at)
         SELECT 'alice', 'f' || i, zeroblob(32), x'7b7d', ? FROM n`,
        bounds.rejectionsPerPrincipalMax,
        Date.now(),
      );
    });
    await evictDurableObject(partitionOf(tenant, room));
    const flooded = await post(room, token, "r1", bad);
    expect([flooded.status, ((await flooded.json()) as Message).code]).toEqual([429, "rate_limited"]);
    const peer = await Peer.connected(room, token);
    peer.send("submit_event", { draftId: "r2", event: bad });
    await peer.until(() => peer.received.some(({ payload }) => payload.draftId === "r2"));
    expect(peer.received.at(-1)).toMatchObject({ type: "error", payload: { code: "rate_limited", draftId: "r2" } });
    const count = await runInDurableObject(partitionOf(tenant, room), (_, { storage }) =>
      Number([...storage.sql.exec("SELECT count(*) AS count FROM idempotency_records")][0]!["count"]),
    );
    expect(count).toBe(bounds.rejectionsPerPrincipalMax);
    // Stored verdicts are replayed, valid drafts are accepted, and other principals are not affected.
    expect(await (await post(room, token, "r0", bad)).text()).toBe(await first.text());
    expect((await post(room, token, "good")).status).toBe(201);
    expect((await post(room, await sign({ tenant, sub: "bob" }), "r1", bad)).status).toBe(422);
    peer.close();
  });
});

describe("tokens on open streams", () => {
  const follow = async (room: string, token: string) =>
    new Events(await ask(`/v1/partitions/${room}/events/stream`, { headers: bearer(token) })).flow();

  it.each([
    ["of the token", "jti/one"],
    ["of its subject", "sub/alice"],
  ])("[AU-4] a revocation %s ends them within a second", async (_, path) => {
    const [tenant, room] = [fresh("t"), fresh()];
    const token = await sign({ tenant, jti: "one" });
    const posted = await connection(room, token);
    await posted.post(token, frame("connect", { clientId: "p", version: "1" }));
    await posted.message("connected");
    const log = await follow(room, token);
    await log.first((received) => received[0]);
    const bob = await follow(room, await sign({ tenant, sub: "bob" }));
    await bob.first((received) => received[0]);
    const began = Date.now();
    expect(await (await revoke(tenant, path)).json()).toMatchObject({ told: 1, pending: 0 });
    await Promise.all([posted.events.end(), log.end()]);
    expect(Date.now() - began).toBeLessThan(1_000);
    expect(JSON.parse(posted.events.received.at(-2)!.data)).toMatchObject({
      type: "error",
      payload: { code: "auth_revoked" },
    });
    expect(posted.events.received.at(-1)).toMatchObject({ event: "end", data: expect.stringContaining("4401") });
    expect(JSON.parse(log.received.at(-1)!.data)).toMatchObject({ code: "auth_revoked", status: 401 });
    // Both refuse new frames, and new requests are refused.
    expect((await posted.post(token, frame("submit_event", draft("d"))))[0]).toBe(401);
    expect((await ask(`/v1/partitions/${room}/connection`, { method: "POST", headers: bearer(token) })).status).toBe(
      401,
    );
    // The connection of another principal stays.
    await post(room, await sign({ tenant, sub: "bob" }), "k");
    await bob.first((received) => received.find(({ id, event: type }) => id === "1" && type === undefined));
    expect(bob.ended).toBe(false);
    await bob.cancel();
  });

  it("[AU-4] [AU-3] a stream that was renewed with fewer permissions has only those", async () => {
    const [tenant, room] = [fresh("t"), fresh()];
    const token = await sign({ tenant });
    const viewer = await sign({ tenant, roles: ["viewer"], jti: "narrow" });
    const { events, post: send, message, find } = await connection(room, token);
    await send(token, frame("connect", { clientId: "p", version: "1" }));
    await send(token, frame("submit_event", draft("before")));
    await message("event_accepted");
    await send(token, frame("renew", { token: viewer }));
    await message("renewed");
    // The first token is still valid, but this connection has the second one.
    await send(token, frame("submit_event", draft("after")));
    expect((await find((received) => received.payload?.draftId === "after"))!.payload).toMatchObject({
      code: "forbidden",
    });
    expect((await send(viewer, frame("heartbeat", {})))[0]).toBe(202);
    await events.cancel();
  });

  it("[AU-4] expiry: nothing more is accepted or sent, and they end", async () => {
    const [tenant, room] = [fresh("t"), fresh()];
    const exp = seconds() + 2;
    const short = await sign({ tenant, exp });
    const { events, post: send, message } = await connection(room, short);
    await send(short, frame("connect", { clientId: "p", version: "1" }));
    await message("connected");
    const log = await follow(room, short);
    await log.first((received) => received[0]);
    await new Promise((resolve) => setTimeout(resolve, exp * 1_000 + 100 - Date.now()));
    // Within the clock tolerance of the verification. A longer token of the same subject does not extend the connection.
    await send(await sign({ tenant }), frame("submit_event", draft("late")));
    await events.end();
    expect(
      events.received.map(({ data }) => JSON.parse(data) as Message).find(({ type }) => type === "error"),
    ).toMatchObject({
      payload: { code: "auth_expired" },
    });
    const page = (await (
      await ask(`/v1/partitions/${room}/events`, { headers: bearer(await sign({ tenant })) })
    ).json()) as Message;
    expect(page.currentEventIndex).toBe(0);
    // Without any activity.
    await log.end();
    expect(JSON.parse(log.received.at(-1)!.data)).toMatchObject({ code: "auth_expired" });
    expect(Date.now()).toBeLessThan(exp * 1_000 + 5_000);
    expect(log.received.filter(({ id }) => Number(id) > 0)).toEqual([]);
  });
});

describe("a revoked or expired token on a socket", () => {
  it("[AU-4] [AU-5] does not receive other clients' events in the window in which it ends", async () => {
    const [tenant, room] = [fresh("t"), fresh()];
    // Signed before the revocation: a token of a later second is not covered by it.
    const token = await sign({ tenant });
    const alice = await Peer.connected(room, token);
    const bob = await Peer.connected(room, await sign({ tenant, sub: "bob" }));
    const revoking = revoke(tenant, "sub/alice");
    await alice.ending();
    const received = alice.received.length;
    for (let at = 0; at < 10; at++) expect((await bob.submit(`b${at}`)).type).toBe("event_accepted");
    await revoking;
    expect(alice.received.length).toBe(received);
    expect((await post(room, token, "k", event)).status).toBe(401);
    bob.close();
  });
});
