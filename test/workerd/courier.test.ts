import { env, evictDurableObject, runDurableObjectAlarm, runInDurableObject, SELF } from "cloudflare:test";
import { Webhook } from "standardwebhooks";
import { afterEach, describe, expect, it, vi } from "vitest";
import { Courier } from "../../src/courier/courier.ts";
import type { CourierRow } from "../../src/platform/courier-api.ts";
import { migrations } from "../../src/storage/courier/migrations.ts";
import { CourierStorage } from "../../src/storage/courier/storage.ts";
import { DurableSqlDriver } from "../../src/storage/durable.ts";
import { fresh } from "./wire.ts";

const address = "http://127.0.0.1:9/hooks";
const base = "http://127.0.0.1/v1/endpoints";

interface Received {
  id: string;
  signatures: string[];
  body: string;
  headers: Headers;
}
type Answer = (received: Received) => Response | Promise<Response>;

/** A receiver outside, in place of the network. */
class Receiver {
  readonly received: Received[] = [];
  answer: Answer = () => new Response(null, { status: 204 });

  constructor() {
    vi.stubGlobal("fetch", async (_: string, { headers, body }: { headers: Record<string, string>; body: string }) => {
      const given = new Headers(headers);
      const received = {
        id: given.get("webhook-id")!,
        signatures: given.get("webhook-signature")!.split(" "),
        body,
        headers: given,
      };
      this.received.push(received);
      return await this.answer(received);
    });
  }

  get ids(): string[] {
    return this.received.map(({ id }) => id);
  }
}

afterEach(() => vi.unstubAllGlobals());

const ask = (path: string, method = "GET", body?: unknown) =>
  SELF.fetch(`${base}${path}`, { method, ...(body === undefined ? {} : { body: JSON.stringify(body) }) });
// Answers of every shape
const json = async (response: Response): Promise<any> => await response.json();
const courierOf = (id: string) => env.COURIERS.getByName(`default/${id}`);
const accept = (id: string, rows: readonly CourierRow[]) => courierOf(id).acceptWith({ version: 1, rows });
const row = (n: number, more: Partial<CourierRow> = {}): CourierRow => ({
  effectId: `aa:${n}:0`,
  type: "order.paid",
  payload: `{"n":${n}}`,
  timestamp: 1_700_000_000_000,
  partition: "room",
  correlationId: "c-1",
  ...more,
});
const echo: Answer = ({ body }) => {
  const { type, data } = JSON.parse(body) as { type: string; data: { challenge?: string } };
  return type === "partita.challenge" ? Response.json({ challenge: data.challenge }) : new Response("ok");
};

/** An active endpoint, its secret and its receiver. */
async function active(settings: object = {}) {
  const receiver = new Receiver();
  receiver.answer = echo;
  const id = fresh("ep");
  const { secret } = await json(await ask(`/${id}`, "PUT", { url: address, ...settings }));
  expect((await ask(`/${id}/activate`, "POST")).status).toBe(200);
  receiver.received.length = 0;
  return { id, secret: secret as string, receiver };
}

it("[OB-1] [ER-8] a message belongs to the trace that caused it, and each attempt is a span of its own", async () => {
  const { id, receiver } = await active();
  let failures = 1;
  receiver.answer = () => new Response(null, { status: failures-- > 0 ? 503 : 204 });
  const traceId = "4bf92f3577b34da6a3ce929d0e0e4736";
  await accept(id, [row(1, { traceId }), row(2)]);
  await vi.waitFor(() => expect(receiver.received).toHaveLength(3), 20_000);
  const parentsOf = (effectId: string) =>
    receiver.received.filter((got) => got.id === effectId).map(({ headers }) => headers.get("traceparent"));
  const [one = [], other = []] = [parentsOf("aa:1:0"), parentsOf("aa:2:0")];
  // A row of a partition of the version before has no trace.
  expect(other.every((parent) => parent === null)).toBe(true);
  expect(one.every((parent) => /^00-4bf92f3577b34da6a3ce929d0e0e4736-[0-9a-f]{16}-01$/.test(parent!))).toBe(true);
  expect(new Set(one).size).toBe(one.length);
});

