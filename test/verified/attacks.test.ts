import { env, listDurableObjectIds } from "cloudflare:test";
import { describe, expect, it } from "vitest";
import { ask, askWith, bearer, connection, event, frame, fresh, type Message, Peer, post, sign } from "./wire.ts";

type Method = "GET" | "POST";
/** Every route of a partition. */
const routes: readonly [Method, string][] = [
  ["GET", "events"],
  ["POST", "events"],
  ["GET", "events/stream"],
  ["GET", "state"],
  ["POST", "connection"],
  ["POST", "connection/x"],
  ["GET", "ws"],
  ["POST", "drain"],
];
/** The request for each route. */
const request = (method: Method, path: string, headers: Record<string, string>): RequestInit => ({
  method,
  headers: { "idempotency-key": "k", ...(path === "ws" ? { upgrade: "websocket" } : {}), ...headers },
  ...(method === "POST"
    ? { body: path.startsWith("connection") ? '{"before":0,"frames":["x"]}' : '{"seconds":1}' }
    : {}),
});
const admin = { principal: "root", permissions: "all" };

/** The whole answer without its trace id and time. */
async function said(response: Response, names: readonly string[]): Promise<unknown> {
  const headers = Object.fromEntries(response.headers);
  delete headers["partita-trace-id"];
  delete headers["date"];
  let text = await response.text();
  for (const name of names) text = text.replaceAll(name, "<name>");
  return [response.status, headers, text.replace(/"traceId":"\w+"/, "").replace(/"timestamp":\d+/, "")];
}

describe("internal headers", () => {
  const forged = {
    "partita-author": JSON.stringify(admin),
    "partita-stream": JSON.stringify({ kind: "connection", author: admin }),
  };

  it.each(routes)("[AU-8] are ignored from outside: %s %s", async (method, path) => {
    const room = fresh();
    const at = `/v1/partitions/${room}/${path}`;
    const tokens = [{}, bearer(await sign({ roles: [] })), bearer(await sign({ partitions: ["lobby"] }))];
    for (const headers of tokens) {
      for (const name of ["partita-author", "partita-stream", "Partita-Author"]) {
        const given = await ask(at, request(method, path, { ...headers, [name]: JSON.stringify(admin) }));
        const without = await ask(at, request(method, path, headers));
        if (given.webSocket) {
          // A connection that waits for a token still waits.
          const peer = await Peer.open(room, forged);
          expect((await peer.ask("connect", { clientId: "c", version: "1" })).payload.code).toBe("unauthenticated");
          for (const { webSocket } of [given, without]) {
            webSocket!.accept();
            webSocket!.close(1000);
          }
          continue;
        }
        expect(without.status).toBeGreaterThanOrEqual(400);
        expect(await said(given, [])).toEqual(await said(without, []));
      }
    }
  });

  it("[AU-8] change neither the principal nor its permissions", async () => {
    const room = fresh();
    const viewer = await sign({ sub: "eve", roles: ["viewer"] });
    const peer = await Peer.open(room, { ...bearer(viewer), ...forged });
    await peer.ask("connect", { clientId: "c", version: "1" });
    expect((await peer.submit("d")).payload.code).toBe("forbidden");
    peer.close();
    const headers = { "idempotency-key": "k", ...bearer(viewer), ...forged };
    const body = JSON.stringify(event);
    expect((await ask(`/v1/partitions/${room}/events`, { method: "POST", headers, body })).status).toBe(403);
    // The request still opens a stream of events, not the connection of the forged header.
    const stream = await ask(`/v1/partitions/${room}/events/stream`, { headers: { ...bearer(viewer), ...forged } });
    const { value } = await stream.body!.getReader().read();
    expect(new TextDecoder().decode(value as Uint8Array)).toMatch(/^event: connected/m);
  });
});

