import { env } from "cloudflare:workers";
import { describe, expect, it } from "vitest";
import type { RemotePartition } from "../../src/index.ts";
import { tenantFor } from "../../src/objects/writers.ts";
import { authority } from "./worker.ts";
import { ledger } from "../../src/models/ledger/index.ts";
import { counter } from "./models.ts";

interface Bound {
  WRITERS: { partition(name: string, options?: { tenant?: string }): Promise<RemotePartition & Disposable> };
}
const bound = env as unknown as Bound & typeof env;

describe("code of the server", () => {
  it("[OB-9] writes and reads in the Worker of the authority, with the verdicts of clients", async () => {
    const partition = authority.partition(env, "default", "counter-writers", { as: "cron", model: counter });
    const add = () => partition.submit("add", { by: 2 }, { key: "monday" });
    const first = await add();
    expect(first).toMatchObject({ status: "accepted", eventId: 1, event: { version: 2, payload: { by: 2 } } });
    expect(await add()).toEqual(first);
    expect(await partition.submit("add", { by: -3 }, { key: "tuesday" })).toMatchObject({
      status: "rejected",
      problem: { code: "invariant_violated", status: 422 },
    });
    expect(
      await partition.submitBatch("atomic", [{ type: "add", payload: { by: 1 }, key: "w-1" }], { key: "w" }),
    ).toMatchObject({ status: "accepted", results: [{ draftId: "w-1", status: "accepted", eventId: 2 }] });
    expect(await partition.state()).toMatchObject({ state: { count: 3 }, eventIndex: 2 });
    expect((await partition.events({ since: 1 })).events).toMatchObject([
      { eventId: 2, event: { clientId: "server:cron" } },
    ]);
    await expect(partition.events({ since: 9 })).rejects.toMatchObject({ problem: { code: "cursor_ahead" } });
  });

  it("[OB-9] [MD-17] submits no internal types", async () => {
    const partition = authority.partition(env, "default", "book-writers", { model: ledger });
    const expire = await partition.submit("expire", { hold: "h", expiresAt: 1 }, { key: "1" });
    expect(expire).toMatchObject({ status: "rejected", problem: { code: "forbidden", layer: "permission" } });
  });

  it("[OB-9] follows the log, each event once and in order", async () => {
    const partition = authority.partition(env, "default", "counter-watched", { model: counter });
    await partition.submit("add", { by: 1 }, { key: "1" });
    await partition.submit("add", { by: 2 }, { key: "2" });
    const seen: number[] = [];
    for await (const { eventId } of partition.watch({ since: 0 })) {
      seen.push(eventId);
      if (eventId === 2) await partition.submit("add", { by: 3 }, { key: "3" });
      if (eventId === 3) break;
    }
    expect(seen).toEqual([1, 2, 3]);
  });

  it("[OB-9] writes and reads from another Worker, by a service binding", async () => {
    using partition = await bound.WRITERS.partition("counter-bound");
    const written = await partition.submit("add", { by: 4 }, { key: "a" });
    expect(written).toMatchObject({ status: "accepted", eventId: 1, event: { clientId: "server:billing" } });
    expect(await partition.state()).toMatchObject({ state: { count: 4 } });
    const reader = (await partition.watch({ since: 0 })).getReader();
    const { value } = await reader.read();
    expect(JSON.parse(new TextDecoder().decode(value))).toMatchObject({ eventId: 1, event: { type: "add" } });
    await reader.cancel();
  });

  it("[OB-9] [AU-9] addresses the tenant of the binding, and no other one", () => {
    expect(tenantFor({ tenant: "acme" }, undefined)).toBe("acme");
    expect(tenantFor({}, undefined)).toBe("default");
    expect(tenantFor({}, "acme")).toBe("acme");
    expect(() => tenantFor({ tenant: "acme" }, "other")).toThrow("another tenant");
  });

  it("[OB-9] refuses names that no model serves, and authors that are none", () => {
    expect(() => authority.partition(env, "default", "-")).toThrow(TypeError);
    expect(() => authority.partition(env, "default", "room", { as: "" })).toThrow(TypeError);
    expect(() => authority.partition(env, "default", "room", { model: counter })).toThrow(/served by insieme/);
  });
});
