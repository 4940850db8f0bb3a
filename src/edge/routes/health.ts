import type { Application } from "../../objects/application.ts";
import { callObject } from "../../platform/call.ts";
import type { Edge } from "../env.ts";
import { responseOf } from "../../wire/partita/answers.ts";
import { rulesOf } from "../../identity/settings.ts";
import { defaultTenant } from "../../identity/verify.ts";
import { Refused } from "../refused.ts";
import { readinessProbe } from "../../models/canary/index.ts";
import { partitionCalls } from "../../objects/partition-calls.ts";
import { stubOf } from "../../platform/placement.ts";

export function healthRoutes(app: Edge, { placementOf }: Application): void {
  app.get("/livez", (c) => c.json({ status: "alive" }));

  app.get("/readyz", async (c) => {
    const rules = c.env.PARTITA_IDENTITY === "open" ? undefined : rulesOf(c.env);
    if (typeof rules === "string") throw new Refused({ code: "not_configured", detail: rules });
    const name = `${defaultTenant}/${readinessProbe}`;
    const probe = () => partitionCalls(stubOf(c.env.PARTITIONS, name, placementOf(defaultTenant)));
    return responseOf(await callObject(probe, (stub) => stub.ready({ traceId: c.get("traceId") })));
  });
}
