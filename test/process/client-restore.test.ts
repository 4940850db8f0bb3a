import { cpSync, rmSync } from "node:fs";
import { join } from "node:path";
import { afterAll, beforeAll, expect, test } from "vitest";
import { sqliteStore } from "../../src/client/stores/sqlite.ts";
import { insiemeClient, until } from "../support/client-load.ts";
import { Events } from "../support/events.ts";
import { readDraftIds, readLog, readState } from "../support/log.ts";
import { temporaryFolder, TestServer } from "../support/server.ts";

const partition = "restored";
const folder = temporaryFolder("partita-restore-");
const data = join(folder, "data");
const copy = join(folder, "copy");
const server = new TestServer({ folder: data });

beforeAll(() => server.start());
afterAll(async () => {
  await server.stop();
  rmSync(folder, { recursive: true, force: true });
});

const path = (query: string) => new URL(`v1/partitions/${partition}/${query}`, server.url);
const post = async (value: string, key: string) => {
  const response = await fetch(path("events"), {
    method: "POST",
    headers: { "idempotency-key": key, "partita-client-id": "others" },
    body: JSON.stringify({ type: "set", payload: { target: "title", value } }),
  });
  return ((await response.json()) as { eventId: number }).eventId;
};
const reset = (client: ReturnType<typeof insiemeClient>) =>
  new Promise<string>((resolve) => client.on("reset", ({ why }) => resolve(why)));

test("[BD-8] [WP-11] [CL-7] [ID-14] data that is copied back, when the log has grown past a client's cursor: it shows the server's state, and each draft is decided once", async () => {
  const { url } = server;
  for (let at = 1; at <= 5; at++) await post(`old ${at}`, `old-${at}`);
  await server.kill();
  cpSync(data, copy, { recursive: true });
  await server.start();

  const live = insiemeClient({ url: url.href, partition, clientId: "live", random: Math.random });
  const store = sqliteStore(join(folder, "queue.sqlite"));
  const saved = insiemeClient({ url: url.href, partition, clientId: "saved", random: Math.random, store });
  await until(live, () => live.status.status === "online");
  await until(saved, () => saved.status.status === "online");
  expect(await live.submit("set", { target: "lost", value: 1 })).toMatchObject({ eventId: 6 });
  expect(await post("lost", "lost")).toBe(7);
  for (const client of [live, saved]) await until(client, () => client.eventId === 7);
  const stream = new Events(await fetch(path("events/stream?since=6&proofs=true"))).flow();
  const { id: lastEventId } = (await stream.first((received) => received.find(({ data }) => data.includes("lost"))))!;
  const stateTag = (await fetch(path("state"))).headers.get("etag")!;
  const pastTag = (await fetch(path("state?at=5"))).headers.get("etag")!;
  // The base is saved after some seconds.
  await new Promise((resolve) => setTimeout(resolve, 6_000));
  await saved.close();
  live.pause();
  const waiting = live.submit("set", { target: "waiting", value: 1 });

  await server.kill();
  rmSync(data, { recursive: true });
  cpSync(copy, data, { recursive: true });
  await server.start();
  for (let at = 6; at <= 8; at++) expect(await post(`new ${at}`, `new-${at}`)).toBe(at);

  const replaced = reset(live);
  live.resume();
  expect(await replaced).toBe("log_replaced");
  expect(await waiting).toMatchObject({ status: "accepted", eventId: 9 });
  const again = insiemeClient({ url: url.href, partition, clientId: "saved", random: Math.random, store });
  expect(await reset(again)).toBe("log_replaced");
  await until(again, () => again.status.status === "online" && again.eventId === 9);
  const { state } = await readState(url, partition);
  expect(state).toEqual({ title: "new 8", waiting: 1 });
  for (const client of [live, again]) {
    expect(client.state).toEqual(state);
    expect(await client.verify()).toBe(true);
  }
  expect(await readLog(url, partition)).toHaveLength(9);
  expect([...(await readDraftIds(url, partition, "live")).keys()]).toEqual([9]);

  // Readers of streams and pages see it, too.
  const resumed = await fetch(path("events/stream"), { headers: { "last-event-id": lastEventId! } });
  expect(await resumed.json()).toMatchObject({ code: "log_replaced", status: 409 });
  const proof = lastEventId!.slice("7.".length);
  expect((await fetch(path(`events?since=7&proof=${proof}`))).status).toBe(409);
  expect((await fetch(path("state?at=7"), { headers: { "if-none-match": stateTag } })).status).toBe(200);
  expect((await fetch(path("state?at=5"), { headers: { "if-none-match": pastTag } })).status).toBe(304);
  for (const client of [live, again]) await client.close();
});