describe("an endpoint", () => {
  it("[AU-11] has a secret that is shown once, and gets messages only after it has answered a signed challenge", async () => {
    const receiver = new Receiver();
    const id = fresh("ep");
    const created = await ask(`/${id}`, "PUT", { url: address, types: ["order.paid"] });
    expect([created.status, created.headers.get("cache-control")]).toEqual([201, "no-store"]);
    const { secret, endpoint } = await json(created);
    expect(secret).toMatch(/^whsec_.{44}$/);
    expect(endpoint).toMatchObject({ id, url: address, types: ["order.paid"], state: "pending", secrets: [{}] });
    const again = await ask(`/${id}`, "PUT", { url: address, types: ["order.paid"] });
    expect([again.status, await again.text()]).toEqual([200, expect.not.stringContaining("whsec")]);
    for (const path of [`/${id}`, ""]) expect(await (await ask(path)).text()).not.toMatch(/whsec|sealed|ownHost/);

    for (const wrong of ["ok", "{}", '{"challenge":"x"}', "null", "x".repeat(70_000)]) {
      receiver.answer = () => new Response(wrong);
      expect(await json(await ask(`/${id}/activate`, "POST"))).toMatchObject({ code: "challenge_failed", status: 422 });
    }
    receiver.answer = () => Response.redirect("https://example.com/", 302);
    expect((await json(await ask(`/${id}/activate`, "POST"))).code).toBe("challenge_failed");
    expect(await env.TENANTS.getByName("default").endpointRoutes()).not.toContainEqual(expect.objectContaining({ id }));

    receiver.answer = echo;
    expect((await json(await ask(`/${id}/activate`, "POST"))).endpoint.state).toBe("active");
    expect(await env.TENANTS.getByName("default").endpointRoutes()).toContainEqual({ id, types: ["order.paid"] });
    const challenge = receiver.received.at(-1)!;
    new Webhook(secret).verify(challenge.body, Object.fromEntries(challenge.headers));
    // Another address has to answer again.
    const moved = await json(await ask(`/${id}`, "PUT", { url: `${address}/2` }));
    expect(moved.endpoint.state).toBe("pending");
  });

  it.each([
    "https://127.0.0.2/",
    "https://[::ffff:10.0.0.1]/",
    "https://0x7f.1.2.3/",
    "https://metadata.google.internal/",
    "https://user@example.com/",
    "https://example.com:8443/",
    "ftp://example.com/",
  ])("[AU-11] cannot have the address %s", async (url) => {
    const refused = await ask(`/${fresh("ep")}`, "PUT", { url });
    expect(await json(refused)).toMatchObject({ code: "address_refused", status: 422, errors: [{ field: "url" }] });
  });

  it("[AU-11] signs with both secrets after a rotation", async () => {
    const { id, secret, receiver } = await active();
    const rotated = await json(await ask(`/${id}/rotate`, "POST"));
    expect(rotated.secret).not.toBe(secret);
    expect(await json(await ask(`/${id}/test`, "POST"))).toEqual({ delivered: true, status: 200 });
    const [{ body, headers, signatures }] = receiver.received as [Received];
    expect(signatures).toHaveLength(2);
    for (const one of [secret, rotated.secret]) new Webhook(one).verify(body, Object.fromEntries(headers));
    expect((await json(await ask(`/${id}`))).endpoint.secrets).toEqual([{}, { until: rotated.previousUntil }]);
  });

  it("[ER-4] that does not exist is not found", async () => {
    const id = fresh("ep");
    for (const [path, method] of [
      ["", "GET"],
      ["/test", "POST"],
      ["/activate", "POST"],
      ["/rotate", "POST"],
      ["/dead-letters/aa:1:0", "GET"],
      ["/dead-letters/aa:1:0/replay", "POST"],
    ] as const) {
      expect((await json(await ask(`/${id}${path}`, method))).code).toBe("not_found");
    }
    expect((await ask(`/${id}`, "DELETE")).status).toBe(204);
    expect((await json(await ask("/UPPER", "PUT", { url: address }))).code).toBe("not_found");
  });
});

