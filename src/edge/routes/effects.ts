import * as z from "zod/mini";
import { callObject } from "../../platform/call.ts";
import { bounds } from "../../protocol/index.ts";
import { responseOf } from "../../wire/partita/answers.ts";
import { query, wholeNumber } from "../query.ts";
import type { Edge, EdgeContext } from "../env.ts";
import type { Guards } from "../guards.ts";
import { note } from "../note.ts";

export const path = "/v1/partitions/:partition/dead-letters";

const asking = (c: EdgeContext) => ({ traceId: c.get("traceId") });
const one = (c: EdgeContext) => ({ effectId: c.req.param("effect")!, context: asking(c) });

export const listPartitionDeadLettersQuery = {
  after: z.optional(
    z.string().check(z.meta({ description: "The effect after which the page begins; absent: the first page." })),
  ),
  limit: z.optional(wholeNumber(`At most this many, up to ${bounds.deadLettersPageMax}.`, 20)),
};

/** The effects of a partition that were given up. */
export function effectRoutes(app: Edge, { requireAdmin }: Guards): void {
  const guard = requireAdmin("admin:effects");

  app.get(path, guard, query(listPartitionDeadLettersQuery), async (c) => {
    const { after, limit = bounds.deadLettersPageMax } = c.req.valid("query");
    const count = Math.min(Math.max(limit, 1), bounds.deadLettersPageMax);
    const { stub } = c.get("partitionAccess");
    return responseOf(
      await callObject(stub, (object) => object.listDeadLetters({ after, limit: count, context: asking(c) })),
    );
  });

  app.get(`${path}/:effect`, guard, async (c) =>
    responseOf(await callObject(c.get("partitionAccess").stub, (object) => object.readDeadLetter(one(c)))),
  );

  app.post(`${path}/:effect/replay`, guard, async (c) => {
    await note(c, "dead-letter.replay", { effect: c.req.param("effect")! });
    return responseOf(await callObject(c.get("partitionAccess").stub, (object) => object.replayDeadLetter(one(c))));
  });

  app.delete(`${path}/:effect`, guard, async (c) => {
    await note(c, "dead-letter.discard", { effect: c.req.param("effect")! });
    return responseOf(await callObject(c.get("partitionAccess").stub, (object) => object.discardDeadLetter(one(c))));
  });
}
