import { env, evictDurableObject, runInDurableObject } from "cloudflare:test";
import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";
import { log } from "../../src/platform/log.ts";
import { logEvents } from "../../src/protocol/all-log-events.ts";
import type { LogEvent } from "../../src/protocol/log-events.ts";
import { checkedText } from "../support/log-lines.ts";
import { identitySettings } from "./settings.ts";
import { ask, askWith, bearer, event, frame, fresh, Peer, post, sign, tenantOf } from "./wire.ts";

const methods = ["debug", "info", "log", "warn", "error"] as const;
/** Every call of the console. */
let lines: string[];
beforeEach(() => {
  lines = [];
  for (const method of methods) {
    vi.spyOn(console, method).mockImplementation((...given: unknown[]) => void lines.push(given.map(String).join(" ")));
  }
});
afterEach(() => vi.restoreAllMocks());

/** Line ends of several kinds, terminal commands, a forged log line, and right-to-left text. */
const hostile = 'x\n\r\u2028\u2029\u0085{"level":"error","message":"forged"}\u001b[2J\u009b31m\u202e"\\\'';
/** The part of it that a header, or an id, can contain. */
const visible = '"},{"level":"error","message":"forged"}\\\\n\\\\u001b[31m\'`${x}';

/** Checks that each call wrote one line of the schema: one JSON object, with visible characters only. */
function expectLines(): void {
  for (const line of lines) checkedText(line);
}

/** Sends requests to `room` of a tenant, over HTTP and sockets, with hostile text in every part. Returns all answers. */
async function attack(tenant: string, room: string, changed: object = {}): Promise<string> {
  const token = await sign({ tenant });
  const root = bearer(await sign({ tenant, sub: visible, jti: visible, roles: ["admin", hostile] }));
  const strange = {
    "user-agent": visible,
    "partita-client-id": visible,
    "x-forwarded-for": visible,
    traceparent: visible,
    referer: visible,
  };
  const answers: string[] = [];
  const answerTo = async (path: string, init: RequestInit) => {
    const response = await askWith(changed, path, init);
    answers.push(JSON.stringify([...response.headers]), await response.text());
  };
  const submit = async (key: string, body: object) =>
    answerTo(`/v1/partitions/${room}/events`, {
      method: "POST",
      headers: { "idempotency-key": key, ...strange, ...bearer(token) },
      body: JSON.stringify(body),
    });
  await submit(visible, event);
  await submit("k", { type: hostile, payload: { [hostile]: hostile } });
  await submit("l", { type: "set", payload: { target: hostile, value: hostile } });
  for (const path of [
    `/v1/partitions/${encodeURIComponent(hostile)}/state`,
    `/v1/partitions/${room}/state?at=${encodeURIComponent(hostile)}`,
    `/v1/partitions/${room}/events?since=${encodeURIComponent(hostile)}`,
    `/${encodeURIComponent(hostile)}`,
    `/problems/${encodeURIComponent(hostile)}`,
  ]) {
    await answerTo(path, { headers: { ...strange, ...bearer(token) } });
  }
  await answerTo(`/v1/revocations/sub/${encodeURIComponent(visible)}`, { method: "PUT", headers: root });
  await answerTo(`/v1/revocations/jti/${encodeURIComponent(hostile)}`, { method: "PUT", headers: root });
  await answerTo("/v1/limits", {
    method: "PUT",
    headers: root,
    body: JSON.stringify({ eventTypes: { [hostile]: null } }),
  });
  await answerTo("/v1/limits", {
    method: "PUT",
    headers: bearer(await sign({ tenant, sub: "root", partitions: ["*"], roles: ["admin"] })),
    body: JSON.stringify({ eventTypes: { [hostile.slice(0, 60)]: { perSecond: 1, burst: 1 } } }),
  });
  const peer = await Peer.open(room, { ...bearer(token), "user-agent": visible });
  if (peer.response.webSocket) {
    peer.response.webSocket.send(hostile);
    peer.send(hostile, {});
    peer.response.webSocket.send(frame("connect", { clientId: hostile, version: hostile }));
    await peer.ask("connect", { clientId: visible.slice(0, 100), version: hostile });
    await peer.submit(visible.slice(0, 100), hostile);
    peer.close();
    answers.push(JSON.stringify(peer.received));
  } else answers.push(await peer.response.text());
  return answers.join("\n");
}

