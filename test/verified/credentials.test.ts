import { createExecutionContext, env, runInDurableObject } from "cloudflare:test";
import { describe, expect, it } from "vitest";
import { ask, bearer, fresh, type Message, Peer, post, seconds, sign } from "./wire.ts";
import worker from "./worker.ts";

const code = async (response: Response) => ((await response.json()) as Message).code;
const connect = { clientId: "c", version: "1" };

describe("a token in connect", () => {
  it("[AU-2] authenticates a connection; later frames wait for that, and keep their order", async () => {
    const room = fresh();
    const peer = await Peer.open(room, {});
    expect(peer.response.status).toBe(101);
    peer.send("connect", { ...connect, token: await sign({ sub: "carol" }), renewal: true });
    const answers = await Promise.all(["a", "b", "c"].map((draftId, at) => peer.submit(draftId, at)));
    expect(answers.map(({ payload }) => payload.eventId)).toEqual([1, 2, 3]);
    expect(peer.received[0]).toMatchObject({ type: "connected", payload: { expiresAt: expect.any(Number) } });
    // The same subject with a token in a header has the same keys.
    const again = (await (
      await post(room, await sign({ sub: "carol" }), "a", { type: "set", payload: { target: "n", value: 0 } })
    ).json()) as Message;
    expect(again.eventId).toBe(1);
  });

  it("[AU-2] [WP-2] before it every other frame is refused, and connect without one is refused", async () => {
    const peer = await Peer.open(fresh(), {});
    expect((await peer.submit("d")).payload.code).toBe("not_connected");
    expect((await peer.ask("connect", connect)).payload.code).toBe("unauthenticated");
    expect(await peer.ending()).toBe(4401);
  });

  it.each<[string, object, string]>([
    ["an expired one", { exp: 1 }, "auth_expired"],
    ["one for another partition", { partitions: ["lobby"] }, "forbidden"],
    ["one of another tenant", { tenant: "acme" }, "forbidden"],
    ["one that may not read", { roles: [], permissions: ["submit:*"] }, "forbidden"],
  ])("[AU-1] [AU-2] [AU-3] [AU-9] refuses %s", async (_, claims, expected) => {
    const peer = await Peer.open(fresh(), {});
    expect((await peer.ask("connect", { ...connect, token: await sign(claims) })).payload.code).toBe(expected);
    expect((await peer.ask("sync", {}))?.payload.code ?? "not_connected").toBe("not_connected");
  });

  it("[AU-2] [AU-9] the URL names the tenant", async () => {
    const tenant = fresh("t");
    const room = fresh();
    await post(room, await sign({ tenant }), "k");
    const peer = await Peer.open(room, {}, `?tenant=${tenant}`);
    const received = await peer.ask("connect", { ...connect, token: await sign({ tenant }) });
    expect(received.payload.currentEventIndex).toBe(1);
    expect((await Peer.open(room, {}, "?tenant=a%2Fb")).response.status).toBe(401);
  });

  it("[AU-2] a second token is refused if the upgrade had one", async () => {
    const peer = await Peer.open(fresh(), bearer(await sign()));
    expect((await peer.ask("connect", { ...connect, token: await sign() })).payload.code).toBe("bad_request");
    expect((await peer.ask("connect", connect)).type).toBe("connected");
  });

  it("[AU-6] a connection without one is closed after ten seconds, and the number of such connections is bounded", async () => {
    const room = fresh();
    const unauthenticated = await Promise.all(Array.from({ length: 64 }, () => Peer.open(room, {})));
    const one = await Peer.open(room, {});
    expect([one.response.status, await code(one.response)]).toEqual([429, "too_many_connections"]);
    // A connection with a token gets a place.
    const known = await Peer.connected(room, await sign());
    expect((await known.submit("d")).type).toBe("event_accepted");
    const began = Date.now();
    expect(await Promise.all(unauthenticated.map((peer) => peer.ending()))).toEqual(unauthenticated.map(() => 4401));
    expect(Date.now() - began).toBeGreaterThan(5_000);
    expect((await Peer.open(room, {})).response.status).toBe(101);
  });
});

