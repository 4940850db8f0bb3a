import { env, evictDurableObject, SELF } from "cloudflare:test";
import { expect, it, vi } from "vitest";
import { fresh } from "./wire.ts";

const submit = (partition: string, key: string, payload: object) =>
  SELF.fetch(`http://127.0.0.1/v1/partitions/${partition}/events`, {
    method: "POST",
    headers: { "idempotency-key": key },
    body: JSON.stringify({ type: "set", payload }),
  });

it("[OB-2] [OB-3] /metrics shows what partitions have counted", async () => {
  const partition = fresh("metrics");
  expect((await submit(partition, "a", { target: "t", value: {} })).status).toBe(201);
  const scrape = async () => {
    const answer = await SELF.fetch("http://127.0.0.1/metrics");
    expect(answer.headers.get("content-type")).toBe("text/plain; version=0.0.4; charset=utf-8");
    return await answer.text();
  };
  await vi.waitFor(async () => {
    const text = await scrape();
    expect(text).toContain('partita_events_total{tenant="default"} 1\n');
    expect(text).toContain(`partita_partition_events_per_second{tenant="default",partition="${partition}"}`);
    expect(text).toMatch(/partita_rows_written_total\{tenant="default"\} [1-9]/);
  }, 10_000);
});

it("[OB-2] /costs shows what a partition has used of what the platform bills, after its object and the tenant's ended too", async () => {
  const partition = fresh("costs");
  for (const key of ["a", "b", "c"])
    expect((await submit(partition, key, { target: key, value: {} })).status).toBe(201);
  const costs = async () => {
    const answer = await SELF.fetch(`http://127.0.0.1/v1/partitions/${partition}/costs`);
    return ((await answer.json()) as { costs: Record<string, number>[] }).costs;
  };
  await vi.waitFor(async () => {
    const [today] = await costs();
    expect(today).toMatchObject({ requests: expect.any(Number) as number });
    expect(today!["rowsWritten"]).toBeGreaterThan(0);
    expect(today!["rowsRead"]).toBeGreaterThan(0);
    expect(today!["storedBytes"]).toBeGreaterThan(4_096);
  }, 10_000);
  const before = await costs();
  for (const shard of [0, 1, 2, 3]) await evictDurableObject(env.METRICS.getByName(`default/${shard}`));
  expect(await costs()).toEqual(before);
});
