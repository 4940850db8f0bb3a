import { createExecutionContext, env } from "cloudflare:test";
import { describe, expect, it } from "vitest";
import worker from "./worker.ts";
import { fresh, http, type Message, Wire } from "./wire.ts";

const event = { type: "set", payload: { target: "n", value: 1 } };
const post = (partition: string, body: unknown, headers: Record<string, string> = { "idempotency-key": "k" }) =>
  http(`/v1/partitions/${partition}/events`, {
    method: "POST",
    body: typeof body === "string" ? body : JSON.stringify(body),
    headers,
  });
/** The parts of a response that a replay must repeat. */
const whole = async (response: Response) => ({
  status: response.status,
  body: await response.text(),
  headers: Object.fromEntries(["content-type", "location", "etag"].map((name) => [name, response.headers.get(name)])),
});

describe("POST events", () => {
  it("[ID-1] [WP-1] commits one event, and a replay is the same in status, headers and body", async () => {
    const room = fresh();
    const first = await whole(await post(room, event));
    expect(first).toMatchObject({
      status: 201,
      headers: {
        "content-type": "application/json",
        location: `/v1/partitions/${room}/events?since=0&limit=1`,
        etag: '"evt-1"',
      },
    });
    expect(JSON.parse(first.body)).toEqual({
      eventId: 1,
      event: { ...event, partition: room, id: "evt-1", timestamp: expect.any(Number), clientId: "http" },
    });
    expect(await whole(await post(room, { payload: { value: 1, target: "n" }, type: "set" }))).toEqual(first);
    const page = (await (await http(first.headers["location"]!)).json()) as Message;
    expect(page).toEqual({
      events: [JSON.parse(first.body)],
      currentEventIndex: 1,
      hasMore: false,
      nextSinceEventId: 1,
    });
  });

  it("[ID-1] [ER-1] [ER-2] a rejection is a problem document, the same over HTTP, over the socket, and on every replay", async () => {
    const room = fresh();
    const first = await whole(await post(room, { type: "unset", payload: { target: "no" } }));
    expect(first.status).toBe(422);
    expect(first.headers["content-type"]).toBe("application/problem+json");
    const received = JSON.parse(first.body) as Message;
    expect(received).toEqual({
      type: "/problems/validation_failed",
      title: "Validation failed",
      status: 422,
      detail: expect.any(String),
      instance: `/v1/partitions/${room}`,
      code: "validation_failed",
      traceId: expect.stringMatching(/^[0-9a-f]{32}$/),
      timestamp: expect.any(Number),
      retryable: false,
      layer: "rule",
      errors: [{ field: "payload.target", code: "TARGET_NOT_FOUND", message: expect.any(String) }],
    });
    expect(await whole(await post(room, { type: "unset", payload: { target: "no" } }))).toEqual(first);
    const wire = await Wire.connected(room, "http");
    const { payload } = await wire.submit("k", "unset", { target: "no" });
    const { draftId, reason, ...problem } = payload;
    expect({ draftId, reason }).toEqual({ draftId: "k", reason: "validation_failed" });
    expect(problem).toEqual(received);
    wire.close();
  });

  it("[ID-3] [ID-7] [WP-8] refuses a missing or malformed key, a reused key, and bodies that are not events", async () => {
    const room = fresh();
    await post(room, event);
    const refusals: [Response, number, string][] = [
      [await post(room, event, {}), 400, "bad_request"],
      [await post(room, event, { "idempotency-key": "two words" }), 400, "bad_request"],
      [await post(room, event, { "idempotency-key": "x".repeat(129) }), 400, "bad_request"],
      [await post(room, event, { "idempotency-key": "z", "partita-client-id": "two words" }), 400, "bad_request"],
      [await post(room, { ...event, payload: { target: "n", value: 2 } }), 422, "idempotency_key_reused"],
      [await post(room, "{", { "idempotency-key": "a" }), 400, "bad_request"],
      [await post(room, "[]", { "idempotency-key": "a" }), 400, "bad_request"],
      [await post(room, { payload: {} }, { "idempotency-key": "a" }), 400, "bad_request"],
      [await post(room, '{"type":"set","type":"set","payload":{}}', { "idempotency-key": "a" }), 400, "bad_request"],
      [await post(room, { ...event, x: "x".repeat(70_000) }, { "idempotency-key": "a" }), 413, "payload_too_large"],
      [await post(room, { ...event, author: "root" }, { "idempotency-key": "a" }), 422, "validation_failed"],
      [await post(room, { ...event, partition: "other" }, { "idempotency-key": "b" }), 422, "partition_mismatch"],
    ];
    for (const [response, status, code] of refusals) {
      expect(response.headers.get("content-type")).toBe("application/problem+json");
      const received = (await response.json()) as Message;
      expect([response.status, received.status, received.code]).toEqual([status, status, code]);
    }
    const { eventId } = (await (await post(room, event, { "idempotency-key": "next" })).json()) as Message;
    expect(eventId).toBe(2);
  });

  it("[ID-5] N concurrent submits of one key over sockets and HTTP make one event and equal answers", async () => {
    const room = fresh();
    const wires = await Promise.all(Array.from({ length: 6 }, () => Wire.connected(room, "http")));
    const answers = await Promise.all([
      ...wires.map((wire) => wire.submit("k", "set", event.payload)),
      ...Array.from({ length: 6 }, async () => await (await post(room, event)).text()),
    ]);
    const [overSockets, overHttp] = [answers.slice(0, 6), answers.slice(6)];
    const bytes = wires.map((wire) => wire.frames.find((frame) => frame.includes("event_accepted")));
    expect(new Set(bytes).size).toBe(1);
    expect(new Set(overHttp).size).toBe(1);
    expect(JSON.parse(overHttp[0] as string).event).toEqual((overSockets[0] as Message).payload.event);
    const page = (await (await http(`/v1/partitions/${room}/events`)).json()) as Message;
    expect(page.currentEventIndex).toBe(1);
    for (const wire of wires) wire.close();
  });

  it("[WP-5] is broadcast to connections, once", async () => {
    const room = fresh();
    const wire = await Wire.connected(room);
    await post(room, event);
    await post(room, event);
    await post(room, event, { "idempotency-key": "second" });
    await wire.message(({ type, payload }) => type === "broadcast" && payload.eventId === 2);
    const ids = wire.frames.map((frame) => JSON.parse(frame) as Message).filter(({ type }) => type === "broadcast");
    expect(ids.map(({ payload }) => payload.eventId)).toEqual([1, 2]);
    wire.close();
  });
});