describe("what a client states about itself", () => {
  it("[AU-8] an event's author, number and time are refused in the event, over HTTP and on sockets", async () => {
    const room = fresh();
    const peer = await Peer.connected(room, await sign());
    const claims = { id: "evt-99", eventId: 99, timestamp: 1, clientId: "root", author: "root", principal: "root" };
    let at = 0;
    for (const [name, value] of Object.entries(claims)) {
      const draft = { ...event, [name]: value };
      const byHttp = await post(room, await sign(), `k${++at}`, draft);
      expect([byHttp.status, ((await byHttp.json()) as Message).code], `${name}`).toEqual([422, "validation_failed"]);
      const from = peer.received.length;
      peer.send("submit_event", { draftId: `d${at}`, event: draft });
      await peer.until(() => peer.received.length > from);
      expect(peer.received[from], `${name}`).toMatchObject({
        type: "event_rejected",
        payload: { code: "validation_failed", errors: [{ field: expect.stringContaining(name) }] },
      });
    }
    peer.close();
  });

  it("[AU-8] an event's author, number and time are ignored beside the event: the server sets them", async () => {
    const room = fresh();
    const peer = await Peer.connected(room, await sign());
    const began = Date.now();
    peer.response.webSocket!.send(
      JSON.stringify({
        id: "evt-99",
        type: "submit_event",
        timestamp: 99,
        principal: "root",
        clientId: "root",
        payload: {
          draftId: "d",
          event,
          clientId: "root",
          principal: "root",
          eventId: 99,
          timestamp: 99,
          author: admin,
        },
      }),
    );
    await peer.until(() => peer.received.some(({ type }) => type === "event_accepted"));
    const { eventId, event: committed } = peer.received.find(({ type }) => type === "event_accepted").payload;
    expect([eventId, committed.id, committed.clientId]).toEqual([1, "evt-1", "c"]);
    expect(committed.timestamp).toBeGreaterThanOrEqual(began);
    // The draft belongs to alice.
    expect(((await (await post(room, await sign(), "d")).json()) as Message).eventId).toBe(1);
    expect(((await (await post(room, await sign({ sub: "root" }), "d")).json()) as Message).eventId).toBe(2);
    peer.close();
  });
});

describe("pages of other origins", () => {
  const foreignOrigins = [
    "https://evil.example",
    "null",
    "https://partita.example.evil.example",
    "https://app.example.evil.example",
    "https://evil-app.example",
    "https://app.example@evil.example",
    "https://app.example/",
    "http://app.example",
    "https://app.example:8443",
    "https://sub.app.example",
    "https://app.example, https://evil.example",
    "file://",
  ];

  it.each(foreignOrigins)("[AU-7] %s is refused on every route, even with a valid token", async (origin) => {
    const room = fresh();
    const headers = { ...bearer(await sign({ roles: ["editor", "admin"] })), origin };
    const paths = routes.map(([method, path]) => [method, path, `/v1/partitions/${room}/${path}`] as const);
    for (const [method, path, at] of [...paths, ["POST", "tickets", "/v1/tickets"] as const]) {
      const response = await ask(at, request(method, path, headers));
      expect([response.status, response.headers.get("access-control-allow-origin")], `${path}`).toEqual([403, null]);
      expect(await response.json()).toMatchObject({ code: "origin_not_allowed" });
    }
    // The same if the token follows later, or is a subprotocol, or a ticket.
    expect((await Peer.open(room, { origin })).response.status).toBe(403);
    const received = await Peer.open(room, { origin, "sec-websocket-protocol": `partita, bearer.${await sign()}` });
    await received.ending();
    expect(received.received).toMatchObject([{ type: "error", payload: { code: "origin_not_allowed" } }]);
    const { ticket } = (await (await ask("/v1/tickets", { method: "POST", headers: bearer(await sign()) })).json()) as {
      ticket: string;
    };
    expect((await Peer.open(room, { origin }, `?ticket=${ticket}`)).response.status).toBe(403);
  });
});

