import { createExecutionContext, env } from "cloudflare:test";
import { UnsecuredJWT } from "jose";
import { describe, expect, it } from "vitest";
import { Client } from "../../src/client/api/client.ts";
import { memoryStore } from "../../src/client/stores/memory.ts";
import { defaultTiming } from "../../src/client/transport/timing.ts";
import { insieme } from "../../src/models/insieme/index.ts";
import { workerPorts } from "../workerd/client-ports.ts";
import { bearer, fresh, type Message, sign } from "./wire.ts";
import worker from "./worker.ts";

const origin = "https://partita.example";

const ask = async (path: string, init: RequestInit = {}, changed: object = {}) =>
  worker.fetch(new Request(`${origin}${path}`, init), { ...env, ...changed }, createExecutionContext());
const event = { type: "set", payload: { target: "n", value: 1 } };
const post = async (room: string, token: string, headers: Record<string, string> = {}) =>
  ask(`/v1/partitions/${room}/events`, {
    method: "POST",
    headers: { "idempotency-key": "k", ...bearer(token), ...headers },
    body: JSON.stringify(event),
  });
const board = () => fresh();

/** A socket, and its received messages. */
async function connect(room: string, headers: Record<string, string>) {
  const response = await ask(`/v1/partitions/${room}/ws`, { headers: { upgrade: "websocket", ...headers } });
  const received: Message[] = [];
  let closed: number | undefined;
  let wake = () => {};
  const socket = response.webSocket;
  socket?.accept();
  socket?.addEventListener("message", ({ data }) => {
    received.push(JSON.parse(data as string));
    wake();
  });
  socket?.addEventListener("close", ({ code }) => {
    closed = code;
    wake();
  });
  const until = async (isSo: () => boolean) => {
    while (!isSo()) await new Promise<void>((resolve) => (wake = resolve));
  };
  return {
    response,
    received,
    closed: () => closed,
    until,
    async ask(type: string, payload: object) {
      const count = received.length;
      socket!.send(JSON.stringify({ id: `m${count}`, type, timestamp: 1, payload }));
      await until(() => received.length > count || closed !== undefined);
      return received[count]!;
    },
  };
}

describe("without configuration", () => {
  it("[AU-2] refuses every request, and names the missing setting", async () => {
    for (const missing of ["PARTITA_JWT_SECRET", "PARTITA_JWT_ISSUER", "PARTITA_JWT_AUDIENCE"]) {
      const response = await ask("/v1/partitions/board-1/state", {}, { [missing]: undefined });
      expect(response.status).toBe(401);
      expect(((await response.json()) as Message).detail).toContain(missing);
    }
    expect((await ask("/livez")).status).toBe(200);
  });

  it("[AU-2] open development mode answers on loopback only", async () => {
    const open = { PARTITA_IDENTITY: "open" };
    expect((await ask("/v1/partitions/board-1/state", {}, open)).status).toBe(401);
  });
});