describe("the rows that a courier writes, as the platform counts them", () => {
  it("[TX-12] are few for each message, and one for each batch that is handed over", async () => {
    const measured = await runInDurableObject(env.PARTITIONS.getByName("courier/rows"), (_, { storage }) => {
      const driver = new DurableSqlDriver(storage);
      const courier = new Courier(new CourierStorage(driver, migrations), 0);
      courier.accept([row(0)], 0);
      const counted = (body: () => void) => {
        const before = driver.rowsWritten;
        body();
        return driver.rowsWritten - before;
      };
      const rows = (ordered: boolean) =>
        Array.from({ length: 50 }, (_, at) => row(at + 1, { ordered, partition: ordered ? "hall" : "room" }));
      const deliver = (one: CourierRow) => courier.settle(one.effectId, { kind: "delivered", status: 204 }, 0, 0);
      const batch = rows(false);
      const accepted = counted(() => courier.accept(batch, 0));
      const failed = counted(() => courier.settle("aa:1:0", { kind: "failed", reason: "no", final: false }, 0, 0));
      deliver(batch[0]!);
      const delivered = counted(() => batch.slice(1).forEach(deliver));
      const ordered = rows(true);
      const inOrder = counted(() => {
        courier.accept(ordered, 0);
        for (const one of ordered) deliver(one);
      });
      return { accepted, failed, delivered: delivered / 49, inOrder: inOrder / 50 };
    });
    console.log("rows written by a courier", measured);
    // A row and the entry of when it is due, and one row for the batch; a DELETE is one. In order: the entry of its place, too.
    expect(measured).toEqual({ accepted: 2 * 50 + 1, failed: 2, delivered: 1, inOrder: 5 });
  });
});

