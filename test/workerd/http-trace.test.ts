import { createExecutionContext, env, evictDurableObject } from "cloudflare:test";
import { afterEach, describe, expect, it, vi } from "vitest";
import { fresh, http, type Message, Wire } from "./wire.ts";
import worker from "./worker.ts";

const trace = "4bf92f3577b34da6a3ce929d0e0e4736";
const other = "0af7651916cd43dd8448eb211c80319c";
const parent = (traceId: string) => ({ traceparent: `00-${traceId}-00f067aa0ba902b7-01` });
const post = (room: string, body: unknown, key: string, headers: Record<string, string>) =>
  http(`/v1/partitions/${room}/events`, {
    method: "POST",
    headers: { "idempotency-key": key, ...headers },
    body: JSON.stringify(body),
  });
const unset = (draftId: string) => ({ draftId, event: { type: "unset", payload: { target: "nothing" } } });

afterEach(() => vi.restoreAllMocks());

describe("traces", () => {
  it("[ER-8] the caller's trace id is in the response, and in every problem that the request causes", async () => {
    const room = fresh();
    const refused: [string, RequestInit][] = [
      ["/v1/nothing", {}],
      [`/v1/partitions/${room}/state?at=7`, {}],
      [`/v1/partitions/${room}/events?since=7`, {}],
      [`/v1/partitions/${room}/events?since=x`, {}],
      [`/v1/partitions/${room}/state`, { method: "DELETE" }],
      [`/v1/partitions/${room}/ws`, {}],
      ["/v1/partitions/-/state", {}],
      ["/problems/none", {}],
    ];
    for (const [path, init] of refused) {
      const response = await http(path, { ...init, headers: parent(trace) });
      expect(response.headers.get("partita-trace-id")).toBe(trace);
      expect(await response.json()).toMatchObject({ traceId: trace });
    }
    for (const path of ["/livez", "/readyz", "/problems", "/openapi.json", `/v1/partitions/${room}/state`]) {
      const response = await http(path, { headers: parent(trace) });
      await response.text();
      expect([response.status, response.headers.get("partita-trace-id")]).toEqual([200, trace]);
    }
  });

  it("[ER-8] the trace id of an upgrade is in every problem of its connection, also after hibernation", async () => {
    const room = fresh();
    const wire = await Wire.open(room, parent(trace));
    expect(await wire.say("nonsense")).toMatchObject({ type: "error", payload: { traceId: trace } });
    await wire.ask("connect", { clientId: "a", version: "1" });
    expect(await wire.submit("d1", "unset", { target: "nothing" })).toMatchObject({ payload: { traceId: trace } });
    await evictDurableObject(env.PARTITIONS.getByName(`default/${room}`), { webSockets: "hibernate" });
    expect(await wire.ask("sync", { sinceEventId: 7 })).toMatchObject({ type: "error", payload: { traceId: trace } });
    // Without one each problem has its own.
    const plain = await Wire.open(room);
    const [first, second] = [await plain.say("nonsense"), await plain.say("nonsense")];
    expect(first.payload.traceId).not.toBe(second.payload.traceId);
  });

  it("[ER-8] [ID-1] a stored rejection has the first attempt's trace id, and a replay is the same bytes", async () => {
    const room = fresh();
    const rejected = unset("unused").event;
    const first = await post(room, rejected, "k", parent(trace));
    const body = await first.text();
    expect(JSON.parse(body)).toMatchObject({ code: "validation_failed", traceId: trace });
    const again = await post(room, rejected, "k", parent(other));
    expect(again.headers.get("partita-trace-id")).toBe(other);
    expect(await again.text()).toBe(body);
    // So is the answer to a key that comes again with other content, whose trace id derives from the key.
    const reuse = async (by: string) => await (await post(room, { ...rejected, payload: {} }, "k", parent(by))).text();
    const reused = await reuse(trace);
    expect(JSON.parse(reused)).toMatchObject({ code: "idempotency_key_reused" });
    expect([trace, other]).not.toContain((JSON.parse(reused) as Message).traceId);
    expect(await reuse(other)).toBe(reused);
    const batch = { mode: "atomic", events: [unset("d1"), unset("d2")] };
    const whole = await (await post(room, batch, "b", parent(trace))).text();
    expect((JSON.parse(whole) as Message).results.map(({ traceId }: Message) => traceId)).toEqual([trace, trace]);
    expect(await (await post(room, batch, "b", parent(other))).text()).toBe(whole);
  });

  it.each([
    ["version ff", `ff-${trace}-00f067aa0ba902b7-01`],
    ["a later version", `01-${trace}-00f067aa0ba902b7-01`],
    ["capitals", `00-${trace.toUpperCase()}-00f067aa0ba902b7-01`],
    ["no trace", `00-${"0".repeat(32)}-00f067aa0ba902b7-01`],
    ["no parent", `00-${trace}-${"0".repeat(16)}-01`],
    ["too short", `00-${trace.slice(1)}-00f067aa0ba902b7-01`],
    ["too long", `00-${trace}-00f067aa0ba902b7-01-more`],
    ["two of them", `00-${trace}-00f067aa0ba902b7-01, 00-${other}-00f067aa0ba902b7-01`],
    ["a script", "<script>alert(1)</script>"],
  ])("[ER-8] a traceparent that is none is ignored: %s", async (_, traceparent) => {
    const response = await http("/v1/nothing", { headers: { traceparent } });
    const { traceId } = (await response.json()) as Message;
    expect(traceId).toMatch(/^[0-9a-f]{32}$/);
    expect([trace, other, "0".repeat(32)]).not.toContain(traceId);
    expect(response.headers.get("partita-trace-id")).toBe(traceId);
  });

  it("[ER-6] [ER-8] an unexpected error is answered without details, and logged under the trace id", async () => {
    const lines: string[] = [];
    vi.spyOn(console, "error").mockImplementation((line: string) => void lines.push(line));
    const PARTITIONS = {
      getByName: () => {
        throw new Error("secret of the namespace");
      },
    };
    const response = await worker.fetch(
      new Request("http://127.0.0.1/v1/partitions/room/state", { headers: parent(trace) }),
      { ...env, PARTITIONS } as never,
      createExecutionContext(),
    );
    const text = await response.text();
    expect(JSON.parse(text)).toMatchObject({ code: "internal", status: 500, traceId: trace });
    expect(text).not.toContain("secret");
    expect(lines.map((line) => JSON.parse(line))).toMatchObject([{ level: "error", traceId: trace }]);
  });

  it("[ER-8] a model that fails over HTTP is logged by the object under the caller's trace id", async () => {
    const lines: string[] = [];
    vi.spyOn(console, "error").mockImplementation((line: string) => void lines.push(line));
    const response = await post(fresh("counter"), { type: "explode", payload: { in: "reduce" } }, "k", parent(trace));
    expect(await response.json()).toMatchObject({ code: "draft_failed", traceId: trace });
    expect(lines.map((line) => JSON.parse(line))).toMatchObject([{ traceId: trace }]);
  });
});
