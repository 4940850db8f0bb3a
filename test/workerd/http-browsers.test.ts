import { createExecutionContext, env } from "cloudflare:test";
import { describe, expect, it } from "vitest";
import { fresh, http, type Message, Wire } from "./wire.ts";
import worker from "./worker.ts";

const page = "http://localhost:5173";
const allowed = "https://app.example";
const ask = (url: string, init: RequestInit = {}, settings: object = {}) =>
  worker.fetch(new Request(url, init), { ...env, ...settings }, createExecutionContext());
const verified = {
  PARTITA_IDENTITY: undefined,
  PARTITA_JWT_SECRET: "a secret of at least thirty-two bytes",
  PARTITA_JWT_ISSUER: "https://issuer.example",
  PARTITA_JWT_AUDIENCE: "partita",
  PARTITA_ALLOWED_ORIGINS: `https://first.example, ${allowed}`,
};
const url = "https://partita.example/v1/partitions/room/events";
const preflight = (origin: string, headers: Record<string, string> = {}): RequestInit => ({
  method: "OPTIONS",
  headers: { origin, "access-control-request-method": "POST", ...headers },
});
const list = (response: Response, name: string) => (response.headers.get(name) ?? "").toLowerCase().split(/, ?/);

describe("security headers", () => {
  it("[AU-7] are on every response of the Worker", async () => {
    const room = fresh();
    const asked: [string, RequestInit][] = [
      ["/livez", {}],
      ["/openapi.json", {}],
      ["/problems", {}],
      ["/problems/conflict", {}],
      ["/nothing", {}],
      [`/v1/partitions/${room}/state`, {}],
      [`/v1/partitions/${room}/state`, { headers: { "if-none-match": "*" } }],
      [`/v1/partitions/${room}/state`, { method: "PUT" }],
      [`/v1/partitions/${room}/events`, { method: "POST" }],
      [`/v1/partitions/${room}/events`, { method: "OPTIONS" }],
      [`/v1/partitions/${room}/events`, preflight(page)],
      [`/v1/partitions/${room}/events`, preflight("https://evil.example")],
    ];
    for (const [path, init] of asked) {
      const { status, headers } = await http(path, init);
      const csp = headers.get("content-security-policy");
      expect([path, status, csp]).toEqual([path, status, expect.stringContaining("default-src 'none'")]);
      for (const closed of ["frame-ancestors 'none'", "base-uri 'none'", "form-action 'none'"])
        expect(csp).toContain(closed);
      expect(csp).not.toMatch(/unsafe|\*|https?:/);
      expect(Object.fromEntries(headers)).toMatchObject({
        "x-content-type-options": "nosniff",
        "x-frame-options": "DENY",
        "referrer-policy": "no-referrer",
        "cross-origin-opener-policy": "same-origin",
        "cross-origin-resource-policy": "same-origin",
      });
      // This header is valid over TLS only.
      expect(headers.get("strict-transport-security")).toBeNull();
    }
  });

  it("[AU-7] [ER-1] at an address that leads nowhere a person gets a page, and a program a problem", async () => {
    const answer = await http("/nothing", { headers: { accept: "text/html,application/xhtml+xml,*/*;q=0.8" } });
    expect(answer.status).toBe(404);
    expect(answer.headers.get("content-type")).toMatch(/^text\/html/);
    const [, nonce] = /style-src 'nonce-([^']+)'/.exec(answer.headers.get("content-security-policy")!) ?? [];
    expect(await answer.text()).toContain(`<style nonce="${nonce}">`);
    for (const init of [{}, { headers: { accept: "*/*" } }, { method: "POST", headers: { accept: "text/html" } }]) {
      const { status, headers } = await http("/nothing", init);
      expect([status, headers.get("content-type")]).toEqual([404, "application/problem+json"]);
    }
  });

  it("[AU-7] over TLS a browser gets Strict-Transport-Security", async () => {
    const { headers } = await ask("https://partita.example/livez", {}, verified);
    expect(headers.get("strict-transport-security")).toBe("max-age=31536000; includeSubDomains");
  });
});