describe("POST a batch", () => {
  const set = (draftId: string, value: number | object) => ({
    draftId,
    event: { type: "set", payload: { target: "n", value } },
  });
  const unset = (draftId: string) => ({ draftId, event: { type: "unset", payload: { target: "nothing" } } });

  it("[TX-6] [ID-1] commits all or none, and a replay is the same", async () => {
    const room = fresh();
    const first = await whole(await post(room, { mode: "atomic", events: [set("d1", 1), set("d2", 2)] }));
    expect(first.status).toBe(200);
    expect((JSON.parse(first.body) as Message).results.map(({ status }: Message) => status)).toEqual([
      "accepted",
      "accepted",
    ]);
    expect(await whole(await post(room, { mode: "atomic", events: [set("d1", 1), set("d2", 2)] }))).toEqual(first);
    const key = { "idempotency-key": "other" };
    const none = (await (
      await post(room, { mode: "atomic", events: [set("d3", 3), unset("d4")] }, key)
    ).json()) as Message;
    expect(none.results.map(({ status }: Message) => status)).toEqual(["not_processed", "rejected"]);
    const state = (await (await http(`/v1/partitions/${room}/state`)).json()) as Message;
    expect(state).toEqual({ state: { n: 2 }, eventIndex: 2 });
    const wire = await Wire.connected(room, "http");
    const answer = wire.message(({ type }) => type === "events_result");
    const events = [set("d1", 1), set("d2", 2)];
    wire.raw(
      JSON.stringify({
        id: "q",
        type: "submit_events",
        timestamp: 1,
        payload: { batchId: "k", mode: "atomic", events },
      }),
    );
    // The same verdict over the socket, for the same key.
    expect((await answer).payload).toEqual(JSON.parse(first.body));
    wire.close();
  });

  it("[TX-6] [ER-3] accepts sequential batches, and refuses invalid ones with every violation", async () => {
    const room = fresh();
    const some = (await (
      await post(room, { mode: "sequential", events: [set("d1", 1), unset("d2"), set("d3", 3)] })
    ).json()) as Message;
    expect(some.results.map(({ status }: Message) => status)).toEqual(["accepted", "rejected", "not_processed"]);
    const response = await post(
      room,
      { mode: "both", events: [{ draftId: "", event: {} }] },
      { "idempotency-key": "z" },
    );
    expect(response.status).toBe(400);
    const fields = ((await response.json()) as Message).errors.map(({ field }: Message) => field);
    expect(fields.toSorted()).toEqual(["events[0].draftId", "events[0].event.type", "mode"]);
  });
});