describe("tokens over HTTP", () => {
  it("[AU-1] [AU-8] the subject is the principal; the author that a request states is ignored", async () => {
    const room = board();
    const forged = JSON.stringify({ principal: "root", permissions: "all" });
    const first = await post(room, await sign(), { "partita-author": forged, "partita-client-id": "root" });
    expect(first.status).toBe(201);
    // The same key of another principal is another draft; of the same subject it is this draft.
    expect(((await (await post(room, await sign({ sub: "bob" }))).json()) as Message).eventId).toBe(2);
    const again = await post(room, await sign(), { "partita-client-id": "other" });
    expect(await again.json()).toEqual(await first.json());
  });

  it.each<[string, () => Promise<Record<string, string>>, number, string]>([
    ["no token", async () => ({}), 401, "unauthenticated"],
    ["a token that nobody signed", async () => bearer(new UnsecuredJWT({ sub: "a" }).encode()), 401, "unauthenticated"],
    ["an expired one", async () => bearer(await sign({ exp: 1 })), 401, "auth_expired"],
    ["another scheme", async () => ({ authorization: `Basic ${await sign()}` }), 401, "unauthenticated"],
    ["a cookie", async () => ({ cookie: `token=${await sign()}` }), 401, "unauthenticated"],
    ["another partition", async () => bearer(await sign({ partitions: ["lobby"] })), 403, "forbidden"],
    ["no partition at all", async () => bearer(await sign({ partitions: undefined })), 403, "forbidden"],
    [
      "no permission to read",
      async () => bearer(await sign({ roles: [], permissions: ["submit:*"] })),
      403,
      "forbidden",
    ],
    [
      "a role that nobody declared",
      async () => bearer(await sign({ roles: ["admin", "constructor"] })),
      403,
      "forbidden",
    ],
  ])("[AU-1] [AU-2] [AU-3] refuses %s", async (_, headers, status, code) => {
    for (const path of ["events", "state", "ws"]) {
      const given = await headers();
      // An upgrade without a token is accepted: `connect` may carry it.
      if (path === "ws" && given["authorization"] === undefined) continue;
      const response = await ask(`/v1/partitions/board-1/${path}`, { headers: { upgrade: "websocket", ...given } });
      expect(response.status).toBe(status);
      expect(await response.json()).toMatchObject({ code });
    }
  });

  it("[AU-2] a token in the URL is refused, and the answer says how to send it", async () => {
    for (const name of ["token", "access_token"]) {
      const response = await ask(`/v1/partitions/board-1/state?${name}=${await sign()}`);
      const received = (await response.json()) as Message;
      expect(response.status).toBe(400);
      expect(received.detail).toContain("Authorization");
      expect(JSON.stringify(received)).not.toContain("eyJ");
    }
  });

  it("[AU-3] each event needs its permission, and a denial is a verdict", async () => {
    const room = board();
    const viewer = await post(room, await sign({ roles: ["viewer"] }));
    expect(viewer.status).toBe(403);
    expect(await viewer.json()).toMatchObject({ code: "forbidden", layer: "permission" });
    const setter = await sign({ roles: [], permissions: ["submit:set"] });
    expect((await post(room, setter, { "idempotency-key": "k2" })).status).toBe(201);
  });

  it("[AU-3] submit:* does not include init, which needs its own permission", async () => {
    const init = { type: "init", payload: { value: { n: 1 } } };
    const answerTo = async (claims: object) => {
      const headers = { "idempotency-key": "k", ...bearer(await sign(claims)) };
      return (await ask(`/v1/partitions/${board()}/events`, { method: "POST", headers, body: JSON.stringify(init) }))
        .status;
    };
    expect(await answerTo({})).toBe(403);
    expect(await answerTo({ permissions: ["init"] })).toBe(201);
  });

  it("[AU-9] [ER-7] tenants are isolated: the same name is another partition, and a forbidden partition looks like an absent one", async () => {
    const room = board();
    expect((await post(room, await sign({ tenant: "acme" }))).status).toBe(201);
    const state = async (claims: object) =>
      (await ask(`/v1/partitions/${room}/state`, { headers: bearer(await sign(claims)) })).json();
    expect(await state({ tenant: "acme" })).toEqual({ state: { n: 1 }, eventIndex: 1 });
    expect(await state({ tenant: "rival" })).toEqual({ state: {}, eventIndex: 0 });
    expect(await state({})).toEqual({ state: {}, eventIndex: 0 });
    const answerTo = async (name: string) => {
      const response = await ask(`/v1/partitions/${name}/state`, {
        headers: bearer(await sign({ tenant: "acme", partitions: ["board-mine"] })),
      });
      const { instance: _, traceId: __, timestamp: ___, ...rest } = (await response.json()) as Message;
      return { status: response.status, rest };
    };
    expect(await answerTo(room)).toEqual(await answerTo(board()));
    // Also where no model serves such a name.
    expect(await answerTo(room)).toEqual(await answerTo("unserved"));
  });

  it.each([
    "https://evil.example",
    "null",
    "https://app.example.evil.example",
    "http://app.example",
    "https://app.example:8443",
  ])("[AU-7] a page from %s may not connect", async (page) => {
    for (const path of ["ws", "state"]) {
      const headers = { upgrade: "websocket", origin: page, ...bearer(await sign()) };
      const response = await ask(`/v1/partitions/board-1/${path}`, { headers });
      expect(response.status).toBe(403);
      expect(await response.json()).toMatchObject({ code: "origin_not_allowed" });
    }
  });

  it("[AU-7] pages from the server's own origin and from configured origins are allowed", async () => {
    for (const page of [origin, "https://app.example"]) {
      const headers = { origin: page, ...bearer(await sign()) };
      expect((await ask("/v1/partitions/board-1/state", { headers })).status).toBe(200);
    }
  });
});

