import { describeRoute } from "hono-openapi";
import * as z from "zod/mini";
import { bounds } from "../../protocol/index.ts";
import { callObject } from "../../platform/call.ts";
import { headers, json, partitionParameters, partitionRefusals } from "../document/parts.ts";
import { proofsParameter, query, wholeNumber } from "../document/query.ts";
import { stateRead } from "../document/schemas.ts";
import type { Edge, EdgeContext } from "../env.ts";
import { authorOf } from "../identity.ts";
import { orRefuse } from "../refused.ts";
import { type AnswerBody, type HttpAnswer, responseOf } from "../../wire/partita/answers.ts";
import type { Guards } from "../guards.ts";

export function stateRoutes(app: Edge, { requireRead }: Guards): void {
  app.get(
    "/v1/partitions/:partition/state",
    describeRoute({
      operationId: "readState",
      summary: "Read the state, now or after any event",
      description: `The state that the model's reducers compute from the log up to an event. At most ${bounds.replayEventsMax} events, and ${bounds.replayBytesMax} bytes with the snapshot itself, are replayed from the nearest snapshot. The \`ETag\` is a weak one, because the order of keys may differ.`,
      tags: ["State"],
      security: [{ token: [] }, {}],
      parameters: partitionParameters("ifNoneMatch", "traceparent", "clientId"),
      responses: {
        200: json(
          "The state.",
          stateRead,
          { state: { title: "Chaconne" }, eventIndex: 7 },
          "ETag",
          "CacheControl",
          "Vary",
        ),
        304: {
          description: "The client's copy is still current.",
          headers: headers("ETag", "CacheControl", "Vary"),
        },
        ...partitionRefusals("cursor_ahead", "too_expensive", "quarantined", "rebuilding", "rate_limited"),
      },
    }),
    requireRead,
    query({
      at: z.optional(wholeNumber("The state after this event; absent means the head.", 7)),
      proofs: proofsParameter,
    }),
    async (c) => {
      const { at, proofs } = c.req.valid("query");
      const context = {
        traceId: c.get("traceId"),
        ifNoneMatch: c.req.header("if-none-match"),
        reader: orRefuse(authorOf(c.get("partitionAccess").identity, c.req.raw)).author,
      };
      const asked = { at, context, proofs: proofs === "true" };
      return await stateResponse(
        c,
        await callObject(c.get("partitionAccess").stub, (object) => object.readState(asked)),
      );
    },
  );
}

/** The response with a state, which can be a stream. */
export async function stateResponse(c: EdgeContext, answer: HttpAnswer<AnswerBody>): Promise<Response> {
  if (c.req.method !== "HEAD" || typeof answer.body === "string") return responseOf(answer);
  // A body that is never read would keep what it is made of until its writer gives up.
  await answer.body.cancel();
  return responseOf({ ...answer, body: "" });
}