describe("renewal", () => {
  it("[AU-4] puts a new token in force on the open connection", async () => {
    const peer = await Peer.connected(fresh(), await sign({ exp: seconds() + 3 }), { renewal: true });
    expect(peer.received[0].payload.expiresAt).toBe(Math.floor(peer.received[0].payload.expiresAt / 1_000) * 1_000);
    const until = seconds() + 100;
    const received = await peer.ask("renew", { token: await sign({ exp: until }) });
    expect(received).toMatchObject({ type: "renewed", payload: { expiresAt: until * 1_000 } });
    await new Promise((resolve) => setTimeout(resolve, 3_200));
    expect((await peer.submit("d")).type).toBe("event_accepted");
  });

  it("[AU-4] [AU-3] a token with fewer permissions takes effect at once", async () => {
    const peer = await Peer.connected(fresh(), await sign());
    expect((await peer.submit("d1")).type).toBe("event_accepted");
    await peer.ask("renew", { token: await sign({ roles: ["viewer"] }) });
    expect((await peer.submit("d2")).payload).toMatchObject({ code: "forbidden", layer: "permission" });
  });

  it.each<[string, object, string]>([
    ["a token that has expired", { exp: 1 }, "auth_expired"],
    ["somebody else's", { sub: "bob" }, "bad_request"],
    ["another tenant's", { tenant: "acme" }, "forbidden"],
    ["one that may not read any more", { roles: [] }, "forbidden"],
  ])("[AU-4] [AU-8] refuses %s", async (_, claims, expected) => {
    const peer = await Peer.connected(fresh(), await sign());
    expect((await peer.ask("renew", { token: await sign(claims) })).payload.code).toBe(expected);
  });

  it("[AU-4] a token that has just expired renews nothing, and the connection goes on with the one that it has", async () => {
    const peer = await Peer.connected(fresh(), await sign(), { renewal: true });
    const late = await peer.ask("renew", { token: await sign({ exp: seconds() - 5 }) });
    expect(late).toMatchObject({ type: "error", payload: { code: "bad_request" } });
    expect((await peer.submit("d")).type).toBe("event_accepted");
  });

  it("[AU-4] a token that has just expired does not connect", async () => {
    const peer = await Peer.open(fresh(), {});
    const answer = await peer.ask("connect", {
      clientId: "c",
      version: "1",
      token: await sign({ exp: seconds() - 5 }),
    });
    expect(answer).toMatchObject({ type: "error", payload: { code: "auth_expired" } });
    expect(await peer.ending()).toBe(4401);
  });

  it("[AU-4] a revoked token is refused, and the connection ends", async () => {
    const tenant = fresh("t");
    const peer = await Peer.connected(fresh(), await sign({ tenant, jti: "old" }));
    await ask("/v1/revocations/jti/new", {
      method: "PUT",
      headers: bearer(await sign({ tenant, sub: "root", partitions: ["*"], roles: ["admin"] })),
    });
    expect((await peer.ask("renew", { token: await sign({ tenant, jti: "new" }) })).payload.code).toBe("auth_revoked");
    expect(await peer.ending()).toBe(4401);
  });
});

describe("tickets", () => {
  const take = async (claims: object = {}) => {
    const response = await ask("/v1/tickets", { method: "POST", headers: bearer(await sign(claims)) });
    return { response, ...((await response.json()) as { ticket: string; expiresAt: number }) };
  };

  it("[AU-2] replace their token once, for a socket and for server-sent events", async () => {
    const room = fresh();
    const tenant = fresh("t");
    const { response, ticket, expiresAt } = await take({ tenant, sub: "dave" });
    expect([response.status, response.headers.get("cache-control")]).toEqual([201, "no-store"]);
    expect(expiresAt - Date.now()).toBeLessThanOrEqual(30_000);
    const peer = await Peer.open(room, {}, `?ticket=${ticket}`);
    await peer.ask("connect", connect);
    expect((await peer.submit("d")).type).toBe("event_accepted");
    const again = await Peer.open(room, {}, `?ticket=${ticket}`);
    expect([again.response.status, await code(again.response)]).toEqual([401, "unauthenticated"]);
    const { ticket: other } = await take({ tenant });
    const stream = await ask(`/v1/partitions/${room}/events/stream?ticket=${other}`);
    expect(stream.headers.get("content-type")).toBe("text/event-stream");
    await stream.body!.cancel();
  });

  it("[AU-2] are valid for nothing else, and not longer than their token", async () => {
    const { ticket } = await take();
    const state = await ask(`/v1/partitions/${fresh()}/state?ticket=${ticket}`);
    expect([state.status, await code(state)]).toEqual([400, "bad_request"]);
    const { ticket: elsewhere } = await take({ partitions: ["lobby"] });
    expect((await Peer.open(fresh(), {}, `?ticket=${elsewhere}`)).response.status).toBe(403);
    for (const made of ["nonsense", `default.${"0".repeat(64)}`, `a/b.${"0".repeat(64)}`]) {
      expect((await Peer.open(fresh(), {}, `?ticket=${encodeURIComponent(made)}`)).response.status).toBe(401);
    }
  });

  it("[AU-4] a revoked token gets no ticket, and an earlier ticket of it is refused", async () => {
    const tenant = fresh("t");
    const { ticket } = await take({ tenant, jti: "one" });
    await ask("/v1/revocations/jti/one", {
      method: "PUT",
      headers: bearer(await sign({ tenant, sub: "root", partitions: ["*"], roles: ["admin"] })),
    });
    expect((await take({ tenant, jti: "one" })).response.status).toBe(401);
    expect((await Peer.open(fresh(), {}, `?ticket=${ticket}`)).response.status).toBe(401);
  });

  it("[AU-2] of a principal are bounded, and stored as hashes", async () => {
    const tenant = fresh("t");
    const statuses = [];
    for (let at = 0; at < 17; at++) statuses.push((await take({ tenant })).response.status);
    expect(statuses).toEqual([...Array.from({ length: 16 }, () => 201), 403]);
    const { ticket } = await take({ tenant, sub: "other" });
    const stored = await runInDurableObject(env.TENANTS.getByName(tenant), (_, state) =>
      JSON.stringify([...state.storage.sql.exec("SELECT hex(sha256), principal, hex(subject) FROM tickets")]),
    );
    expect(stored).not.toContain(ticket.split(".")[1]);
  });
});

