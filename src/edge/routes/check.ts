import type { Application } from "../../objects/application.ts";
import { describeRoute } from "hono-openapi";
import * as z from "zod/mini";
import { defaultTenant } from "../../identity/verify.ts";
import { canaryName } from "../../models/canary/index.ts";
import { partitionCalls } from "../../objects/partition-calls.ts";
import { stubOf } from "../../platform/placement.ts";
import { check } from "../check.ts";
import { authenticationRefusals, json, parameters } from "../document/parts.ts";
import type { Edge } from "../env.ts";
import { orRefuse } from "../refused.ts";
import type { Guards } from "../guards.ts";

const result = z.object({ status: z.literal("passed"), connectMs: z.int(), commitMs: z.int(), broadcastMs: z.int() });

export function checkRoutes(app: Edge, { requireAdminOfSome }: Guards, { placementOf }: Application): void {
  app.post(
    "/v1/check",
    describeRoute({
      operationId: "check",
      summary: "Test a draft from end to end",
      description:
        "Submits an event to a canary partition of the server, and waits until another connection receives it. For a monitor, about once a minute. Needs `admin:check`.",
      tags: ["Server"],
      security: [{ token: [] }, {}],
      parameters: parameters("traceparent"),
      responses: {
        200: json("The check passed.", result, { status: "passed", connectMs: 4, commitMs: 2, broadcastMs: 1 }),
        ...authenticationRefusals(),
      },
    }),
    requireAdminOfSome("admin:check"),
    async (c) => {
      const name = `${defaultTenant}/${canaryName(Date.now())}`;
      const canary = () => partitionCalls(stubOf(c.env.PARTITIONS, name, placementOf(defaultTenant)));
      return c.json(orRefuse(await check(canary, c.get("traceId"))));
    },
  );
}
