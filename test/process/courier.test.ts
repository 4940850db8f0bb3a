import { fileURLToPath } from "node:url";
import { afterAll, afterEach, beforeAll, describe, expect, test, vi } from "vitest";
import type { CourierRow } from "../../src/platform/courier-api.ts";
import { TestReceiver } from "../support/courier/receiver.ts";
import { TestServer } from "../support/server.ts";

/** Loaded machines are slow; nothing depends on how long it takes. */
const patience = { timeout: 120_000, interval: 100 };

const server = new TestServer({
  main: fileURLToPath(new URL("../support/courier/worker.ts", import.meta.url)),
  settings: {
    PARTITA_IDENTITY: "open",
    PARTITA_WEBHOOK_LOOPBACK: "on",
    PARTITA_WEBHOOK_KEY: Buffer.alloc(32, 7).toString("base64"),
  },
});
const receivers: TestReceiver[] = [];

beforeAll(() => server.start());
afterEach(async () => {
  await Promise.all(receivers.splice(0).map((receiver) => receiver.stop()));
});
afterAll(() => server.stop());

// Answers of every shape
const ask = async (path: string, method = "GET", body?: unknown): Promise<any> => {
  const response = await fetch(new URL(path, server.url), {
    method,
    ...(body === undefined ? {} : { body: JSON.stringify(body) }),
  });
  const text = await response.text();
  return text === "" ? undefined : JSON.parse(text);
};
const handOver = (id: string, rows: readonly CourierRow[]) => ask(`/hand-over/${id}`, "POST", rows);
const row = (n: number, more: Partial<CourierRow> = {}): CourierRow => ({
  effectId: `aa:${n}:0`,
  type: "order.paid",
  payload: `{"n":${n}}`,
  timestamp: 1_700_000_000_000,
  partition: "room",
  ...more,
});
const rows = (count: number, more: Partial<CourierRow> = {}) =>
  Array.from({ length: count }, (_, at) => row(at + 1, more));
const ids = (some: readonly CourierRow[]) => some.map(({ effectId }) => effectId);

/** An active endpoint with a receiver. */
async function endpoint(id: string): Promise<TestReceiver> {
  const receiver = new TestReceiver();
  receivers.push(receiver);
  await receiver.start();
  receiver.secret = (await ask(`/v1/endpoints/${id}`, "PUT", { url: receiver.url })).secret;
  expect(await ask(`/v1/endpoints/${id}/activate`, "POST")).toMatchObject({ endpoint: { state: "active" } });
  return receiver;
}

describe("a receiver that does everything wrong", () => {
  test("[TX-12] [TX-13] [TX-15] [AU-11] gets each message, signed, once after deduplication, and in order where asked", async () => {
    const receiver = await endpoint("hell");
    let calls = 0;
    const attempts = new Map<string, number>();
    receiver.behave = (arrived, response, request) => {
      const attempt = (attempts.get(arrived.id) ?? 0) + 1;
      attempts.set(arrived.id, attempt);
      // A different fault each time, and the third attempt succeeds: the test must end.
      switch (attempt > 2 ? -1 : calls++ % 7) {
        case 0:
          response.writeHead(500).end("no");
          return;
        case 1:
          request.socket.destroy();
          return;
        case 2:
          // It has worked on it, and its answer is lost.
          receiver.take(arrived);
          request.socket.resetAndDestroy();
          return;
        case 3:
          response.writeHead(302, { location: `${receiver.url}/elsewhere` }).end();
          return;
        case 4:
          response.writeHead(503, { "retry-after": "1" }).end();
          return;
        case 5:
          // Two answers to one request.
          receiver.take(arrived);
          response.socket!.write("HTTP/1.1 204 No Content\r\n\r\nHTTP/1.1 500 Oops\r\ncontent-length: 0\r\n\r\n");
          response.socket!.end();
          return;
        default:
          receiver.take(arrived);
          response.writeHead(200).end("x".repeat(200_000));
      }
    };
    const handed = Array.from({ length: 12 }, (_, at) => row(at + 1, { ordered: at % 2 === 0 }));
    await handOver("hell", handed);
    await vi.waitFor(async () => {
      expect((await ask("/v1/endpoints/hell")).deliveries).toMatchObject({ waiting: 0, deadLetters: 0 });
    }, patience);
    expect([...receiver.effects].toSorted()).toEqual(ids(handed).toSorted());
    expect(receiver.arrived.length).toBeGreaterThan(handed.length);
    expect(receiver.unsigned).toEqual([]);
    const ordered = ids(handed.filter((one) => one.ordered));
    expect([...receiver.effects].filter((id) => ordered.includes(id))).toEqual(ordered);
  });

  test("[TX-12] [LC-1] gets again what was sent and not marked when the server was killed, and what came while it was away", async () => {
    const receiver = await endpoint("killed");
    let hangs = true;
    receiver.behave = (arrived, response) => {
      receiver.take(arrived);
      if (!hangs) response.writeHead(204).end();
    };
    await handOver("killed", rows(6));
    await vi.waitFor(() => expect(receiver.arrived.length).toBeGreaterThan(0), patience);
    await server.kill();
    const before = [...receiver.arrived];
    hangs = false;
    await receiver.stop();
    await server.start();
    await receiver.start();
    // The alarm survives the kill: nothing else calls the courier.
    await vi.waitFor(() => expect([...receiver.effects].toSorted()).toEqual(ids(rows(6))), patience);
    await vi.waitFor(async () => {
      expect((await ask("/v1/endpoints/killed")).deliveries.waiting).toBe(0);
    }, patience);
    for (const id of before) expect(receiver.arrived.filter((one) => one === id).length).toBeGreaterThan(1);
    expect(receiver.unsigned).toEqual([]);
  });

  test("[LC-9] [LC-11] delays no other endpoint, whether it hangs or is dead", async () => {
    const [hanging, dead, well] = [await endpoint("hanging"), await endpoint("dead"), await endpoint("well")];
    hanging.behave = () => undefined;
    well.behave = (arrived, response) => {
      well.take(arrived);
      response.writeHead(204).end();
    };
    await dead.stop();
    for (const id of ["hanging", "dead", "well"]) await handOver(id, rows(20));
    await vi.waitFor(() => expect([...well.effects].toSorted()).toEqual(ids(rows(20)).toSorted()), patience);
    // The others have not got rid of anything meanwhile.
    for (const id of ["hanging", "dead"]) expect((await ask(`/v1/endpoints/${id}`)).deliveries.waiting).toBe(20);
    await ask("/v1/endpoints/hanging", "DELETE");
    await ask("/v1/endpoints/dead", "DELETE");
  });
});

