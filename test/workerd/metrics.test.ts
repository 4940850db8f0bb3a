import { env, evictDurableObject, runDurableObjectAlarm, SELF } from "cloudflare:test";
import { afterEach, expect, it, vi } from "vitest";
import { metricsCalls } from "../../src/objects/metrics-calls.ts";
import type { MetricsReport } from "../../src/platform/metrics-api.ts";
import { fresh } from "./wire.ts";

afterEach(() => {
  vi.restoreAllMocks();
});

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

const day = "2026-11-30";
const used = {
  day,
  requests: 5,
  socketMessages: 0,
  rowsRead: 0,
  rowsWritten: 0,
  activeMs: 0,
  storedBytes: 0,
  events: 3,
};
const reportOf = (partition: string, seq: number): MetricsReport => ({
  partition,
  incarnation: "a".repeat(16),
  seq,
  counts: { events: 3 },
  gauges: [],
  periodMs: 10_000,
  log: { head: 3 * seq, quarantined: false },
  costs: [used],
});

it("[OB-2] a report that comes again counts once, also after the object that has counted it has ended", async () => {
  const stub = env.METRICS.getByName(fresh("tenant"));
  const [now, calls] = [vi.spyOn(Date, "now"), metricsCalls(stub)];
  let time = Date.parse(day);
  now.mockImplementation(() => time);
  const counted = async () => [(await calls.summary()).counts["events"], (await calls.costs("one"))[0]!.requests];
  // The first one is stored at once; the second one waits, and is kept by the alarm.
  for (const seq of [1, 2]) {
    await calls.report(reportOf("one", seq));
    expect(await counted()).toEqual([3 * seq, 5 * seq]);
    for (time += 60_000; await runDurableObjectAlarm(stub);) time += 60_000;
    for (let again = 0; again < 2; again++) {
      await evictDurableObject(stub);
      await calls.report(reportOf("one", seq));
      expect(await counted()).toEqual([3 * seq, 5 * seq]);
    }
  }
});

it("[OB-2] what several partitions have reported within ten seconds is kept before the object sleeps", async () => {
  const stub = env.METRICS.getByName(fresh("tenant"));
  const [now, calls] = [vi.spyOn(Date, "now"), metricsCalls(stub)];
  // To come: an alarm of the past would also run by itself, in between.
  const begin = Date.parse("2100-01-01T00:00:00Z");
  let time = begin;
  now.mockImplementation(() => time);
  for (const partition of ["one", "other"]) await calls.report(reportOf(partition, 1));
  for (time += 3_000; time < begin + 9_000; time += 3_000) await calls.report(reportOf("one", time));
  while (await runDurableObjectAlarm(stub)) time += 8_000;
  const { counts } = await calls.summary();
  await evictDurableObject(stub);
  expect((await calls.summary()).counts).toEqual(counts);
});
