import { env, evictDurableObject, runInDurableObject, SELF } from "cloudflare:test";
import { afterEach, expect, it, vi } from "vitest";
import { queued } from "./queue.ts";
import { fresh, Wire } from "./wire.ts";

// Answers of every shape
const ask = async (path: string, init?: RequestInit): Promise<any> => {
  const response = await SELF.fetch(`http://127.0.0.1/v1/partitions/${path}`, init);
  return response.status === 204 ? undefined : await response.json();
};
const submit = (partition: string, key: string, type: string, payload: object) =>
  ask(`${partition}/events`, {
    method: "POST",
    headers: { "idempotency-key": key },
    body: JSON.stringify({ type, payload }),
  });
const logOf = async (partition: string) =>
  (await ask(`${partition}/events?since=0`)).events as { event: { type: string; payload: object; clientId: string } }[];
const rowsOf = (partition: string) =>
  runInDurableObject(env.PARTITIONS.getByName(`default/${partition}`), (_, { storage }) =>
    storage.sql.exec("SELECT event_id FROM outbox").toArray(),
  );

afterEach(() => vi.unstubAllGlobals());

it("[TX-12] [TX-15] [OB-4] an effect is a draft of another partition, and its verdict comes back", async () => {
  const [from, to] = [fresh("node"), fresh("node")];
  const tell = [
    { to, token: "good", answered: true, hops: 0 },
    { to, token: "bad!", answered: true, hops: 0 },
    { to, token: "worse!", answered: false, hops: 0 },
    { to: "nowhere", token: "lost", answered: false, hops: 0 },
  ];
  await submit(from, "d-1", "tell", { tell, post: [], buy: [], end: [] });
  await vi.waitFor(async () => expect(await rowsOf(from)).toEqual([]), 20_000);
  expect((await logOf(to)).map(({ event }) => [event.type, event.payload, event.clientId])).toEqual([
    ["told", { token: "good", hops: 0 }, `partition:${from}`],
  ]);
  expect((await logOf(from)).map(({ event }) => event.type)).toEqual(["tell", "accepted", "rejected"]);
  const { deadLetters } = await ask(`${from}/dead-letters`);
  const dead = deadLetters.map(({ destination, reason, code }: Record<string, string>) => [destination, reason, code]);
  expect(dead).toEqual([
    [to, "rejected", "validation_failed"],
    ["nowhere", "refused", "forbidden"],
  ]);
  const [, lost] = deadLetters;
  expect(await ask(`${from}/dead-letters/${lost.effectId}`)).toMatchObject({ payload: { token: "lost", hops: 0 } });
  expect(await ask(`${from}/dead-letters/${lost.effectId}/replay`, { method: "POST" })).toEqual({ replayed: 1 });
  await vi.waitFor(
    async () => expect((await ask(`${from}/dead-letters?limit=1`)).next).toBe(deadLetters[0].effectId),
    20_000,
  );
  expect(await ask(`${from}/dead-letters/${deadLetters[0].effectId}`, { method: "DELETE" })).toBeUndefined();
  const noted: any = await (await SELF.fetch("http://127.0.0.1/v1/audit?limit=2")).json();
  expect(noted.actions).toMatchObject([
    { action: "dead-letter.discard", partition: from, details: { effect: deadLetters[0].effectId } },
    { action: "dead-letter.replay", partition: from, details: { effect: lost.effectId } },
  ]);
});

it("[OB-4] [TX-13] the dead letters of all partitions are listed for the tenant", async () => {
  const from = fresh("node");
  await submit(from, "d-1", "tell", {
    tell: [{ to: "nowhere", token: "lost", answered: false, hops: 0 }],
    post: [],
    buy: [],
    end: [],
  });
  const found = async () => {
    // A partition reports when something enters it, at most once in ten seconds.
    await ask(`${from}/usage`);
    const response = await SELF.fetch("http://127.0.0.1/v1/dead-letters?limit=1");
    expect(response.status).toBe(200);
    const { partitions } = (await response.json()) as { partitions: { partition: string }[] };
    return partitions.find(({ partition }) => partition === from);
  };
  const listed = await vi.waitUntil(found, { timeout: 40_000, interval: 500 });
  expect(listed).toMatchObject({ deadLetters: [{ destination: "nowhere", reason: "refused", code: "forbidden" }] });
  expect((await SELF.fetch("http://127.0.0.1/v1/dead-letters?after=none")).status).toBe(400);
});

