import { createExecutionContext, env } from "cloudflare:test";
import { describe, expect, it } from "vitest";
import * as z from "zod/mini";
import { createAuthority, type Part } from "../../src/index.ts";
import { ledgerEffects } from "../../src/models/ledger/effects.ts";
import { ledger } from "../../src/models/ledger/index.ts";
import {
  allParts,
  audit,
  describeRoute,
  effectsAndTimers,
  openApi,
  operations,
  schemaOf,
  signedRequests,
  webhooks,
} from "../../src/parts/index.ts";
import { counter } from "./models.ts";
import { fresh, type Message } from "./wire.ts";

const models = { "counter-*": counter };

/** Asks a Worker with these parts, over the objects of this test, in open development mode. */
async function ask(parts: readonly Part[], path: string, init?: RequestInit, settings: object = {}) {
  const { worker } = createAuthority({ models, parts });
  const bindings = { PARTITIONS: env.PARTITIONS, TENANTS: env.TENANTS, PARTITA_IDENTITY: "open", ...settings };
  const request = new Request(`http://127.0.0.1${path}`, init);
  const answer = await worker.fetch(request, bindings, createExecutionContext());
  const text = await answer.text();
  // Pages and metrics are no JSON.
  return { status: answer.status, body: (text.startsWith("{") ? JSON.parse(text) : {}) as Message };
}

const submitting = (key: string): RequestInit => ({
  method: "POST",
  headers: { "idempotency-key": key },
  body: JSON.stringify({ type: "add", version: 2, payload: { by: 1 } }),
});

describe("a Worker without parts", () => {
  it("[EC-5] decides drafts and answers reads", async () => {
    const room = fresh("counter");
    expect(await ask([], `/v1/partitions/${room}/events`, submitting("a"))).toMatchObject({ status: 201 });
    expect(await ask([], `/v1/partitions/${room}/state`)).toMatchObject({ body: { state: { count: 1 } } });
  });

  it.each(["/openapi.json", "/v1/limits", "/v1/endpoints", "/v1/partitions", "/metrics", "/problems", "/v1/audit"])(
    "[EC-5] has no %s, which one with all parts has",
    async (path) => {
      expect((await ask(allParts, path)).status).not.toBe(404);
      expect(await ask([], path)).toMatchObject({ status: 404, body: { code: "not_found" } });
    },
  );

  it("[EC-5] [TX-13] the dead letters of a partition come with what sends effects", async () => {
    const path = `/v1/partitions/${fresh("counter")}/dead-letters`;
    expect(await ask([effectsAndTimers], path)).toMatchObject({ status: 200, body: { deadLetters: [] } });
    expect((await ask([operations], path)).status).toBe(404);
  });

  it("[EC-5] [OB-5] describes the routes that it has, and no others", async () => {
    const { paths } = (await ask([openApi, webhooks], "/openapi.json")).body;
    expect(Object.keys(paths)).toContain("/v1/partitions/{partition}/events");
    expect(Object.keys(paths)).toContain("/v1/endpoints");
    expect(Object.keys(paths)).not.toContain("/metrics");
    expect(Object.keys((await ask([openApi], "/openapi.json")).body.paths)).not.toContain("/v1/endpoints");
  });

  it("[AU-11] accepts no submission where they have to be signed, because it cannot check", async () => {
    const at = `/v1/partitions/${fresh("counter")}/events`;
    const settings = { PARTITA_REQUEST_SIGNING_SECRET: btoa("a secret of more than 24 bytes") };
    const code = async (parts: readonly Part[]) =>
      (await ask(parts, at, submitting("a"), settings)).body.code as string;
    expect(await code([])).toBe("not_configured");
    expect(await code([signedRequests])).toBe("unauthenticated");
  });
});

it("[EC-5] an authority has the classes of its parts", () => {
  const classes = (parts: readonly Part[]) => Object.keys(createAuthority({ models, parts })).toSorted();
  expect(classes([])).toEqual(["PartitionObject", "TenantObject", "worker"]);
  expect(classes([webhooks])).toEqual(["CourierObject", "PartitionObject", "TenantObject", "worker"]);
  expect(classes(allParts)).toEqual([
    "CourierObject",
    "MetricsObject",
    "PartitionObject",
    "TenantObject",
    "Writers",
    "partition",
    "worker",
  ]);
});

it("[AU-3] [EC-5] a model with `audit` needs its part", () => {
  expect(() => createAuthority({ models: { "*": ledger } })).toThrow('needs the part "audit"');
  expect(createAuthority({ models: { "*": ledger }, parts: [audit] }).worker).toBeDefined();
});

it("[EC-5] [TX-12] effects need their part", () => {
  const served = { models: { "*": ledger }, effects: [ledgerEffects] };
  expect(() => createAuthority({ ...served, parts: [audit] })).toThrow('needs the part "effectsAndTimers"');
  expect(createAuthority({ ...served, parts: [audit, effectsAndTimers] }).worker).toBeDefined();
});

it("[EC-9] [OB-5] describes routes of one's own that describe themselves, and no others", async () => {
  const { worker } = createAuthority({ models, parts: [openApi] });
  const answer = z.object({ paid: z.boolean() });
  const hook = describeRoute({
    summary: "Note a payment",
    requestBody: { content: { "application/json": { schema: schemaOf(z.object({ seat: z.string() })) } } },
    responses: { 200: { description: "It is noted.", content: { "application/json": { schema: schemaOf(answer) } } } },
  });
  worker.post("/hooks/:kind", hook, (c) => c.json({ paid: true }));
  worker.get("/plain", (c) => c.text(""));
  const bindings = { PARTITIONS: env.PARTITIONS, TENANTS: env.TENANTS, PARTITA_IDENTITY: "open" };
  const ask = (path: string, init?: RequestInit) =>
    worker.fetch(new Request(`http://127.0.0.1${path}`, init), bindings, createExecutionContext());
  expect(await (await ask("/hooks/card", { method: "POST" })).json()).toEqual({ paid: true });
  const { paths } = (await (await ask("/openapi.json")).json()) as Message;
  expect(paths["/hooks/{kind}"].post).toMatchObject({
    summary: "Note a payment",
    requestBody: { content: { "application/json": { schema: { properties: { seat: { type: "string" } } } } } },
    responses: { 200: { content: { "application/json": { schema: { required: ["paid"] } } } } },
  });
  expect(Object.keys(paths)).not.toContain("/plain");
  expect(Object.keys(paths)).toContain("/v1/partitions/{partition}/events");
});
