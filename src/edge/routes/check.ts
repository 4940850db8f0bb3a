import type { Application } from "../../objects/application.ts";
import { describeRoute } from "hono-openapi";
import * as z from "zod/mini";
import { defaultTenant } from "../../identity/verify.ts";
import { canaryName } from "../../models/canary/index.ts";
import { stubOf } from "../../platform/placement.ts";
import { check } from "../check.ts";
import { doorRefusals, json, parameters } from "../document/parts.ts";
import type { Edge } from "../env.ts";
import { accepted } from "../refused.ts";
import type { Doors } from "../visitor.ts";

const result = z.object({ status: z.literal("passed"), connectMs: z.int(), commitMs: z.int(), broadcastMs: z.int() });

export function checkRoutes(app: Edge, { administers }: Doors, { placementOf }: Application): void {
  app.post(
    "/v1/check",
    describeRoute({
      operationId: "check",
      summary: "A draft, all the way",
      description:
        "Submits an event to a partition of the server's own, and waits until another connection is told of it. For a monitor, every minute or so. Needs `admin:check`.",
      tags: ["Server"],
      security: [{ token: [] }, {}],
      parameters: parameters("traceparent"),
      responses: {
        200: json("It works.", result, { status: "passed", connectMs: 4, commitMs: 2, broadcastMs: 1 }),
        ...doorRefusals(),
      },
    }),
    administers("admin:check"),
    async (c) => {
      const name = `${defaultTenant}/${canaryName(Date.now())}`;
      const canary = () => stubOf(c.env.PARTITIONS, name, placementOf(defaultTenant));
      return c.json(accepted(await check(canary, c.get("traceId"))));
    },
  );
}
