import * as z from "zod/mini";
import { callObject } from "../../platform/call.ts";
import { proofsParameter, query, wholeNumber } from "../query.ts";
import type { Edge, EdgeContext } from "../env.ts";
import { authorOf } from "../identity.ts";
import { orRefuse } from "../refused.ts";
import { type AnswerBody, type HttpAnswer, responseOf } from "../../wire/partita/answers.ts";
import type { Guards } from "../guards.ts";

export const readStateQuery = {
  at: z.optional(wholeNumber("The state after this event; absent means the head.", 7)),
  proofs: proofsParameter,
};

export function stateRoutes(app: Edge, { requireRead }: Guards): void {
  app.get("/v1/partitions/:partition/state", requireRead, query(readStateQuery), async (c) => {
    const { at, proofs } = c.req.valid("query");
    const context = {
      traceId: c.get("traceId"),
      ifNoneMatch: c.req.header("if-none-match"),
      reader: orRefuse(authorOf(c.get("partitionAccess").identity, c.req.raw)).author,
    };
    const asked = { at, context, proofs: proofs === "true" };
    return await stateResponse(c, await callObject(c.get("partitionAccess").stub, (object) => object.readState(asked)));
  });
}

/** The response with a state, which can be a stream. */
export async function stateResponse(c: EdgeContext, answer: HttpAnswer<AnswerBody>): Promise<Response> {
  if (c.req.method !== "HEAD" || typeof answer.body === "string") return responseOf(answer);
  // A body that is never read would keep what it is made of until its writer gives up.
  await answer.body.cancel();
  return responseOf({ ...answer, body: "" });
}