describe("reads", () => {
  it("[WP-7] [TX-9] pages the log, and returns the state at the head or at an earlier event", async () => {
    const room = fresh();
    for (const value of [1, 2, 3])
      await post(room, { ...event, payload: { target: "n", value } }, { "idempotency-key": `k${value}` });
    const get = async (path: string) => (await (await http(`/v1/partitions/${room}/${path}`)).json()) as Message;
    expect((await get("events?since=1&limit=1")).events).toHaveLength(1);
    expect(await get("events?since=1&limit=1")).toMatchObject({
      hasMore: true,
      nextSinceEventId: 2,
      currentEventIndex: 3,
    });
    expect(await get("state")).toEqual({ state: { n: 3 }, eventIndex: 3 });
    expect(await get("state?at=2")).toEqual({ state: { n: 2 }, eventIndex: 2 });
    expect(await get("state?at=0")).toEqual({ state: {}, eventIndex: 0 });
    expect(await get("state?at=4")).toMatchObject({
      code: "cursor_ahead",
      status: 409,
      currentEventIndex: 3,
      detail:
        "The log ends at event 3. There is no state after a later one: ask for an earlier event, or leave `at` out.",
    });
    expect(await get("events?since=4")).toMatchObject({
      code: "cursor_ahead",
      detail: "The log ends at event 3. Drop what you have read, and read from the start, with since=0.",
    });
    for (const bad of ["events?since=-1", "events?since=1.5", "events?limit=x", "events?since=", "state?at=1e3"]) {
      expect(await get(bad)).toMatchObject({ code: "bad_request", status: 400 });
    }
  });

  it("[LC-2] [LC-3] is alive, and ready once an object answers with a current schema", async () => {
    expect(await (await http("/livez")).json()).toEqual({ status: "alive" });
    expect(await (await http("/readyz")).json()).toEqual({ status: "ready" });
  });

  it("[LC-2] is not ready while its settings do not say who may connect", async () => {
    const ask = async (settings: object) => {
      const request = new Request("http://127.0.0.1:8787/readyz");
      const response = await worker.fetch(request, { ...env, ...settings }, createExecutionContext());
      return [response.status, await response.json()];
    };
    const detail =
      "Set PARTITA_JWT_SECRET or PARTITA_JWKS_URL; for development on this machine, PARTITA_IDENTITY=open.";
    expect(await ask({ PARTITA_IDENTITY: undefined })).toEqual([
      501,
      expect.objectContaining({ code: "not_configured", detail }),
    ]);
    expect(await ask({ PARTITA_IDENTITY: undefined, PARTITA_JWT_SECRET: "x".repeat(32) })).toEqual([
      501,
      expect.objectContaining({ code: "not_configured", detail: "Set PARTITA_JWT_ISSUER." }),
    ]);
    const verified = { PARTITA_JWT_SECRET: "x".repeat(32), PARTITA_JWT_ISSUER: "me", PARTITA_JWT_AUDIENCE: "partita" };
    expect(await ask({ PARTITA_IDENTITY: undefined, ...verified })).toEqual([200, { status: "ready" }]);
  });
});

describe("routing", () => {
  it.each(["", "-x", ".x", "a b", "a%20b", "a%2Fb", "a%00", "ü", "x".repeat(129), "..%2Froom"])(
    "[WP-8] refuses the partition name %j",
    async (name) => {
      for (const path of ["events", "state"]) {
        const response = await http(`/v1/partitions/${name}/${path}`);
        expect([400, 404]).toContain(response.status);
        expect(response.headers.get("content-type")).toBe("application/problem+json");
        await response.text();
      }
      await expect(Wire.open(name)).rejects.toThrow(/no upgrade: 40[04]/);
    },
  );

  it("[ER-1] answers wrong methods, paths and plain requests to the socket", async () => {
    const checks: [string, RequestInit, number, string][] = [
      ["/v1/partitions/room/events", { method: "DELETE" }, 405, "method_not_allowed"],
      ["/v1/partitions/room/ws", {}, 426, "upgrade_expected"],
      ["/v1/nothing", {}, 404, "not_found"],
      ["/v1/partitions/room", {}, 404, "not_found"],
    ];
    for (const [path, init, status, code] of checks) {
      const response = await http(path, init);
      expect([response.status, ((await response.json()) as Message).code]).toEqual([status, code]);
      if (status === 405) expect(response.headers.get("allow")).toBe("GET, HEAD, OPTIONS, POST");
    }
  });

  it("[AU-2] without identity settings every request is refused; open mode answers loopback and its pages only", async () => {
    const ask = async (url: string, settings: object, headers: Record<string, string> = {}) => {
      const response = await worker.fetch(
        new Request(url, { headers }),
        { ...env, ...settings },
        createExecutionContext(),
      );
      return [response.status, ((await response.json()) as Message).code] as const;
    };
    const local = "http://127.0.0.1:8787/v1/partitions/room/state";
    expect(await ask(local, { PARTITA_IDENTITY: undefined })).toEqual([401, "unauthenticated"]);
    expect(await ask(local, { PARTITA_IDENTITY: "opne" })).toEqual([401, "unauthenticated"]);
    expect(await ask("http://partita.example/v1/partitions/room/state", {})).toEqual([401, "unauthenticated"]);
    expect(await ask(local, {}, { origin: "https://evil.example" })).toEqual([403, "origin_not_allowed"]);
    expect(await ask(local, {}, { origin: "null" })).toEqual([403, "origin_not_allowed"]);
    expect((await ask(local, {}, { origin: "http://localhost:5173" }))[0]).toBe(200);
  });

  it("[AU-8] an author header that is forged from outside is ignored", async () => {
    const room = fresh();
    const wire = await Wire.open(room, { "partita-author": JSON.stringify({ principal: "root", permissions: "all" }) });
    await wire.ask("connect", { clientId: "a", version: "1" });
    await wire.submit("d", "set", event.payload);
    // The key belongs to dev:a, so dev:a's retry is a replay and not a second event.
    const again = await Wire.connected(room, "a");
    expect((await again.submit("d", "set", event.payload)).payload.eventId).toBe(1);
    wire.close();
    again.close();
  });
});