describe("names of partitions", () => {
  const tricks = [
    "..%2fboard-1",
    "%2e%2e%2fboard-1",
    "acme%2Fboard-1",
    "board-1%2F..%2Facme",
    "board-%252F..%252Facme",
    "board-1%00",
    "board-1%0a",
    "board-1%20",
    "%20board-1",
    "board-1%3Bx",
    "board-1%5C..",
    "%EF%BD%82oard-1",
    "board-%E2%80%8B1",
    "-board-1",
    ".board-1",
    "_root",
    `board-${"x".repeat(123)}`,
    "board-%",
    "board-%ff",
  ];

  it.each(tricks)("[AU-9] invalid ones are refused: %s", async (name) => {
    const before = (await listDurableObjectIds(env.PARTITIONS)).length;
    for (const partitions of [["*"], ["board-*"]]) {
      const token = await sign({ partitions, roles: ["editor", "admin"] });
      for (const [method, path] of routes) {
        const response = await ask(`/v1/partitions/${name}/${path}`, request(method, path, bearer(token)));
        expect([400, 403, 404], `${path}: ${response.status}`).toContain(response.status);
        await response.text();
      }
    }
    expect((await listDurableObjectIds(env.PARTITIONS)).length).toBe(before);
  });

  it("[AU-9] are checked as received: no path reaches a partition that is not allowed", async () => {
    const [mine, other] = [fresh(), fresh()];
    await post(other, await sign(), "k");
    const token = await sign({ partitions: [mine] });
    for (const path of [`${mine}/../${other}`, `${mine}/%2e%2e/${other}`, `./${other}`, `${mine}//../${other}`]) {
      const response = await ask(`/v1/partitions/${path}/state`, { headers: bearer(token) });
      expect([403, 404], `${path}`).toContain(response.status);
    }
    // `*` is a pattern only at the end, and a pattern is not a name.
    for (const partitions of [["*-1"], ["board-*x"], ["board-?*"], ["^board"], ["*/*"]]) {
      const response = await ask(`/v1/partitions/${other}/state`, { headers: bearer(await sign({ partitions })) });
      expect(response.status).toBe(403);
    }
  });
});