describe("administration", () => {
  const admin = async (tenant: string) =>
    bearer(await sign({ tenant, sub: "root", partitions: ["*"], roles: ["admin"] }));

  it("[AU-3] [OB-4] each operation needs its own permission", async () => {
    const routes = [
      ["PUT", "/v1/revocations/sub/alice", undefined, "admin:revoke"],
      ["PUT", "/v1/revocations", { kind: "sub", id: "alice" }, "admin:revoke"],
      ["GET", "/v1/revocations", undefined, "admin:revoke"],
      ["GET", "/v1/limits", undefined, "admin:limits"],
      ["PUT", "/v1/limits", {}, "admin:limits"],
      ["POST", "/v1/drain", { seconds: 1 }, "admin:drain"],
      ["POST", `/v1/partitions/${fresh()}/drain`, { seconds: 1 }, "admin:drain"],
      ["POST", "/v1/check", undefined, "admin:check"],
      ["GET", `/v1/partitions/${fresh()}/inspect`, undefined, "admin:inspect"],
      ["GET", `/v1/partitions/${fresh()}/inspect/rejections`, undefined, "admin:inspect"],
      ["GET", `/v1/partitions/${fresh()}/inspect/connections`, undefined, "admin:inspect"],
      ["GET", `/v1/partitions/${fresh()}/inspect/timers`, undefined, "admin:inspect"],
      ["GET", `/v1/partitions/${fresh()}/inspect/state?at=0`, undefined, "admin:inspect"],
    ] as const;
    for (const [method, path, body, permission] of routes) {
      const call = async (claims: object) =>
        ask(path, {
          method,
          headers: bearer(await sign({ tenant: fresh("t"), partitions: ["*"], roles: [], ...claims })),
          ...(body === undefined ? {} : { body: JSON.stringify(body) }),
        });
      expect((await call({ permissions: ["read", "submit:*"] })).status).toBe(403);
      const others = routes.map(([, , , other]) => other).filter((other) => other !== permission);
      expect((await call({ permissions: others })).status).toBe(403);
      expect((await call({ permissions: [permission] })).status).toBe(200);
      expect((await ask(path, { method })).status).toBe(401);
    }
  });

  it("[AU-3] [AU-9] who administers some partitions does nothing that concerns the whole tenant", async () => {
    const { paths }: Message = await (await ask("/openapi.json")).json();
    const claims = { tenant: fresh("t"), partitions: ["board-*", "a*", "b"], roles: ["admin"] };
    const [some, all] = [await sign(claims), await sign({ ...claims, partitions: ["board-*", "*"] })];
    // These do nothing beyond what the token is for: `[AU-9]` of the directory, and the canary of the server.
    const ofSome = ["/v1/dead-letters", "/v1/check"];
    const [answered, refused]: [string[], string[]] = [[], []];
    for (const [path, methods] of Object.entries<Record<string, { description?: string }>>(paths)) {
      for (const [method, { description = "" }] of Object.entries(methods)) {
        if (!description.includes("Needs `admin:") || path.includes("{partition}")) continue;
        const call = (token: string) =>
          ask(path.replace("{kind}", "jti").replaceAll(/\{\w+\}/g, "x"), {
            method: method.toUpperCase(),
            headers: bearer(token),
            // Not what any route expects: what is allowed is refused by its body.
            ...(method === "get" ? {} : { body: "[]" }),
          });
        const answer = (await (await call(some)).text()).includes("whole tenant");
        (answer ? refused : answered).push(path);
        if (answer) expect(await (await call(all)).text()).not.toContain("whole tenant");
      }
    }
    expect(answered.toSorted()).toEqual(ofSome.toSorted());
    // The descriptions name them all.
    expect(refused).toEqual(
      expect.arrayContaining(["/v1/limits", "/v1/read-only", "/v1/revocations", "/v1/endpoints", "/v1/audit"]),
    );
    const partition = ask("/v1/partitions/board-1/inspect", { headers: bearer(some) });
    expect((await partition).status).toBe(200);
  });

  it("[AU-4] revokes over HTTP, and lists the revocations", async () => {
    const tenant = fresh("t");
    const peer = await Peer.connected(fresh(), await sign({ tenant }));
    const response = await ask("/v1/revocations/sub/alice", { method: "PUT", headers: await admin(tenant) });
    expect(await response.json()).toMatchObject({ kind: "sub", id: "alice", told: 1, pending: 0 });
    expect(await peer.ending()).toBe(4401);
    const list = (await (await ask("/v1/revocations", { headers: await admin(tenant) })).json()) as Message;
    expect(list.revocations).toMatchObject([{ kind: "sub", id: "alice" }]);
    const wrong = await ask("/v1/revocations/kid/alice", { method: "PUT", headers: await admin(tenant) });
    expect([wrong.status, await code(wrong)]).toEqual([400, "bad_request"]);
  });

  it("[AU-4] the token of a revoked administrator is refused", async () => {
    const tenant = fresh("t");
    await ask("/v1/revocations/sub/root", { method: "PUT", headers: await admin(tenant) });
    expect(await code(await ask("/v1/limits", { headers: await admin(tenant) }))).toBe("auth_revoked");
  });

  it("[AU-7] is open to pages of allowed origins, with every method", async () => {
    for (const [path, method] of [
      ["/v1/limits", "PUT"],
      ["/v1/revocations/jti/t", "PUT"],
      ["/v1/tickets", "POST"],
    ] as const) {
      const headers = { origin: "https://app.example", "access-control-request-method": method };
      const answer = await ask(path, { method: "OPTIONS", headers });
      expect(answer.headers.get("access-control-allow-methods")?.split(",")).toContain(method);
    }
  });

  it("[AU-5] sets limits; a request above them gets Retry-After and the RateLimit headers", async () => {
    const tenant = fresh("t");
    const room = fresh();
    const put = await ask("/v1/limits", {
      method: "PUT",
      headers: await admin(tenant),
      body: JSON.stringify({ principal: { perSecond: 0.1, burst: 2 } }),
    });
    expect(put.status).toBe(200);
    const token = await sign({ tenant });
    for (const key of ["a", "b"]) expect((await post(room, token, key)).status).toBe(201);
    const limited = await post(room, token, "c");
    expect([limited.status, await code(limited)]).toEqual([429, "rate_limited"]);
    expect(Object.fromEntries(limited.headers)).toMatchObject({
      "retry-after": "10",
      "ratelimit-policy": '"principal";q=2;w=20',
      ratelimit: '"principal";r=0;t=10',
    });
    // A replay does not count.
    expect((await post(room, token, "a")).status).toBe(201);
    const read = (await (await ask("/v1/limits", { headers: await admin(tenant) })).json()) as Message;
    expect(read.override).toEqual({ principal: { perSecond: 0.1, burst: 2 } });
    expect(read.limits.replays).toEqual({ perSecond: 100, burst: 2_000 });
    const wrong = await ask("/v1/limits", {
      method: "PUT",
      headers: await admin(tenant),
      body: '{"principal":{"perSecond":-1}}',
    });
    expect(wrong.status).toBe(400);
    expect(((await wrong.json()) as Message).errors.length).toBeGreaterThanOrEqual(2);
  });

  it("[BD-5] [AU-5] sets a rate of reads; reads above it get 429 with the headers of a rate, and drafts do not", async () => {
    const tenant = fresh("t");
    const room = fresh();
    const reads = { perSecond: 0.1, burst: 2 };
    const put = { method: "PUT", headers: await admin(tenant), body: JSON.stringify({ reads }) };
    expect((await ask("/v1/limits", put)).status).toBe(200);
    const token = await sign({ tenant });
    const read = (path: string, headers = {}) =>
      ask(`/v1/partitions/${room}/${path}`, { headers: { ...bearer(token), ...headers } });
    const state = await read("state");
    const unchanged = await read("state", { "if-none-match": state.headers.get("etag")! });
    expect([state.status, unchanged.status]).toEqual([200, 304]);
    for (const path of ["state", "events", "state?at=0", "events/stream?since=0"]) {
      const limited = await read(path);
      expect([path, limited.status, await code(limited)]).toEqual([path, 429, "rate_limited"]);
      expect(Object.fromEntries(limited.headers)).toMatchObject({
        "retry-after": "10",
        "ratelimit-policy": '"reads";q=2;w=20',
        ratelimit: '"reads";r=0;t=10',
      });
    }
    expect((await post(room, token, "a")).status).toBe(201);
    const wrong = { ...put, body: '{"reads":{"perSecond":1}}' };
    expect((await ask("/v1/limits", wrong)).status).toBe(400);
  });

  it("[LC-2] the synthetic check submits, commits and broadcasts", async () => {
    const response = await ask("/v1/check", { method: "POST", headers: await admin("default") });
    expect(await response.json()).toEqual({
      status: "passed",
      connectMs: expect.any(Number),
      commitMs: expect.any(Number),
      broadcastMs: expect.any(Number),
    });
    expect((await ask("/readyz")).status).toBe(200);
    expect((await ask("/livez")).status).toBe(200);
  });

  it("[AU-2] [AU-8] an object refuses a connection without an author, even if the edge lets one through", async () => {
    const object = env.PARTITIONS.getByName(`default/${fresh()}`);
    for (const headers of [{ upgrade: "websocket" }, { "partita-stream": '{"kind":"connection"}' }]) {
      expect((await object.fetch("http://partition/", { headers })).status).toBe(401);
    }
  });

  it("[AU-9] clients cannot address the server's own partitions", async () => {
    for (const name of ["-readyz", "-canary-2026-11"]) {
      const response = await ask(`/v1/partitions/${name}/state`, {
        headers: bearer(await sign({ partitions: ["*"] })),
      });
      expect(response.status).toBeGreaterThanOrEqual(400);
    }
  });

  it("[LC-4] a draining deployment refuses every request, reports it, and stays alive", async () => {
    const answerTo = async (path: string) =>
      worker.fetch(
        new Request(`https://partita.example${path}`, { headers: bearer(await sign()) }),
        { ...env, PARTITA_DRAINING: "1" },
        createExecutionContext(),
      );
    for (const path of ["/readyz", "/v1/partitions/board-1/state", "/v1/partitions/board-1/ws"]) {
      const response = await answerTo(path);
      expect([response.status, response.headers.get("retry-after"), await code(response)]).toEqual([
        503,
        "5",
        "draining",
      ]);
    }
    expect((await answerTo("/livez")).status).toBe(200);
  });

  it("[LC-4] [AU-9] drains one partition, and not another tenant's of the same name", async () => {
    const [mine, other] = [fresh("t"), fresh("t")];
    const room = fresh();
    const peers = await Promise.all([mine, other].map(async (tenant) => Peer.connected(room, await sign({ tenant }))));
    const response = await ask(`/v1/partitions/${room}/drain`, {
      method: "POST",
      headers: await admin(mine).then((headers) => headers),
      body: '{"seconds":5}',
    });
    // An administrator of the tenant still needs access to the partition.
    expect(response.status).toBe(200);
    expect(await peers[0]!.ending()).toBe(1012);
    expect((await peers[1]!.submit("d")).type).toBe("event_accepted");
  });
});

describe("the document", () => {
  it("[OB-5] describes the refusals of authentication and limits, and the ways to authenticate, for each operation", async () => {
    // The document has any shape
    const { paths }: any = await (await ask("/openapi.json")).json();
    const codes = (path: string, method: string): string[] =>
      Object.values<any>(paths[path][method].responses).flatMap(({ content }) =>
        Object.keys(content?.["application/problem+json"]?.examples ?? {}),
      );
    const room = "/v1/partitions/{partition}";
    expect(codes(`${room}/events`, "post")).toEqual(
      expect.arrayContaining(["rate_limited", "quota_exceeded", "draining", "auth_revoked"]),
    );
    expect(codes(`${room}/ws`, "get")).toEqual(expect.arrayContaining(["too_many_connections", "draining"]));
    for (const method of ["ws", "events/stream"]) {
      expect(paths[`${room}/${method}`].get.security).toContainEqual({ ticket: [] });
    }
    expect(paths[`${room}/ws`].get.parameters).toContainEqual(expect.objectContaining({ name: "tenant", in: "query" }));
  });
});