describe("tokens on sockets", () => {
  it("[AU-2] are sent as a subprotocol, which is never returned", async () => {
    const { response, ask: say } = await connect(board(), {
      "sec-websocket-protocol": `partita, bearer.${await sign()}`,
    });
    expect(response.status).toBe(101);
    expect(response.headers.get("sec-websocket-protocol")).toBe("partita");
    expect(JSON.stringify([...response.headers])).not.toContain("eyJ");
    expect((await say("connect", { clientId: "c", version: "1" })).type).toBe("connected");
  });

  it("[AU-2] a refused client that offers the subprotocol gets the problem as a message", async () => {
    for (const [token, code, close] of [
      [await sign({ exp: 1 }), "auth_expired", 4401],
      ["nonsense", "unauthenticated", 4401],
      [await sign({ partitions: ["lobby"] }), "forbidden", 4403],
      [await sign({ roles: [] }), "forbidden", 4403],
    ] as const) {
      const refused = await connect(board(), { "sec-websocket-protocol": `partita, bearer.${token}` });
      await refused.until(() => refused.closed() !== undefined);
      expect(refused.received).toMatchObject([{ type: "error", payload: { code } }]);
      expect(refused.closed()).toBe(close);
    }
  });

  it("[AU-3] [AU-8] each event is checked against the token's permissions, whatever its clientId is", async () => {
    const room = board();
    const token = await sign({ roles: ["viewer"], permissions: ["submit:unset"] });
    const { ask: say } = await connect(room, bearer(token));
    await say("connect", { clientId: "root", version: "1" });
    const denied = await say("submit_event", { draftId: "d1", event });
    expect(denied).toMatchObject({ type: "event_rejected", payload: { code: "forbidden", layer: "permission" } });
    const judged = await say("submit_event", { draftId: "d2", event: { type: "unset", payload: { target: "n" } } });
    expect(judged).toMatchObject({ type: "event_rejected", payload: { layer: "rule" } });
  });

  it("[AU-4] when the token expires nothing more is accepted or sent: a last error, and 4401", async () => {
    const room = board();
    const exp = Math.floor(Date.now() / 1_000) - 28;
    const asking = await connect(room, bearer(await sign({ exp })));
    const listening = await connect(room, bearer(await sign({ sub: "bob", exp })));
    const staying = await connect(room, bearer(await sign({ sub: "eve" })));
    for (const { ask: say } of [staying]) await say("connect", { clientId: "c", version: "1" });
    // Within the clock tolerance the upgrade is accepted; the partition treats the token as expired.
    expect(await asking.ask("connect", { clientId: "c", version: "1" })).toMatchObject({
      type: "error",
      payload: { code: "auth_expired" },
    });
    await asking.until(() => asking.closed() !== undefined);
    expect(asking.closed()).toBe(4401);
    await staying.ask("submit_event", { draftId: "d", event });
    await listening.until(() => listening.closed() !== undefined);
    expect(listening.received.map(({ type, payload }) => [type, payload.code])).toEqual([["error", "auth_expired"]]);
    expect(listening.closed()).toBe(4401);
  });
});

describe("who is connected", () => {
  it("[CL-9] is sent to who asks, as the token names it", async () => {
    const tenant = `t${fresh()}`;
    const token = await sign({ tenant });
    const subprotocols = { "sec-websocket-protocol": `partita, bearer.${token}` };
    const asking = await connect(board(), subprotocols);
    const connected = await asking.ask("connect", { clientId: "c", version: "1", principal: true });
    expect(connected.payload).toMatchObject({ principal: "alice", tenant });
    const late = await connect(board(), subprotocols);
    const quiet = await late.ask("connect", { clientId: "c", version: "1" });
    expect(quiet.type).toBe("connected");
    expect(quiet.payload).not.toHaveProperty("principal");
    expect(quiet.payload).not.toHaveProperty("tenant");
  });

  it("[CL-9] is that of the token in `connect`", async () => {
    const room = board();
    const later = await connect(room, {});
    const payload = { clientId: "c", version: "1", principal: true, token: await sign() };
    expect((await later.ask("connect", payload)).payload).toMatchObject({ principal: "alice", tenant: "default" });
  });
});

describe("the client library", () => {
  it("[AU-2] [CL-3] sends its token as a subprotocol, and reconnects with a new one", async () => {
    const room = board();
    const tokens: string[] = [];
    const client = new Client({
      model: insieme,
      partition: room,
      clientId: "device",
      identity: { tenant: "default", principal: "alice" },
      host: "partita.example",
      store: memoryStore(),
      ports: workerPorts((url, protocols) =>
        ask(new URL(url).pathname, {
          headers: { upgrade: "websocket", "sec-websocket-protocol": protocols.join(", ") },
        }),
      ),
      timing: defaultTiming,
      engine: {
        url: `ws://partita.example/v1/partitions/${room}/ws`,
        presence: false,
        token: async () => {
          // The first token is not accepted any more.
          tokens.push(await sign(tokens.length === 0 ? { exp: 1 } : {}));
          return tokens.at(-1)!;
        },
      },
    });
    expect(await client.submit("set", { target: "n", value: 1 })).toMatchObject({ status: "accepted" });
    expect(tokens.length).toBeGreaterThan(1);
    await client.close();
  });
});
