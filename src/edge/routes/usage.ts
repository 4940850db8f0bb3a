import { callObject } from "../../platform/call.ts";
import type { Edge } from "../env.ts";
import { authorOf } from "../identity.ts";
import { orRefuse } from "../refused.ts";
import { responseOf } from "../../wire/partita/answers.ts";
import type { Guards } from "../guards.ts";

export function usageRoutes(app: Edge, { requireRead }: Guards): void {
  app.get("/v1/partitions/:partition/usage", requireRead, async (c) => {
    const { identity, stub } = c.get("partitionAccess");
    const asking = { traceId: c.get("traceId"), reader: orRefuse(authorOf(identity, c.req.raw)).author };
    return responseOf(await callObject(stub, (object) => object.readUsage(asking)));
  });
}