describe("probing for partitions", () => {
  /** The Worker, and the partition objects that it has called. */
  function watched() {
    const woken: string[] = [];
    const PARTITIONS = new Proxy(env.PARTITIONS, {
      get: (namespace, name) => {
        const member: unknown = Reflect.get(namespace, name, namespace);
        if (typeof member !== "function") return member;
        return (...given: unknown[]) => {
          woken.push(String(given[0]));
          return Reflect.apply(member, namespace, given) as unknown;
        };
      },
    });
    return { woken, ask: (path: string, init: RequestInit) => askWith({ PARTITIONS }, path, init) };
  }

  it.each<[string, object]>([
    ["that names others", { partitions: ["board-mine"] }],
    ["that names none", { partitions: [] }],
    ["that may not read", { roles: [], permissions: ["submit:unset"] }],
  ])(
    "[AU-9] [ER-7] a token %s gets the same bytes for existing and absent partitions, and wakes neither",
    async (_, claims) => {
      const { woken, ask: probe } = watched();
      const [there, absent] = [fresh(), fresh()];
      for (let at = 0; at < 5; at++) expect((await post(there, await sign(), `k${at}`)).status).toBe(201);
      const open = await Peer.connected(there, await sign());
      const token = await sign({ sub: "mallory", ...claims });
      for (const [method, path] of routes) {
        // A token without `read` may still submit.
        if (path === "events" && method === "POST" && "roles" in claims) continue;
        for (const headers of [bearer(token), { "sec-websocket-protocol": `partita, bearer.${token}` }]) {
          const answers = [];
          for (const name of [there, absent]) {
            const response = await probe(`/v1/partitions/${name}/${path}`, request(method, path, headers));
            const { webSocket } = response;
            if (webSocket) {
              const received: string[] = [];
              const closed = new Promise((resolve) => webSocket.addEventListener("close", ({ code }) => resolve(code)));
              webSocket.addEventListener("message", ({ data }) => received.push(data as string));
              webSocket.accept();
              const text = `${await closed} ${received.join()}`.replaceAll(name, "<name>");
              answers.push(
                text
                  .replace(/"e-\w+"/, "")
                  .replace(/"traceId":"\w+"/, "")
                  .replaceAll(/"timestamp":\d+/g, ""),
              );
            } else {
              expect(response.status).toBe(403);
              answers.push(await said(response, [name]));
            }
          }
          expect(answers[0], `${method} ${path}`).toEqual(answers[1]);
        }
      }
      expect(woken).toEqual([]);
      expect((await listDurableObjectIds(env.PARTITIONS)).map(String)).not.toContain(
        String(env.PARTITIONS.idFromName(`default/${absent}`)),
      );
      open.close();
    },
  );

  it("[AU-9] [ER-7] a token in connect, or a ticket, does not reveal which partitions exist", async () => {
    const tenant = fresh("t");
    const [there, absent] = [fresh(), fresh()];
    for (let at = 0; at < 5; at++) await post(there, await sign({ tenant }), `k${at}`);
    const hostile = [
      await sign({ sub: "mallory", partitions: ["board-mine"], tenant }),
      await sign({ sub: "mallory" }),
      await sign({ sub: "mallory", roles: [], tenant }),
      "nonsense",
    ];
    const answerTo = async (name: string, token: string) => {
      const peer = await Peer.open(name, {}, `?tenant=${tenant}`);
      // Requested before the partition exists.
      for (const [type, payload] of [
        ["sync", { sinceEventId: 0 }],
        ["hash", {}],
        ["submit_event", { draftId: "k0", event }],
        ["heartbeat", {}],
      ] as const) {
        peer.send(type, payload);
      }
      peer.send("connect", { clientId: "c", version: "1", initialState: true, token });
      await peer.until(() => peer.received.length >= 5);
      const frames = JSON.stringify(peer.received).replaceAll(name, "<name>");
      peer.close();
      return frames.replaceAll(/"(traceId|id)":"[^"]+"/g, "").replaceAll(/"timestamp":\d+/g, "");
    };
    for (const token of hostile) expect(await answerTo(there, token)).toEqual(await answerTo(absent, token));
    const { woken, ask: probe } = watched();
    const byTicket = async (name: string, path: string) => {
      const token = await sign({ sub: "mallory", partitions: ["board-mine"], tenant });
      const taken = await ask("/v1/tickets", { method: "POST", headers: bearer(token) });
      const { ticket } = (await taken.json()) as { ticket: string };
      const response = await probe(`/v1/partitions/${name}/${path}?ticket=${ticket}`, request("GET", path, {}));
      expect(response.status).toBe(403);
      return await said(response, [name]);
    };
    for (const path of ["ws", "events/stream"]) {
      expect(await byTicket(there, path)).toEqual(await byTicket(absent, path));
    }
    expect(woken).toEqual([]);
  });

  it("[AU-9] [ER-7] another tenant's partition is another one: every read gets the answer of an absent one", async () => {
    const [mine, other] = [fresh("t"), fresh("t")];
    const [there, absent] = [fresh(), fresh()];
    for (let at = 0; at < 5; at++) await post(there, await sign({ tenant: mine }), `k${at}`);
    const token = await sign({ tenant: other });
    for (const path of ["events", "state"]) {
      const answers = [];
      for (const name of [there, absent]) {
        const response = await ask(`/v1/partitions/${name}/${path}`, { headers: bearer(token) });
        expect(response.status).toBe(200);
        const { etag, ...headers } = Object.fromEntries(response.headers);
        expect(etag).toBeDefined();
        delete headers["partita-trace-id"];
        answers.push([headers, await response.text()]);
      }
      expect(answers[0]).toEqual(answers[1]);
    }
    // It has its own keys and event ids.
    expect(((await (await post(there, token, "k0")).json()) as Message).eventId).toBe(1);
  });
});

