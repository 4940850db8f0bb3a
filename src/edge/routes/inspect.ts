import * as z from "zod/mini";
import { callObject } from "../../platform/call.ts";
import { bounds, isId } from "../../protocol/index.ts";
import type { Inspected } from "../../shell/inspected.ts";
import { responseOf } from "../../wire/partita/answers.ts";
import { query, wholeNumber } from "../query.ts";
import type { Edge, EdgeContext } from "../env.ts";
import type { Guards } from "../guards.ts";
import { authorOf } from "../identity.ts";
import { orRefuse, Refused } from "../refused.ts";
import { stateResponse } from "./state.ts";

export const path = "/v1/partitions/:partition/inspect";
const limitOf = (limit: number = bounds.inspectedMax) => Math.min(Math.max(limit, 1), bounds.inspectedMax);
const limit = z.optional(wholeNumber(`At most this many, up to ${bounds.inspectedMax}.`, 20));
const after = z.optional(wholeNumber("`next` of the page before; absent: the first page.", 100));
const idOf = (description: string) =>
  z.optional(z.string().check(z.refine(isId, { error: "Not an id." }), z.meta({ description })));

const answer = async (c: EdgeContext, asked: Inspected): Promise<Response> => {
  const call = { asked, context: { traceId: c.get("traceId") } };
  return responseOf(await callObject(c.get("partitionAccess").stub, (object) => object.inspect(call)));
};

export const inspectRejectionsQuery = {
  principal: idOf("Of this principal."),
  draftId: idOf("With this key: of a draft, or of a batch."),
  traceId: z.optional(
    z.string().check(
      z.refine((id) => /^[0-9a-f]{32}$/.test(id), { error: "Not a trace id." }),
      z.meta({ description: "With this trace id." }),
    ),
  ),
  after,
  limit,
};

export const inspectListQuery = { after, limit };

export const inspectStateQuery = { at: wholeNumber("The state after this event.", 7) };

/** What is inside a partition, for who operates it. Nothing of it changes anything. */
export function inspectRoutes(app: Edge, { requireAdmin }: Guards): void {
  const guard = requireAdmin("admin:inspect");

  app.get(path, guard, (c) => answer(c, { what: "overview" }));

  app.get(`${path}/events/:event`, guard, (c) => {
    const eventId = c.req.param("event") ?? "";
    if (!/^[1-9]\d{0,14}$/.test(eventId)) throw new Refused({ code: "bad_request", detail: "Not the id of an event." });
    return answer(c, { what: "event", eventId: Number(eventId) });
  });

  app.get(`${path}/rejections`, guard, query(inspectRejectionsQuery), (c) => {
    const { after: before, limit: most, ...filter } = c.req.valid("query");
    return answer(c, { what: "rejections", filter, before, limit: limitOf(most) });
  });

  app.get(`${path}/state`, guard, query(inspectStateQuery), async (c) => {
    const { at } = c.req.valid("query");
    const { stub, identity } = c.get("partitionAccess");
    const by = orRefuse(authorOf(identity, c.req.raw)).author.principal;
    const asked = { at, by, context: { traceId: c.get("traceId") } };
    return await stateResponse(c, await callObject(stub, (object) => object.travel(asked)));
  });

  for (const what of ["connections", "timers"] as const) {
    app.get(`${path}/${what}`, guard, query(inspectListQuery), (c) => {
      const { after: skip = 0, limit: most } = c.req.valid("query");
      return answer(c, { what, skip, limit: limitOf(most) });
    });
  }
}
