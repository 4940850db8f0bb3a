import { describe, expect, it } from "vitest";
import { ask, askWith, bearer, fresh, sign, tenantOf } from "./wire.ts";

const key = { PARTITA_WEBHOOK_KEY: btoa("0123456789abcdef".repeat(2)) };
const url = "https://billing.example.com/hooks";
const admin = async (tenant: string, more: object = {}) =>
  bearer(await sign({ tenant, sub: "root", partitions: ["*"], roles: [], permissions: ["admin:webhooks"], ...more }));
const put = async (headers: Record<string, string>, id: string, settings: object = key) =>
  await askWith(settings, `/v1/endpoints/${id}`, { method: "PUT", headers, body: JSON.stringify({ url }) });
// Answers of every shape
const json = async (response: Response): Promise<any> => await response.json();

describe("the endpoints of a tenant", () => {
  it("[AU-3] [AU-11] are for who has the permission, and whose token is not revoked", async () => {
    const tenant = fresh("t");
    const id = fresh("ep");
    expect((await ask("/v1/endpoints")).status).toBe(401);
    for (const roles of [["editor"], ["viewer"]]) {
      const headers = await admin(tenant, { roles, permissions: [] });
      for (const [path, method] of [
        ["", "GET"],
        [`/${id}`, "GET"],
        [`/${id}`, "PUT"],
        [`/${id}`, "DELETE"],
        [`/${id}/activate`, "POST"],
        [`/${id}/test`, "POST"],
        [`/${id}/rotate`, "POST"],
        [`/${id}/dead-letters`, "GET"],
        [`/${id}/dead-letters/replay`, "POST"],
        [`/${id}/dead-letters/aa:1:0`, "GET"],
        [`/${id}/dead-letters/aa:1:0`, "DELETE"],
        [`/${id}/dead-letters/aa:1:0/replay`, "POST"],
      ] as const) {
        expect((await json(await ask(`/v1/endpoints${path}`, { method, headers }))).code).toBe("forbidden");
      }
    }
    expect((await put(await admin(tenant), id)).status).toBe(201);
    const expiresAt = Date.now() + 1_000_000;
    await tenantOf(tenant).revoke({ kind: "jti", id: "lost", at: 0, expiresAt });
    expect((await json(await put(await admin(tenant, { jti: "lost" }), id))).code).toBe("auth_revoked");
  });

  it("[AU-9] are not those of another tenant", async () => {
    const [tenant, other] = [fresh("t"), fresh("t")];
    const id = fresh("ep");
    const { secret } = await json(await put(await admin(tenant), id));
    expect(secret).toMatch(/^whsec_/);
    const list = async (name: string) => await json(await ask("/v1/endpoints", { headers: await admin(name) }));
    expect((await list(tenant)).endpoints).toHaveLength(1);
    expect((await list(other)).endpoints).toEqual([]);
    const headers = await admin(other);
    expect((await json(await ask(`/v1/endpoints/${id}`, { headers }))).code).toBe("not_found");
    expect((await ask(`/v1/endpoints/${id}`, { method: "DELETE", headers })).status).toBe(204);
    expect((await list(tenant)).endpoints).toHaveLength(1);
  });

  it("[AU-11] cannot be made without a key for their secrets, nor without couriers: the answer says what is missing", async () => {
    const headers = await admin(fresh("t"));
    expect(await json(await put(headers, fresh("ep"), {}))).toMatchObject({
      code: "not_configured",
      status: 501,
      retryable: false,
      detail: expect.stringContaining("PARTITA_WEBHOOK_KEY"),
    });
    expect(await json(await put(headers, fresh("ep"), { ...key, COURIERS: undefined }))).toMatchObject({
      code: "not_configured",
      detail: expect.stringContaining("COURIERS"),
    });
  });

  it("[AU-11] cannot be on this machine with tokens, whatever the setting says; nor at this server", async () => {
    const headers = await admin(fresh("t"));
    for (const address of ["http://127.0.0.1:9/", "http://localhost/", "https://partita.example/hooks"]) {
      const refused = await askWith({ ...key, PARTITA_WEBHOOK_LOOPBACK: "on" }, `/v1/endpoints/${fresh("ep")}`, {
        method: "PUT",
        headers,
        body: JSON.stringify({ url: address }),
      });
      expect((await json(refused)).code).toBe("address_refused");
    }
  });

  it("[AU-5] are at most 32", async () => {
    const headers = await admin(fresh("t"));
    for (let at = 0; at < 32; at++) expect((await put(headers, `ep-${at}`)).status).toBe(201);
    expect((await json(await put(headers, "one-more"))).code).toBe("quota_exceeded");
    expect((await put(headers, "ep-0")).status).toBe(200);
    const body = (settings: object) => ({ method: "PUT", headers, body: JSON.stringify(settings) });
    for (const wrong of [
      {},
      { url, types: [] },
      { url, types: [""] },
      { url, more: 1 },
      { url: 7 },
      { url, paused: 1 },
    ]) {
      expect((await json(await askWith(key, "/v1/endpoints/ep-0", body(wrong)))).code).toBe("bad_request");
    }
  });
});