it("[TX-12] a type that only effects may submit is refused to clients", async () => {
  const answer = await submit(fresh("node"), "d-1", "accepted", { effectId: "x", partition: "y", eventId: 1 });
  expect(answer).toMatchObject({ code: "forbidden" });
});

it("[TX-12] an effect for a queue arrives there, and what was sent before an eviction too", async () => {
  const partition = fresh("mail");
  const { event } = await submit(partition, "d-1", "send", { to: "a" });
  expect(event.type).toBe("send");
  await evictDurableObject(env.PARTITIONS.getByName(`default/${partition}`));
  await ask(`${partition}/usage`);
  await vi.waitFor(async () => expect(await rowsOf(partition)).toEqual([]), 20_000);
  const bodies = () => queued.filter((body) => body.partition === partition);
  await vi.waitFor(() => expect(bodies().length).toBeGreaterThan(0), 20_000);
  expect(bodies()[0]).toEqual({
    effectId: expect.stringMatching(/^[0-9a-f]{16}:1:0$/),
    tenant: "default",
    partition,
    timestamp: expect.any(Number),
    correlationId: expect.stringMatching(/^[0-9a-f]{16}:1$/),
    traceId: expect.stringMatching(/^[0-9a-f]{32}$/),
    payload: { to: "a" },
  });
});

it("[TX-12] [AU-11] a webhook goes to the endpoints that want its type", async () => {
  const received: { id: string; body: { type: string; data: Record<string, string> } }[] = [];
  vi.stubGlobal("fetch", async (_: string, { headers, body }: { headers: HeadersInit; body: string }) => {
    const message = JSON.parse(body) as (typeof received)[number]["body"];
    if (message.type === "partita.challenge") return Response.json({ challenge: message.data["challenge"] });
    received.push({ id: new Headers(headers).get("webhook-id")!, body: message });
    return new Response("ok");
  });
  for (const [id, type] of [
    [fresh("ep"), "mail.announced"],
    [fresh("ep"), "something.else"],
  ]) {
    const endpoint = `http://127.0.0.1/v1/endpoints/${id}`;
    const settings = JSON.stringify({ url: "http://127.0.0.1:9/hooks", types: [type] });
    expect((await SELF.fetch(endpoint, { method: "PUT", body: settings })).status).toBe(201);
    expect((await SELF.fetch(`${endpoint}/activate`, { method: "POST" })).status).toBe(200);
  }
  const partition = fresh("mail");
  await submit(partition, "d-1", "announce", { to: "all" });
  await vi.waitFor(() => expect(received).toHaveLength(1), 20_000);
  expect(received[0]).toMatchObject({
    id: expect.stringMatching(/^[0-9a-f]{16}:1:0$/),
    body: { type: "mail.announced", data: { to: "all" } },
  });
  await vi.waitFor(async () => expect(await rowsOf(partition)).toEqual([]), 20_000);
});

const trace = "4bf92f3577b34da6a3ce929d0e0e4736";
const traceparent = `00-${trace}-00f067aa0ba902b7-01`;
const traceOf = async (partition: string) => {
  const sent = () => queued.find((body) => body.partition === partition);
  await vi.waitFor(() => expect(sent()).toBeDefined(), 20_000);
  return sent()!.traceId;
};

it("[OB-1] [ER-8] the trace of a request goes on with its effects", async () => {
  const partition = fresh("mail");
  await SELF.fetch(`http://127.0.0.1/v1/partitions/${partition}/events`, {
    method: "POST",
    headers: { "idempotency-key": "d-1", traceparent },
    body: JSON.stringify({ type: "send", payload: { to: "a" } }),
  });
  expect(await traceOf(partition)).toBe(trace);
});

it("[OB-1] [ER-8] the trace of a socket survives hibernation; one without a trace gets that of its event", async () => {
  const [traced, plain] = [fresh("mail"), fresh("mail")];
  for (const [partition, headers] of [
    [traced, { traceparent }],
    [plain, {}],
  ] as const) {
    const wire = await Wire.open(partition, headers);
    await wire.ask("connect", { clientId: "a", version: "0.0.8" });
    await evictDurableObject(env.PARTITIONS.getByName(`default/${partition}`), { webSockets: "hibernate" });
    await wire.submit("d-1", "send", { to: "a" });
  }
  expect(await traceOf(traced)).toBe(trace);
  expect(await traceOf(plain)).toMatch(/^[0-9a-f]{16}0000000000000001$/);
});
