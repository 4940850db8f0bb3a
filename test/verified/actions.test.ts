import { describe, expect, it, onTestFinished, vi } from "vitest";
import { administrationPurpose } from "../../src/tenant/shared-rate.ts";
import { ask, bearer, fresh, type Message, post, sign, tenantOf } from "./wire.ts";

const answer = async (response: Response): Promise<Message> => ({
  status: response.status,
  ...((await response.json()) as object),
});

describe("GET /v1/audit", () => {
  it("[OB-4] [AU-3] lists administrative requests with their author, time and reason, also refused ones", async () => {
    const tenant = fresh("t");
    const headers = bearer(await sign({ tenant, sub: "root", partitions: ["*"], roles: ["admin"] }));
    const put = (path: string, body: object, more = {}) =>
      ask(path, { method: "PUT", headers: { ...headers, ...more }, body: JSON.stringify(body) });
    const reason = encodeURIComponent("the token was lost – Größe");
    expect((await put("/v1/revocations/sub/mallory", {})).status).toBe(200);
    expect((await put("/v1/revocations/jti/one", {}, { "partita-reason": reason })).status).toBe(200);
    expect((await put("/v1/limits", { principal: { perSecond: 5, burst: 9 } })).status).toBe(200);
    // It is no endpoint: nothing is done, and it was asked for.
    const gone = await ask("/v1/endpoints/none", { method: "DELETE", headers });
    expect(gone.status).toBe(204);
    const drained = await ask("/v1/partitions/board-1/drain", {
      method: "POST",
      headers: { ...headers, "partita-reason": "a deployment" },
      body: JSON.stringify({ seconds: 1 }),
    });
    expect(drained.status).toBe(200);
    const all = await answer(await ask("/v1/audit", { headers }));
    expect(all).toEqual({
      status: 200,
      actions: [
        {
          action: "partition.drain",
          partition: "board-1",
          reason: "a deployment",
          details: { seconds: 1 },
        },
        { action: "endpoint.remove", details: { endpoint: "none" } },
        { action: "limits.set", details: { limits: '{"principal":{"perSecond":5,"burst":9}}' } },
        {
          action: "tokens.revoke",
          reason: "the token was lost – Größe",
          details: { kind: "jti", id: "one", at: expect.any(Number) },
        },
        { action: "tokens.revoke", details: { kind: "sub", id: "mallory", at: expect.any(Number) } },
      ].map((entry, at) =>
        Object.assign(entry, {
          seq: 5 - at,
          at: expect.any(Number),
          principal: "root",
          traceId: expect.stringMatching(/^[0-9a-f]{32}$/),
        }),
      ),
    });
    const page = await answer(await ask("/v1/audit?limit=2", { headers }));
    expect(page.next).toBe(4);
    const rest = await answer(await ask("/v1/audit?before=4", { headers }));
    expect(rest.actions).toEqual(all.actions.slice(2));
  });

  it("[OB-4] [AU-4] [AU-5] lists a submission that is for administrators, of who may send it now", async () => {
    // The clock stands still, so that nothing is given back meanwhile.
    vi.useFakeTimers({ toFake: ["Date"] });
    onTestFinished(() => void vi.useRealTimers());
    const tenant = fresh("t");
    const room = fresh("desk");
    const claims = { tenant, partitions: ["*"], roles: [] };
    const auditor = bearer(await sign({ ...claims, sub: "audit", permissions: ["admin:audit", "admin:revoke"] }));
    const tokenOf = (sub: string, permissions = ["admin:desk"]) => sign({ ...claims, sub, permissions });
    const close = async (sub: string, permissions?: string[]) =>
      (await post(room, await tokenOf(sub, permissions), `k-${sub}`, { type: "close", payload: {} })).status;
    const listed = async () =>
      (await answer(await ask("/v1/audit", { headers: auditor }))).actions
        .filter(({ action }: Message) => action === "event.submit")
        .map(({ principal, partition, details }: Message) => [principal, partition, details]);
    const ofAnn = ["ann", room, { types: "close", key: "k-ann" }];
    expect(await close("ann")).toBe(201);
    expect(await close("ben", ["submit:*"])).toBe(403);
    expect(await listed()).toEqual([ofAnn]);
    // Neither who was revoked nor who asks too often fills the list.
    expect((await ask("/v1/revocations/sub/eve", { method: "PUT", headers: auditor })).status).toBe(200);
    expect(await close("eve")).toBe(401);
    const author = { principal: "dan", permissions: [] };
    for (let at = 0; at < administrationPurpose.each.burst; at++)
      await tenantOf(tenant).refusalWith({ version: 1, author, administers: true });
    expect(await close("dan")).toBe(429);
    expect(await listed()).toEqual([ofAnn]);
  });

  it("[AU-3] is for who has its permission, and of the own tenant only", async () => {
    const reader = bearer(await sign({ permissions: ["admin:drain"], roles: [] }));
    expect(await answer(await ask("/v1/audit", { headers: reader }))).toMatchObject({ status: 403, code: "forbidden" });
    const auditor = bearer(
      await sign({ tenant: fresh("t"), partitions: ["*"], permissions: ["admin:audit"], roles: [] }),
    );
    expect(await answer(await ask("/v1/audit", { headers: auditor }))).toEqual({ status: 200, actions: [] });
  });

  it("[AU-10] does nothing where the reason cannot be read", async () => {
    const headers = bearer(await sign({ tenant: fresh("t"), partitions: ["*"], roles: ["admin"] }));
    for (const reason of [
      "%E0%A4%A",
      "x".repeat(501),
      "a%0Ab",
      ...["\u0085", "\u2028", "\u2029", "\u202e", "\u2066", "\u200f"].map(encodeURIComponent),
    ]) {
      const asked = { method: "PUT", headers: { ...headers, "partita-reason": reason }, body: "{}" };
      expect(await answer(await ask("/v1/limits", asked))).toMatchObject({ status: 400, code: "bad_request" });
    }
    expect((await answer(await ask("/v1/audit", { headers }))).actions).toEqual([]);
  });
});