describe("CORS", () => {
  it("[AU-7] a preflight of an allowed page gets the methods and headers, never a wildcard or credentials", async () => {
    for (const [response, origin] of [
      [await ask(url, preflight(allowed), verified), allowed],
      [await http("/v1/partitions/room/events", preflight(page)), page],
    ] as const) {
      expect([response.status, await response.text()]).toEqual([204, ""]);
      expect(response.headers.get("access-control-allow-origin")).toBe(origin);
      expect(response.headers.get("access-control-allow-credentials")).toBeNull();
      expect(list(response, "access-control-allow-methods").toSorted()).toEqual([
        "delete",
        "get",
        "head",
        "post",
        "put",
      ]);
      expect(list(response, "access-control-allow-headers")).toEqual(
        expect.arrayContaining(["authorization", "content-type", "idempotency-key", "if-none-match", "traceparent"]),
      );
      expect(list(response, "vary")).toContain("origin");
      expect(JSON.stringify([...response.headers])).not.toContain('"*"');
    }
  });

  it.each(["https://evil.example", "null", `${allowed}.evil.example`, "http://app.example", `${allowed}:8443`, ""])(
    "[AU-7] a preflight of a page from %j is refused, and nothing is shared with it",
    async (origin) => {
      for (const response of [
        await ask(url, preflight(origin), verified),
        await ask(url, preflight(origin), { ...verified, PARTITA_ALLOWED_ORIGINS: undefined }),
        await ask(url, { headers: { origin } }, verified),
      ]) {
        expect(response.status).toBe(403);
        expect(await response.json()).toMatchObject({ code: "origin_not_allowed" });
        expect(response.headers.get("access-control-allow-origin")).toBeNull();
      }
    },
  );

  it.each(["evil.example", "evil.example:8787", "localhost.evil.example", "127.0.0.1.evil.example", "@", ""])(
    "[AU-7] open development mode answers no page whose name resolves to this machine: Host %j",
    async (host) => {
      const address = `http://localhost/v1/partitions/${fresh()}`;
      for (const path of ["/state", "/events", "/events/stream", "/usage"]) {
        expect((await ask(`${address}${path}`, { headers: { host } })).status).toBe(401);
      }
      const headers = { host, upgrade: "websocket" };
      expect((await ask(`${address}/ws`, { headers })).status).toBe(401);
      expect((await ask(`${address}/state`, { headers: { host: "127.0.0.1:8787" } })).status).toBe(200);
    },
  );

  it("[AU-7] in open development mode pages of this machine are allowed, and others are not", async () => {
    const at = "/v1/partitions/room/events";
    expect((await http(at, preflight("http://127.0.0.1:9999"))).status).toBe(204);
    expect((await http(at, preflight("https://evil.example"))).status).toBe(403);
  });

  it("[AU-7] an allowed page may read the exposed headers of a response, also of a refusal", async () => {
    const room = fresh();
    for (const [path, status] of [
      [`/v1/partitions/${room}/state`, 200],
      [`/v1/partitions/${room}/state?at=9`, 409],
      ["/nothing", 404],
    ] as const) {
      const response = await http(path, { headers: { origin: page } });
      expect(response.status).toBe(status);
      expect(response.headers.get("access-control-allow-origin")).toBe(page);
      expect(list(response, "access-control-expose-headers")).toEqual(
        expect.arrayContaining([
          "etag",
          "location",
          "retry-after",
          "ratelimit",
          "ratelimit-policy",
          "partita-trace-id",
        ]),
      );
      expect(list(response, "vary")).toContain("origin");
    }
  });

  it("[AU-7] a page may open a WebSocket", async () => {
    const wire = await Wire.open(fresh(), { origin: page });
    expect((await wire.ask("connect", { clientId: "a", version: "1" })).type).toBe("connected");
    wire.close();
  });
});

describe("methods", () => {
  it.each([
    ["/v1/partitions/room/events", "GET, HEAD, OPTIONS, POST"],
    ["/v1/partitions/room/state", "GET, HEAD, OPTIONS"],
    ["/v1/partitions/room/ws", "GET, HEAD, OPTIONS"],
    ["/livez", "GET, HEAD, OPTIONS"],
    ["/problems/conflict", "GET, HEAD, OPTIONS"],
    ["/openapi.json", "GET, HEAD, OPTIONS"],
  ])("[ER-1] %s says which it has", async (path, allow) => {
    const options = await http(path, { method: "OPTIONS" });
    expect([options.status, options.headers.get("allow"), await options.text()]).toEqual([204, allow, ""]);
    for (const method of ["DELETE", "PUT", "PATCH", "PROPFIND"]) {
      const response = await http(path, { method });
      expect([method, response.status, response.headers.get("allow")]).toEqual([method, 405, allow]);
      expect(((await response.json()) as Message).code).toBe("method_not_allowed");
    }
    expect((await http(path, { method: "HEAD" })).status).toBe(path.endsWith("/ws") ? 426 : 200);
  });

  it("[ER-1] an upgrade with another method is refused", async () => {
    const response = await ask("http://127.0.0.1/v1/partitions/room/ws", {
      method: "HEAD",
      headers: { upgrade: "websocket" },
    });
    expect([response.status, response.webSocket]).toEqual([426, null]);
  });
});