describe("log lines", () => {
  it("[AU-10] [AU-12] [OB-1] are one JSON object each, with any text in them", () => {
    log("request_failed", { partition: hostile, error: hostile });
    expect(lines).toHaveLength(1);
    expect(checkedText(lines[0]!).fields).toEqual({ partition: hostile, error: hostile });
  });

  it("[OB-1] have the level and the message of their event, of each part that the Worker has", () => {
    for (const event of Object.keys(logEvents) as LogEvent[]) log(event, {});
    const written = lines.map((line) => JSON.parse(line) as Record<string, string>);
    const kinds = written.map(({ event, level, message }) => [event, [level, message]]);
    expect(Object.fromEntries(kinds)).toEqual(logEvents);
  });

  it("[AU-10] [AU-12] [OB-1] are of the schema under attack, also if everything fails", async () => {
    const [tenant, room] = [fresh("t"), fresh()];
    await attack(tenant, room);
    expect(lines.length).toBeGreaterThan(0);
    expectLines();

    // Drop the tables of the partition and of the tenant.
    await runInDurableObject(env.PARTITIONS.getByName(`${tenant}/${room}`), (_, { storage }) => {
      storage.sql.exec("DROP TABLE idempotency_records");
    });
    lines = [];
    await attack(tenant, room);
    await evictDurableObject(env.PARTITIONS.getByName(`${tenant}/${room}`));
    await attack(tenant, room);
    await runInDurableObject(tenantOf(tenant), (_, { storage }) => {
      storage.sql.exec("DROP TABLE attending");
    });
    await evictDurableObject(env.PARTITIONS.getByName(`${tenant}/${room}`));
    await attack(tenant, room);
    const messages = lines.map((line) => (JSON.parse(line) as { message: string }).message);
    expect(messages).toEqual(expect.arrayContaining(["a request failed", "the tenant's object cannot be reached"]));
    expectLines();

    // The called functions throw their argument.
    const PARTITIONS = {
      getByName: () => {
        throw new Error(`inside ${hostile}`);
      },
    };
    lines = [];
    const answers = await attack(fresh("t"), room, { PARTITIONS });
    expect(lines.some((line) => line.includes("a request failed"))).toBe(true);
    expectLines();
    // No client sees it.
    expect(answers).not.toContain("inside");
  });
});

