import { clockToleranceSecondsOf, type IdentitySettings, lifetimeSecondsOf } from "../../identity/settings.ts";
import { type Failure, isId } from "../../protocol/index.ts";
import { readJson } from "../body.ts";
import { callObject } from "../../platform/call.ts";
import { drainShape, limitsShape, readOnlyShape, revocationShape } from "../document/tenant-schemas.ts";
import type { LimitsOverride, Revocation } from "../../platform/rpc.ts";
import type { Edge, EdgeContext } from "../env.ts";
import { note } from "../note.ts";
import { orRefuse, Refused } from "../refused.ts";
import type { Guards } from "../guards.ts";

/** What administrators do with the tenant of their token. */
export function tenantRoutes(app: Edge, { requireAdmin }: Guards): void {
  app.put("/v1/revocations/:kind/:id", requireAdmin("admin:revoke"), async (c) => {
    const { kind, id } = c.req.param();
    if ((kind !== "jti" && kind !== "sub") || !isId(id)) {
      throw new Refused({
        code: "bad_request",
        detail: 'Revoke "jti/<id>" or "sub/<id>": an id has 1 to 128 visible ASCII characters.',
      });
    }
    return await revoke(c, { kind, id });
  });

  app.put(
    "/v1/revocations",
    requireAdmin("admin:revoke"),
    async (c) => await revoke(c, orRefuse(await readJson(c.req.raw, revocationShape)).value),
  );

  app.get("/v1/revocations", requireAdmin("admin:revoke"), async (c) =>
    c.json({ revocations: await callObject(c.get("tenantAccess").stub, (tenant) => tenant.revocations()) }),
  );

  app.get("/v1/limits", requireAdmin("admin:limits"), async (c) =>
    c.json(await callObject(c.get("tenantAccess").stub, (tenant) => tenant.limits())),
  );

  app.put("/v1/limits", requireAdmin("admin:limits"), async (c) => {
    // Parsed JSON has no undefined.
    const override = orRefuse(await readJson(c.req.raw, limitsShape)).value as LimitsOverride;
    await note(c, "limits.set", { limits: JSON.stringify(override) });
    return c.json(await callObject(c.get("tenantAccess").stub, (tenant) => tenant.setLimits({ override })));
  });

  app.put("/v1/read-only", requireAdmin("admin:read-only"), async (c) => {
    const { identity, stub } = c.get("tenantAccess");
    if (identity.mode !== "verified") throw new Refused(noTenant);
    const { partitions } = orRefuse(await readJson(c.req.raw, readOnlyShape)).value;
    await note(c, "read-only.set", { partitions: partitions.join(" ") });
    return c.json(await callObject(stub, (tenant) => tenant.setReadOnly({ partitions })));
  });

  app.post("/v1/drain", requireAdmin("admin:drain"), async (c) => {
    const { seconds } = orRefuse(await readJson(c.req.raw, drainShape)).value;
    await note(c, "tenant.drain", { seconds });
    return c.json(await callObject(c.get("tenantAccess").stub, (tenant) => tenant.drain({ seconds })));
  });

  app.post("/v1/partitions/:partition/drain", requireAdmin("admin:drain"), async (c) => {
    const { seconds } = orRefuse(await readJson(c.req.raw, drainShape)).value;
    await note(c, "partition.drain", { seconds });
    await callObject(c.get("partitionAccess").stub, (partition) => partition.drain({ seconds }));
    return c.json({ told: 1, pending: 0 });
  });
}

/** Revokes at the tenant of the caller, and answers. */
async function revoke(
  c: EdgeContext,
  { kind, id, at }: { kind: Revocation["kind"]; id: string; at?: number | undefined },
): Promise<Response> {
  const now = Date.now();
  const covered = coveredUpTo(c.env, now);
  if (at !== undefined && at > covered) {
    throw new Refused({
      code: "bad_request",
      detail: `"at" is in the future: it can be at most ${covered} now.`,
      errors: [{ field: "at", code: "too_big", message: "In the future." }],
    });
  }
  // No token that it covers is accepted after this time, with what the clocks may differ twice: at `exp`, and at the longest lifetime.
  const expiresAt = now + (lifetimeSecondsOf(c.env) + 2 * clockToleranceSecondsOf(c.env)) * 1_000;
  const revocation: Revocation = { kind, id, at: at ?? covered, expiresAt };
  await note(c, "tokens.revoke", { kind, id, at: revocation.at });
  const spread = orRefuse(await callObject(c.get("tenantAccess").stub, (tenant) => tenant.revoke(revocation)));
  return c.json({ kind, id, expiresAt, at: revocation.at, ...spread });
}

/** The latest second at which a token can have been issued by now: the issuer's clock may be ahead. */
function coveredUpTo(settings: IdentitySettings, now: number): number {
  return Math.floor(now / 1_000) + clockToleranceSecondsOf(settings);
}

const noTenant: Failure = {
  code: "bad_request",
  detail: "In open development mode partitions do not follow a tenant: nothing can be made read-only.",
};
