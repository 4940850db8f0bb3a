import { SELF } from "cloudflare:test";
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
