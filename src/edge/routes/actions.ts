import { describeRoute } from "hono-openapi";
import * as z from "zod/mini";
import { callObject } from "../../platform/call.ts";
import { actionsKeptMax } from "../../tenant/actions.ts";
import { actionList } from "../document/actions-schemas.ts";
import { authenticationRefusals, json, parameters } from "../document/parts.ts";
import { query, wholeNumber } from "../document/query.ts";
import type { Edge } from "../env.ts";
import type { Guards } from "../guards.ts";

const limitMax = 100;

/** The list of what administrators have done. */
export function actionRoutes(app: Edge, { requireAdmin }: Guards): void {
  app.get(
    "/v1/audit",
    describeRoute({
      operationId: "listActions",
      summary: "List what administrators have done",
      description: `Each administrative request of the tenant, the latest first: who, when, what, and why (\`Partita-Reason\` of the request). It is noted before it is done, so one that was refused afterwards is listed, too. Entries are never changed; the newest ${actionsKeptMax.toLocaleString("en")} are kept, and each is also a line of the log. Needs \`admin:audit\`.`,
      tags: ["Tenant"],
      security: [{ token: [] }, {}],
      parameters: parameters("traceparent"),
      responses: {
        200: json("A page of the list.", actionList, {
          actions: [
            {
              seq: 12,
              at: 1_800_000_000_000,
              principal: "root",
              action: "partition.drain",
              partition: "room",
              reason: "a deployment",
              details: { seconds: 10 },
              traceId: "4bf92f3577b34da6a3ce929d0e0e4736",
            },
          ],
        }),
        ...authenticationRefusals(),
      },
    }),
    requireAdmin("admin:audit"),
    query({
      before: z.optional(wholeNumber("The number that the page ends before; absent: the latest.", 12)),
      limit: z.optional(wholeNumber(`At most this many, up to ${limitMax}.`, 20)),
    }),
    async (c) => {
      const { before = Number.MAX_SAFE_INTEGER, limit = limitMax } = c.req.valid("query");
      const count = Math.min(Math.max(limit, 1), limitMax);
      const actions = await callObject(c.get("tenantAccess").stub, (tenant) =>
        tenant.actions({ before, limit: count }),
      );
      const last = actions.at(-1);
      return c.json({ actions, ...(last && last.seq > 1 ? { next: last.seq } : {}) });
    },
  );
}