describe("keys of other principals", () => {
  it("[ID-9] [AU-9] reveal nothing: a draft with such a key is decided as if the key were unused", async () => {
    const room = fresh();
    const accepted = await post(room, await sign(), "secret-key");
    expect(accepted.status).toBe(201);
    await post(room, await sign(), "secret-rejected", { type: "unset", payload: { target: "none" } });
    const mallory = await sign({ sub: "mallory" });
    const peer = await Peer.connected(room, mallory, { draftIds: true, sinceEventId: 0 });
    await peer.until(() => peer.received.some(({ type }) => type === "sync_response"));
    const page = peer.received.find(({ type }) => type === "sync_response");
    expect(page.payload.events).toHaveLength(1);
    expect(
      JSON.stringify([
        peer.received,
        await (await ask(`/v1/partitions/${room}/events`, { headers: bearer(mallory) })).json(),
      ]),
    ).not.toContain("secret-");
    // With the same content, with other content, and after a rejection: always a separate draft.
    const other = { type: "set", payload: { target: "m", value: 2 } };
    const hers = async (key: string, body: object) => {
      const response = await post(room, mallory, key, body);
      const { eventId: _, event: __, ...rest } = (await response.json()) as Message;
      return [response.status, rest];
    };
    expect(await hers("secret-key", other)).toEqual(await hers("unheard-of", other));
    expect(await hers("secret-rejected", other)).toEqual(await hers("unheard-of-too", other));
    for (const draftId of ["secret-key", "secret-rejected"]) {
      const third = await Peer.connected(room, await sign({ sub: "trudy" }));
      expect((await third.submit(draftId, 3)).type).toBe("event_accepted");
      third.close();
    }
    peer.close();
  });
});

describe("tickets", () => {
  it("[AU-2] one of many concurrent redemptions succeeds, on sockets and streams, and none later", async () => {
    const token = await sign({ sub: "trent" });
    for (let round = 0; round < 5; round++) {
      const room = fresh();
      const taken = await ask("/v1/tickets", { method: "POST", headers: bearer(token) });
      const { ticket } = (await taken.json()) as { ticket: string };
      const path = (at: number) => (at % 2 === 0 ? "ws" : "events/stream");
      const redeem = (at: number) =>
        ask(`/v1/partitions/${room}/${path(at)}?ticket=${ticket}`, request("GET", path(at), {}));
      const responses = await Promise.all(Array.from({ length: 8 }, (_, at) => redeem(at)));
      const statuses = responses.map(({ status }) => status);
      expect(statuses.filter((status) => status === 401)).toHaveLength(7);
      expect(statuses.filter((status) => status === 101 || status === 200)).toHaveLength(1);
      for (const { status, webSocket, body } of responses) {
        webSocket?.accept();
        webSocket?.close(1000);
        if (status === 200) await body!.cancel();
      }
      expect((await redeem(0)).status).toBe(401);
    }
  });

  it("[AU-9] of one tenant are invalid in another, and a forged one wakes no partition", async () => {
    const tenant = fresh("t");
    const taken = await ask("/v1/tickets", { method: "POST", headers: bearer(await sign({ tenant })) });
    const { ticket } = (await taken.json()) as { ticket: string };
    const [, random] = ticket.split(".");
    const room = fresh();
    for (const forged of [`default.${random}`, `${tenant}..${random}`, random!, `${ticket}0`, ticket.toUpperCase()]) {
      expect((await Peer.open(room, {}, `?ticket=${forged}`)).response.status).toBe(401);
    }
    const real = await Peer.open(room, {}, `?ticket=${ticket}`);
    expect(real.response.status).toBe(101);
    real.close();
  });
});

describe("connections without a WebSocket", () => {
  it("[AU-4] a revoked token sends no frames on a connection that another token of its subject has opened", async () => {
    const tenant = fresh("t");
    const [good, bad] = [await sign({ tenant, jti: "good" }), await sign({ tenant, jti: "bad" })];
    const { events, post: send, message } = await connection(fresh(), good);
    await send(good, frame("connect", { clientId: "c", version: "1" }));
    await message("connected");
    const root = bearer(await sign({ tenant, sub: "root", partitions: ["*"], roles: ["admin"] }));
    await ask("/v1/revocations/jti/bad", { method: "PUT", headers: root });
    const [status, received] = await send(bad, frame("submit_event", { draftId: "d", event }));
    expect([status, (JSON.parse(received) as Message).code]).toEqual([401, "auth_revoked"]);
    expect((await send(good, frame("submit_event", { draftId: "d", event })))[0]).toBe(202);
    await message("event_accepted");
    await events.cancel();
  });
});