describe("the webhooks of a partition", () => {
  const pay = async (partition: string, n: number): Promise<number> => {
    const response = await fetch(new URL(`/v1/partitions/${partition}/events`, server.url), {
      method: "POST",
      headers: { "idempotency-key": `pay-${n}` },
      body: JSON.stringify({ type: "pay", payload: { n } }),
    });
    await response.text();
    return response.status;
  };
  const take = (receiver: TestReceiver) => {
    const data: number[] = [];
    receiver.behave = (arrived, response) => {
      if (!receiver.effects.has(arrived.id)) data.push(arrived.body.data.n);
      receiver.take(arrived);
      response.writeHead(204).end();
    };
    return data;
  };

  test("[TX-12] [AU-11] reach the endpoints whose filter has their type, in the order of the log", async () => {
    const [all, paid, sent] = [await endpoint("all"), await endpoint("paid"), await endpoint("sent")];
    await ask("/v1/endpoints/paid", "PUT", { url: paid.url, types: ["order.paid"] });
    await ask("/v1/endpoints/sent", "PUT", { url: sent.url, types: ["order.sent"] });
    const [allData, paidData] = [take(all), take(paid)];
    for (let n = 1; n <= 20; n++) expect(await pay("filtered", n)).toBe(201);
    const expected = Array.from({ length: 20 }, (_, at) => at + 1);
    await vi.waitFor(() => expect([allData, paidData]).toEqual([expected, expected]), patience);
    expect(sent.arrived).toEqual([]);
    for (const id of all.arrived) expect(id).toMatch(/^[0-9a-f]{16}:\d+:0$/);
    for (const id of ["all", "paid", "sent"]) await ask(`/v1/endpoints/${id}`, "DELETE");
  });

  test("[TX-12] [TX-13] [LC-1] arrive once after deduplication, in order, while the server is killed again and again, and no dead endpoint delays a commit", async () => {
    const [receiver, dead] = [await endpoint("survivor"), await endpoint("no-one")];
    const data = take(receiver);
    await dead.stop();
    const kills = 4;
    let n = 0;
    for (let round = 0; round < kills; round++) {
      const paying = (async () => {
        for (let count = 0; count < 15; count++) {
          const next = ++n;
          // Again until it has its verdict: the key is the same.
          while ((await pay("killed", next).catch(() => 0)) !== 201);
        }
      })();
      await vi.waitFor(() => expect(n).toBeGreaterThanOrEqual(round * 15 + 8), patience);
      await server.restart();
      await paying;
    }
    await vi.waitFor(() => expect(data).toEqual(Array.from({ length: kills * 15 }, (_, at) => at + 1)), patience);
    expect(receiver.unsigned).toEqual([]);
    expect((await ask("/v1/endpoints/no-one")).deliveries.waiting).toBe(kills * 15);
    await ask("/v1/endpoints/no-one", "DELETE");
  });
});