describe("the courier of an endpoint", () => {
  it("[TX-12] [AU-11] sends what it is handed, signed, each once, with the stored bytes", async () => {
    const { id, secret, receiver } = await active();
    await accept(id, [row(1), row(2, { payload: '{"text":"Größe 😀","b":1,"a":2}' })]);
    await accept(id, [row(1), row(2)]);
    await vi.waitFor(() => expect(receiver.ids).toEqual(["aa:1:0", "aa:2:0"]));
    const [first, second] = receiver.received as [Received, Received];
    expect(first.body).toBe(
      '{"type":"order.paid","timestamp":"2023-11-14T22:13:20.000Z","partition":"room","correlationId":"c-1","data":{"n":1}}',
    );
    expect(second.body).toContain('"data":{"text":"Größe 😀","b":1,"a":2}}');
    for (const { body, headers } of receiver.received) new Webhook(secret).verify(body, Object.fromEntries(headers));
    await vi.waitFor(async () => expect((await json(await ask(`/${id}`))).deliveries.waiting).toBe(0));
    await accept(id, [row(2)]);
    expect((await json(await ask(`/${id}`))).deliveries.waiting).toBe(0);
    expect(receiver.ids).toHaveLength(2);
  });

  it("[TX-12] [LC-1] goes on after an eviction: what has failed is sent again by the alarm", async () => {
    const { id, receiver } = await active();
    receiver.answer = () => new Response(null, { status: 503, headers: { "retry-after": "1" } });
    await accept(id, [row(1)]);
    await vi.waitFor(async () => expect((await json(await ask(`/${id}`))).deliveries.breaker).toBe("open"));
    await evictDurableObject(courierOf(id));
    expect(await courierOf(id).statusWith()).toMatchObject({ waiting: 1, breaker: "open" });
    receiver.answer = echo;
    await vi.waitFor(
      async () => {
        await runDurableObjectAlarm(courierOf(id));
        expect(receiver.ids).toEqual(["aa:1:0", "aa:1:0"]);
      },
      { timeout: 20_000, interval: 100 },
    );
    await vi.waitFor(async () => expect((await json(await ask(`/${id}`))).deliveries.waiting).toBe(0));
  });

  it("[TX-13] keeps what is refused for good as a dead letter: listed, read, replayed under the same id, discarded", async () => {
    const { id, receiver } = await active();
    receiver.answer = () => new Response("a secret of the receiver", { status: 400 });
    await accept(id, [row(1), row(2), row(3)]);
    await vi.waitFor(async () => expect((await json(await ask(`/${id}`))).deliveries.deadLetters).toBe(3));
    const page = await json(await ask(`/${id}/dead-letters?limit=2`));
    expect(page).toMatchObject({ next: 2, deadLetters: [{ effectId: "aa:1:0", status: 400 }, { effectId: "aa:2:0" }] });
    expect(JSON.stringify(page)).not.toContain("a secret");
    const last = await json(await ask(`/${id}/dead-letters?after=${page.next}`));
    expect(last.deadLetters).toHaveLength(1);
    expect(last.next).toBeUndefined();
    expect(await json(await ask(`/${id}/dead-letters/aa:1:0`))).toMatchObject({
      effectId: "aa:1:0",
      partition: "room",
      attempts: 1,
      correlationId: "c-1",
      payload: { n: 1 },
    });
    receiver.answer = echo;
    receiver.received.length = 0;
    expect(await json(await ask(`/${id}/dead-letters/aa:1:0/replay`, "POST"))).toEqual({ replayed: 1 });
    await vi.waitFor(() => expect(receiver.ids).toEqual(["aa:1:0"]));
    expect((await ask(`/${id}/dead-letters/aa:2:0`, "DELETE")).status).toBe(204);
    expect((await ask(`/${id}/dead-letters/aa:2:0`, "DELETE")).status).toBe(204);
    expect(await json(await ask(`/${id}/dead-letters/replay`, "POST"))).toEqual({ replayed: 1 });
    await vi.waitFor(() => expect(receiver.ids).toEqual(["aa:1:0", "aa:3:0"]));
    await vi.waitFor(async () =>
      expect((await json(await ask(`/${id}`))).deliveries).toMatchObject({ waiting: 0, deadLetters: 0, bytes: 0 }),
    );
  });

  it("[LC-9] stops after five failures, and goes on when the endpoint answers", async () => {
    const { id, receiver } = await active();
    receiver.answer = () => new Response(null, { status: 500 });
    await accept(
      id,
      Array.from({ length: 20 }, (_, at) => row(at + 1)),
    );
    const breaker = async () => (await json(await ask(`/${id}`))).deliveries;
    await vi.waitFor(async () => expect(await breaker()).toMatchObject({ failingSince: expect.any(Number) }));
    receiver.answer = echo;
    await vi.waitFor(
      async () => {
        await runDurableObjectAlarm(courierOf(id));
        expect(await breaker()).toEqual({ waiting: 0, deadLetters: 0, bytes: 0, breaker: "closed" });
      },
      { timeout: 30_000, interval: 100 },
    );
    // While it was open, it was asked by one message at a time.
    expect(receiver.received.length).toBeLessThan(60);
  });

  it("[LC-11] waits while the endpoint is paused, disables one that is gone, and forgets one that was removed", async () => {
    const { id, receiver } = await active();
    await ask(`/${id}`, "PUT", { url: address, paused: true });
    await vi.waitFor(async () => expect((await json(await ask(`/${id}`))).endpoint.paused).toBe(true));
    await courierOf(id).changedWith();
    await accept(id, [row(1)]);
    await runDurableObjectAlarm(courierOf(id));
    expect(receiver.ids).toEqual([]);
    await ask(`/${id}`, "PUT", { url: address });
    await vi.waitFor(() => expect(receiver.ids).toEqual(["aa:1:0"]));

    receiver.answer = () => new Response(null, { status: 410 });
    await accept(id, [row(2)]);
    await vi.waitFor(async () => expect((await json(await ask(`/${id}`))).endpoint.state).toBe("disabled"));
    receiver.answer = echo;
    expect((await ask(`/${id}/activate`, "POST")).status).toBe(200);
    await ask(`/${id}/dead-letters/aa:2:0/replay`, "POST");
    await vi.waitFor(() => expect(receiver.ids.filter((one) => one === "aa:2:0")).toHaveLength(2));

    await ask(`/${id}`, "PUT", { url: address, paused: true });
    await courierOf(id).changedWith();
    await accept(id, [row(3)]);
    expect((await courierOf(id).statusWith()).waiting).toBe(1);
    await ask(`/${id}`, "DELETE");
    await vi.waitFor(async () => expect((await courierOf(id).statusWith()).waiting).toBe(0));
    expect((await json(await ask(`/${id}`))).code).toBe("not_found");
    expect(receiver.ids).not.toContain("aa:3:0");
  });

  it("[LC-1] with a storage that cannot be opened, its alarm is not lost", async () => {
    const { id } = await active();
    await ask(`/${id}`, "PUT", { url: address, paused: true });
    await accept(id, [row(1)]);
    const storageOf = (run: (storage: DurableObjectStorage) => unknown) =>
      runInDurableObject(courierOf(id), (_, { storage }) => run(storage));
    await storageOf(({ sql }) =>
      sql.exec("INSERT INTO schema_migrations (number, sha256, applied_at) VALUES (99, x'00', 0)"),
    );
    await evictDurableObject(courierOf(id));
    await storageOf((storage) => storage.setAlarm(Date.now() + 3_600_000));
    await runDurableObjectAlarm(courierOf(id));
    expect(await storageOf((storage) => storage.getAlarm())).toEqual(expect.any(Number));
    await storageOf(({ sql }) => sql.exec("DELETE FROM schema_migrations WHERE number = 99"));
    await evictDurableObject(courierOf(id));
    expect((await courierOf(id).statusWith()).waiting).toBe(1);
  });

  it("[LC-11] waits while the tenant has stopped its effects", async () => {
    const { id, receiver } = await active();
    const limit = (body: object) =>
      SELF.fetch("http://127.0.0.1/v1/limits", { method: "PUT", body: JSON.stringify(body) });
    await limit({ effects: "paused" });
    await courierOf(id).changedWith();
    await accept(id, [row(1)]);
    await runDurableObjectAlarm(courierOf(id));
    expect(receiver.ids).toEqual([]);
    expect((await json(await ask(`/${id}`))).endpoint).toMatchObject({ state: "active", paused: false });
    await limit({});
    await courierOf(id).changedWith();
    await vi.waitFor(() => expect(receiver.ids).toEqual(["aa:1:0"]));
  });

  it("[AU-11] [AU-12] writes no secret into a log line, encrypted or not, and stores it encrypted", async () => {
    const lines: string[] = [];
    for (const level of ["info", "warn", "error"] as const) {
      vi.spyOn(console, level).mockImplementation((line: string) => void lines.push(line));
    }
    const { id, secret, receiver } = await active();
    receiver.answer = () => new Response("the answer of the receiver", { status: 500 });
    await accept(id, [row(1)]);
    await vi.waitFor(() => expect(lines.join("\n")).toContain("a delivery failed"));
    const stored = JSON.stringify(await env.TENANTS.getByName("default").endpointWith({ version: 1, id }));
    vi.restoreAllMocks();
    const bare = secret.slice("whsec_".length);
    for (const text of [stored, lines.join("\n")]) {
      expect(text).not.toContain(bare);
      expect(text).not.toContain("the answer of the receiver");
    }
    const [{ sealed }] = (JSON.parse(stored) as { secrets: [{ sealed: string }] }).secrets;
    expect(lines.join("\n")).not.toContain(sealed);
  });
});
