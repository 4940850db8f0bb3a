import type { Application } from "../../objects/application.ts";
import { defaultTenant } from "../../identity/verify.ts";
import { canaryName } from "../../models/canary/index.ts";
import { partitionCalls } from "../../objects/partition-calls.ts";
import { stubOf } from "../../platform/placement.ts";
import { check } from "../check.ts";
import type { Edge } from "../env.ts";
import { orRefuse } from "../refused.ts";
import type { Guards } from "../guards.ts";

export function checkRoutes(app: Edge, { requireAdminOfSome }: Guards, { placementOf }: Application): void {
  app.post("/v1/check", requireAdminOfSome("admin:check"), async (c) => {
    const name = `${defaultTenant}/${canaryName(Date.now())}`;
    const canary = () => partitionCalls(stubOf(c.env.PARTITIONS, name, placementOf(defaultTenant)));
    return c.json(orRefuse(await check(canary, c.get("traceId"))));
  });
}