describe("secrets", () => {
  it("[AU-12] [ER-6] are in no log line, no answer and no storage: tokens, tickets, the settings' keys", async () => {
    const [tenant, room] = [fresh("t"), fresh()];
    const secrets: string[] = [identitySettings.PARTITA_JWT_SECRET, "hunter2"];
    const token = async (claims: object = {}) => {
      const made = await sign({ tenant, ...claims });
      secrets.push(made, made.split(".")[2]!);
      return made;
    };
    const answers: string[] = [];
    const keep = async (response: Response) => {
      answers.push(JSON.stringify([...response.headers]), await response.text());
    };
    const at = `/v1/partitions/${room}`;
    // Valid and invalid ones, in right and wrong places.
    await keep(await post(room, await token(), "k"));
    for (const claims of [
      { exp: 1 },
      { iss: "x" },
      { partitions: [] },
      { roles: [] },
      { sub: "a b" },
      { tenant: "a/b" },
    ]) {
      await keep(await ask(`${at}/state`, { headers: bearer(await token(claims)) }));
      await keep(await ask(`${at}/state`, { headers: { authorization: `Basic ${await token(claims)}` } }));
    }
    for (const name of ["token", "access_token", "jwt", "ticket", "x"]) {
      await keep(await ask(`${at}/state?${name}=${await token()}`));
    }
    await keep(await ask(`${at}/state`, { headers: { cookie: `token=${await token()}` } }));
    for (const [method, path] of [
      ["POST", "connection/x"],
      ["GET", "events/stream?since=x"],
      ["GET", "ws"],
    ] as const) {
      await keep(await ask(`${at}/${path}`, { method, headers: bearer(await token()) }));
    }
    // On sockets: as a subprotocol, in connect and in renew; valid, invalid and misplaced.
    const hear = async (peer: Peer, ...messages: [string, object][]) => {
      try {
        for (const [type, payload] of messages) await peer.ask(type, payload);
        peer.close();
      } catch {
        // It was closed before it could send everything.
      }
      answers.push(JSON.stringify([...peer.response.headers]), JSON.stringify(peer.received));
    };
    const connect = { clientId: "c", version: "1" };
    await hear(await Peer.open(room, { "sec-websocket-protocol": `partita, bearer.${await token()}` }), [
      "connect",
      connect,
    ]);
    const refused = await Peer.open(room, { "sec-websocket-protocol": `partita, bearer.${await token({ exp: 1 })}` });
    await refused.ending();
    answers.push(JSON.stringify(refused.received));
    for (const made of [await token(), await token({ exp: 1 }), await token({ iss: "x" })]) {
      await hear(await Peer.open(room, {}, `?tenant=${tenant}`), ["connect", { ...connect, token: made }]);
      await hear(
        await Peer.open(room, bearer(await token())),
        ["connect", { ...connect, token: made }],
        ["connect", connect],
        ["renew", { token: made }],
        ["renew", { token: [made] }],
        ["connect", { ...connect, token: made }],
      );
    }
    const peer = await Peer.connected(room, await token());
    answers.push(JSON.stringify(await peer.submit("d", "plain")));
    peer.close();
    // Tickets: used, reused, and invalid.
    const taken = await ask("/v1/tickets", { method: "POST", headers: bearer(await token()) });
    const { ticket } = (await taken.json()) as { ticket: string };
    secrets.push(ticket.split(".")[1]!);
    await hear(await Peer.open(room, {}, `?ticket=${ticket}`), ["connect", connect]);
    await keep(await ask(`${at}/events/stream?ticket=${ticket}`));
    await keep(await ask(`${at}/state?ticket=${ticket}`));
    // Settings that are wrong, or have an unreachable URL.
    for (const changed of [
      { PARTITA_JWT_SECRET: "hunter2" },
      { PARTITA_JWT_SECRET: undefined, PARTITA_JWKS_URL: "http://user:hunter2@issuer.example/jwks" },
      { PARTITA_JWT_SECRET: undefined, PARTITA_JWKS_URL: "http://user:hunter2@127.0.0.1:1/jwks" },
      { PARTITA_JWT_SECRET: undefined, PARTITA_JWKS_URL: "http://127.0.0.1:1/jwks?key=hunter2" },
    ]) {
      const made = await token();
      await keep(await askWith(changed, `${at}/state`, { headers: bearer(made) }));
    }
    const unused = await ask("/v1/tickets", { method: "POST", headers: bearer(await token()) });
    secrets.push(((await unused.json()) as { ticket: string }).ticket.split(".")[1]!);
    const stored = await Promise.all(
      [env.PARTITIONS.getByName(`${tenant}/${room}`), tenantOf(tenant)].map((stub) =>
        runInDurableObject(stub as DurableObjectStub, (_: unknown, { storage }: DurableObjectState) => {
          const tables = [
            ...storage.sql.exec(
              "SELECT name FROM sqlite_master WHERE type = 'table' AND name NOT LIKE '\\_cf%' ESCAPE '\\'",
            ),
          ];
          return tables
            .map(({ name }) =>
              [...storage.sql.exec(`SELECT * FROM ${String(name)}`)].map((row) =>
                Object.values(row)
                  .map((value) => (value instanceof ArrayBuffer ? new TextDecoder().decode(value) : String(value)))
                  .join(),
              ),
            )
            .join();
        }),
      ),
    );
    // Everything fails.
    await keep(
      await ask("/v1/revocations/sub/alice", {
        method: "PUT",
        headers: bearer(await token({ sub: "root", partitions: ["*"], roles: ["admin"] })),
      }),
    );
    await runInDurableObject(env.PARTITIONS.getByName(`${tenant}/${room}`), (_, { storage }) => {
      storage.sql.exec("DROP TABLE idempotency_records");
    });
    await runInDurableObject(tenantOf(tenant), (_, { storage }) => void storage.sql.exec("DROP TABLE tickets"));
    const other = await token({ sub: "bob" });
    await keep(await post(room, other, "k2", { type: "unset", payload: { target: "none" } }));
    await keep(await ask("/v1/tickets", { method: "POST", headers: bearer(other) }));
    await keep(await ask(`${at}/events/stream?ticket=${ticket}`));

    expect(lines.length).toBeGreaterThan(0);
    expectLines();
    expect(secrets.length).toBeGreaterThan(40);
    for (const [where, text] of Object.entries({
      lines: lines.join("\n"),
      answers: answers.join("\n"),
      stored: stored.join("\n"),
    })) {
      for (const secret of secrets) expect(text.includes(secret), `${where}: ${secret}`).toBe(false);
    }
    // Internal errors are not revealed to clients.
    expect(answers.join("\n")).not.toMatch(/SQLITE|no such table|idempotency_records|\.ts:\d|    at /);
  });
});
