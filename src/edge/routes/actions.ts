import * as z from "zod/mini";
import { callObject } from "../../platform/call.ts";
import { query, wholeNumber } from "../query.ts";
import type { Edge } from "../env.ts";
import type { Guards } from "../guards.ts";

const limitMax = 100;

export const listActionsQuery = {
  before: z.optional(wholeNumber("The number that the page ends before; absent: the latest.", 12)),
  limit: z.optional(wholeNumber(`At most this many, up to ${limitMax}.`, 20)),
};

/** The list of what administrators have done. */
export function actionRoutes(app: Edge, { requireAdmin }: Guards): void {
  app.get("/v1/audit", requireAdmin("admin:audit"), query(listActionsQuery), async (c) => {
    const { before = Number.MAX_SAFE_INTEGER, limit = limitMax } = c.req.valid("query");
    const count = Math.min(Math.max(limit, 1), limitMax);
    const actions = await callObject(c.get("tenantAccess").stub, (tenant) => tenant.actions({ before, limit: count }));
    const last = actions.at(-1);
    return c.json({ actions, ...(last && last.seq > 1 ? { next: last.seq } : {}) });
  });
}
