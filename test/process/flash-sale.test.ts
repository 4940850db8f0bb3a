// A hundred tickets and many more buyers: `npm run flash-sale` has 10,000.
import { fileURLToPath } from "node:url";
import { afterAll, beforeAll, expect, test } from "vitest";
import { Random } from "../simulation/random.ts";
import { samplesIn } from "../support/alerts.ts";
import { Issuer } from "../support/issuer.ts";
import { readLog } from "../support/log.ts";
import { TestServer } from "../support/server.ts";
import { type Buyer, HttpBuyer, HttpLine, SocketBuyer, type Verdict } from "../support/shop/buyers.ts";

const tickets = 100;
const buyers = Number(process.env["PARTITA_BUYERS"] ?? 2_000);
/** Of all buyers; the others send a request each. */
const onSockets = buyers / 10;
/** Sockets that are opened at once. */
const openedAtOnce = 100;
/** Requests that share a connection. */
const lineMax = 3;

const seed = Number(process.env["PARTITA_SEED"] ?? Math.floor(Math.random() * 2 ** 31));
const random = new Random(seed);
let issuer: Issuer;
let server: TestServer;
let seller: string;
let scraper: string;
const tokens: string[] = [];

beforeAll(async () => {
  console.log(`PARTITA_SEED=${seed}`);
  issuer = await Issuer.with("a");
  const main = fileURLToPath(new URL("../support/shop/worker.ts", import.meta.url));
  server = new TestServer({ settings: issuer.settings, main });
  await server.start();
  seller = await issuer.token("a", { sub: "seller" });
  scraper = await issuer.token("a", { sub: "scraper", permissions: ["admin:metrics"] });
  const permissions = ["read", "submit:reserve"];
  for (let at = 0; at < buyers; at++) tokens.push(await issuer.token("a", { sub: `buyer-${at}`, permissions }));
});
afterAll(async () => {
  await server.stop();
  await issuer.close();
});

/** Puts the tickets on sale, one for each buyer. */
async function putOnSale(partition: string): Promise<void> {
  const restock = { type: "restock", payload: { item: "ticket", location: "hall", quantity: tickets } };
  for (const [key, event] of Object.entries({
    restock,
    limit: { type: "limit", payload: { item: "ticket", perHolder: 1 } },
  })) {
    const response = await fetch(new URL(`v1/partitions/${partition}/events`, server.url), {
      method: "POST",
      headers: { authorization: `Bearer ${seller}`, "idempotency-key": key },
      body: JSON.stringify(event),
    });
    expect(response.status).toBe(201);
  }
}

/** Buyers on sockets that are connected, and buyers whose requests are ready to be sent. */
async function open(partition: string) {
  const all: Buyer[] = tokens.map((token, at) => {
    const key = `hold-${at}`;
    const lines = [{ item: "ticket", location: "hall", quantity: 1 }];
    return { key, token, draft: { type: "reserve", payload: { hold: key, lines } } };
  });
  const sockets = all.slice(0, onSockets).map((buyer) => new SocketBuyer(buyer, server.url, partition));
  for (let at = 0; at < sockets.length; at += openedAtOnce) {
    await Promise.all(sockets.slice(at, at + openedAtOnce).map((socket) => socket.open()));
  }
  const lines = Array.from({ length: Math.ceil((buyers - onSockets) / lineMax) }, () => new HttpLine(server.url));
  const requests = all
    .slice(onSockets)
    .map((buyer, at) => new HttpBuyer(buyer, server.url, partition, lines[at % lines.length]!));
  return { sockets, lines, buyers: [...sockets, ...requests] };
}

/** Waits for all verdicts; prints how long they took, in milliseconds after all drafts were sent. */
async function verdictsOf(what: string, asked: readonly Promise<Verdict>[]): Promise<Verdict[]> {
  const since = performance.now();
  const times: number[] = [];
  const verdicts = await Promise.all(
    asked.map(async (asking) => {
      const verdict = await asking;
      times.push(performance.now() - since);
      return verdict;
    }),
  );
  const [p50, p90, p99, last] = [0.5, 0.9, 0.99, 1].map((share) => times[Math.ceil(share * times.length) - 1]!);
  console.log(
    `${what}: ${times.length} verdicts in ${last!.toFixed()} ms; p50 ${p50!.toFixed()}, p90 ${p90!.toFixed()}, p99 ${p99!.toFixed()} ms`,
  );
  return verdicts;
}

