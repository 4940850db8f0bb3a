import { callObject } from "../../platform/call.ts";
import { responseOf } from "../../wire/partita/answers.ts";
import type { Edge } from "../env.ts";
import type { Guards } from "../guards.ts";

export function verifyRoutes(app: Edge, { requireAdmin }: Guards): void {
  app.get("/v1/partitions/:partition/verify", requireAdmin("admin:inspect"), async (c) => {
    const { stub } = c.get("partitionAccess");
    return responseOf(await callObject(stub, (object) => object.verify({ traceId: c.get("traceId") })));
  });
}
