import { createExecutionContext, env } from "cloudflare:test";
import { describe, expect, it } from "vitest";
import { Events } from "../support/events.ts";
import { connection, event, frame, fresh, type Message, seconds as now, sign } from "./wire.ts";
import worker from "./worker.ts";

const ask = async (method: string, path: string, token: string, body?: object, headers: Record<string, string> = {}) =>
  worker.fetch(
    new Request(`https://partita.example/v1/partitions/${path}`, {
      method,
      headers: { authorization: `Bearer ${token}`, ...headers },
      ...(body ? { body: JSON.stringify(body) } : {}),
    }),
    env,
    createExecutionContext(),
  );
const submit = async (room: string, key: string) =>
  (await ask("POST", `${room}/events`, await sign(), event, { "idempotency-key": key })).text();

describe("streams, with tokens", () => {
  it("[AU-8] [AU-9] a connection belongs to its opener: other principals get not_found", async () => {
    const room = fresh();
    const alice = await sign();
    const { events, post, message } = await connection(room, alice);
    expect((await post(alice, frame("connect", { clientId: "a", version: "1" })))[0]).toBe(202);
    await message("connected");
    const [status, received] = await post(
      await sign({ sub: "mallory" }),
      frame("submit_event", { draftId: "d", event }),
    );
    const [goneStatus, gone] = await post(await sign({ tenant: "other" }), frame("heartbeat", {}));
    expect([status, goneStatus]).toEqual([404, 404]);
    const withoutIds = (text: string) => ({ ...(JSON.parse(text) as Message), traceId: "", timestamp: 0 });
    expect(withoutIds(received)).toEqual(withoutIds(gone));
    // Another token of the same principal is accepted, too.
    await post(await sign({ jti: "another" }), frame("submit_event", { draftId: "d", event }));
    expect((await message("event_accepted"))!.payload.draftId).toBe("d");
    await events.cancel();
  });

  it("[AU-3] need the permission to read", async () => {
    const writer = await sign({ roles: [], permissions: ["submit:*"] });
    for (const [method, path] of [
      ["GET", "events/stream"],
      ["POST", "connection"],
      ["POST", "connection/x"],
    ] as const) {
      const response = await ask(method, `${fresh()}/${path}`, writer);
      expect([response.status, ((await response.json()) as Message).code]).toEqual([403, "forbidden"]);
    }
  });

  it("[AU-1] [WP-12] when their token expires they get auth_expired, and nothing else, and end", async () => {
    const room = fresh();
    const short = await sign({ exp: now() + 2 });
    const { events, post, message } = await connection(room, short);
    await post(short, frame("connect", { clientId: "a", version: "1" }));
    await message("connected");
    const log = new Events(await ask("GET", `${room}/events/stream`, short)).flow();
    await log.first((received) => received[0]);
    await new Promise((resolve) => setTimeout(resolve, 3_000));
    await submit(room, "late");
    await Promise.all([events.end(), log.end()]);
    const [error, end] = events.received.slice(-2);
    expect(JSON.parse(error!.data)).toMatchObject({ type: "error", payload: { code: "auth_expired" } });
    expect(end).toMatchObject({ event: "end", data: '{"code":4401,"reason":"see the last message"}' });
    expect(log.received.at(-1)!.event).toBe("end");
    expect(JSON.parse(log.received.at(-1)!.data)).toMatchObject({ code: "auth_expired", status: 401 });
    expect([...events.received, ...log.received].filter(({ data }) => data.includes("evt-1"))).toEqual([]);
  });
});