/** What `/metrics` says of the tenant: all events and rejections so far. */
async function totals(): Promise<{ events: number; rejections: number }> {
  const response = await fetch(new URL("metrics", server.url), { headers: { authorization: `Bearer ${scraper}` } });
  expect(response.status).toBe(200);
  const samples = samplesIn(await response.text());
  const sum = (name: string) =>
    [...samples].reduce((all, [series, value]) => (series.startsWith(`${name}{`) ? all + value : all), 0);
  return { events: sum("partita_events_total"), rejections: sum("partita_rejections_total") };
}

/** Scrapes until `over`, as often as it is answered. Returns what it has seen, in order. */
async function scrapeUntil(over: Promise<unknown>): Promise<{ events: number; rejections: number }[]> {
  const seen: { events: number; rejections: number }[] = [];
  const sale = { over: false };
  void over.finally(() => (sale.over = true));
  while (!sale.over) seen.push(await totals());
  return seen;
}

/** Judges the verdicts by the log that is on the disk after a crash. */
async function judge(partition: string, verdicts: readonly Verdict[]): Promise<void> {
  await server.restart();
  const log = (await readLog(server.url, partition, seller)).filter(({ event }) => event.type === "reserve");
  expect(log).toHaveLength(tickets);
  const holds = new Map(log.map(({ eventId, event }) => [eventId, (event.payload as { hold: string }).hold]));
  expect(new Set(holds.values()).size).toBe(tickets);
  let sold = 0;
  for (const [at, { accepted, eventId, reasons }] of verdicts.entries()) {
    if (accepted) {
      sold++;
      expect(holds.get(eventId!)).toBe(`hold-${at}`);
    } else expect(reasons).toEqual(["INSUFFICIENT_STOCK"]);
  }
  expect(sold).toBe(tickets);
}

test(`[TX-11] [ID-1] [OB-2] ${buyers} principals reserve the last ${tickets} units at once: exactly ${tickets} get one, the metrics count what the log has, and it has them after a kill`, async () => {
  await putOnSale("sale");
  const { sockets, lines, buyers: all } = await open("sale");
  // Nothing is read before everything is sent.
  await Promise.all([...sockets, ...lines].map((each) => each.send()));
  for (const line of lines) line.read();
  const deciding = verdictsOf(
    "flash sale",
    all.map((buyer) => buyer.verdict()),
  );
  const seen = await scrapeUntil(deciding);
  const verdicts = await deciding;
  const log = await readLog(server.url, "sale", seller);
  // A partition reports every ten seconds while it is used: to read it is enough.
  const reported = async () => {
    await fetch(new URL("v1/partitions/sale/usage", server.url), { headers: { authorization: `Bearer ${seller}` } });
    return await totals();
  };
  const counted = { events: log.length, rejections: verdicts.filter(({ accepted }) => !accepted).length };
  await expect.poll(reported, { timeout: 60_000, interval: 500 }).toEqual(counted);
  expect(counted.rejections).toBe(buyers - tickets);
  for (const [at, { events, rejections }] of [...seen, counted].entries()) {
    const before = seen[at - 1] ?? { events: 0, rejections: 0 };
    expect(events).toBeGreaterThanOrEqual(before.events);
    expect(rejections).toBeGreaterThanOrEqual(before.rejections);
  }
  console.log(`${seen.length} scrapes of /metrics during the sale; in the end ${JSON.stringify(counted)}`);
  await judge("sale", verdicts);
});

test(`[TX-11] [ID-1] [ID-3] the same where buyers leave, come back, and send twice`, async () => {
  await putOnSale("rush");
  const { sockets, lines, buyers: all } = await open("rush");
  await Promise.all(
    [...sockets, ...lines].map(async (each) => {
      const sent = each.send();
      // Before all is sent, or before the answer is read.
      if (random.chance(0.1)) each.leave();
      await sent;
      if (random.chance(0.1)) each.leave();
    }),
  );
  for (const line of lines) line.read();
  const verdicts = await verdictsOf(
    "with retries",
    all.map(async (buyer) => {
      const first = await buyer.verdict();
      if (random.chance(0.2)) expect(await buyer.again()).toEqual(first);
      return first;
    }),
  );
  await judge("rush", verdicts);
});
