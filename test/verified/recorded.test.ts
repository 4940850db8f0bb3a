import { env } from "cloudflare:test";
import { describe, expect, it } from "vitest";
import { ask, askWith, bearer, fresh, sign } from "./wire.ts";

/** What the platform redacts, by the names of headers (Cloudflare, "Workers Logs"). */
const redacted = /auth|cookie|jwt|key|secret|token/i;

/** What the platform records of a request: its address, and the headers that it does not redact. */
function recorded(request: Request): string {
  const headers = [...request.headers].filter(([name]) => !redacted.test(name));
  return JSON.stringify([request.url, headers]);
}

/** The partitions, and what is recorded of the requests that the Worker sends to their objects. */
function watched() {
  const records: string[] = [];
  const PARTITIONS = {
    getByName(name: string) {
      const stub = env.PARTITIONS.getByName(name);
      return {
        fetch(request: Request) {
          records.push(recorded(request));
          return stub.fetch(request);
        },
      };
    },
  };
  return { records, PARTITIONS };
}

describe("what the platform records of a request to an object", () => {
  it("[AU-12] [ER-6] has no token, no ticket and no principal, however the client authenticates", async () => {
    const { records, PARTITIONS } = watched();
    const room = fresh();
    const token = await sign({ sub: "carol-the-principal" });
    const taken = await ask("/v1/tickets", { method: "POST", headers: bearer(token) });
    const { ticket } = (await taken.json()) as { ticket: string };
    const upgrade = { upgrade: "websocket" };
    const path = `/v1/partitions/${room}`;
    const bySubprotocol = { "sec-websocket-protocol": `partita, bearer.${token}` };
    for (const [way, init] of [
      ["/ws", { headers: { ...upgrade, ...bearer(token) } }],
      ["/ws", { headers: { ...upgrade, ...bySubprotocol } }],
      // Without the subprotocol that the server selects.
      ["/ws", { headers: { ...upgrade, "sec-websocket-protocol": `bearer.${token}` } }],
      [`/ws?ticket=${ticket}`, { headers: upgrade }],
      ["/events/stream", { headers: bearer(token) }],
    ] as const) {
      const { status, webSocket, body } = await askWith({ PARTITIONS }, `${path}${way}`, init);
      expect(status).toBe(webSocket ? 101 : 200);
      webSocket?.accept();
      webSocket?.close();
      await body?.cancel();
    }
    expect(records).toHaveLength(5);
    for (const record of records) {
      for (const secret of [token, ticket, "carol-the-principal"]) expect(record).not.toContain(secret);
    }
  });
});

describe("an object that is opened by its id", () => {
  it("[ER-6] says that it has to be opened by its name", async () => {
    for (const objects of [env.PARTITIONS, env.TENANTS]) {
      const id = objects.idFromString(objects.newUniqueId().toString());
      const stub = objects.get(id) as DurableObjectStub;
      await expect(stub.fetch("http://object/")).rejects.toThrow(/by its name/);
    }
  });
});
