import type { StreamRequest } from "../../platform/rpc.ts";
import * as z from "zod/mini";
import { responseOf } from "../../wire/partita/answers.ts";
import { bounds, postedShape } from "../../protocol/index.ts";
import { readJson } from "../body.ts";
import { callObject } from "../../platform/call.ts";
import {
  annotationsParameter,
  authorsParameter,
  correlationsParameter,
  proofParameter,
  proofsParameter,
  query,
  wholeNumber,
} from "../query.ts";
import type { Edge, EdgeContext } from "../env.ts";
import { authorOf, readerOf } from "../identity.ts";
import { orRefuse, Refused } from "../refused.ts";
import type { Guards } from "../guards.ts";

/** The number of an event, and its proof if the stream has proofs. */
export const lastSeenShape = /^(\d{1,16})(?:\.([\x21-\x7e]{1,128}))?$/;

export const followEventsQuery = {
  since: z.optional(wholeNumber("The stream begins after this event; absent means at the head.", 6)),
  proof: proofParameter,
  proofs: proofsParameter,
  authors: authorsParameter,
  correlations: correlationsParameter,
  annotations: annotationsParameter,
};

export function streamRoutes(app: Edge, { requireRead, requireReadOrTicket }: Guards): void {
  app.get("/v1/partitions/:partition/events/stream", requireReadOrTicket, query(followEventsQuery), async (c) => {
    const { author } = orRefuse(authorOf(c.get("partitionAccess").identity, c.req.raw));
    // A reader that reconnects continues after the last event that it saw, not where it began.
    const { proofs, authors, correlations, annotations, ...asked } = c.req.valid("query");
    const after = lastSeen(c.req.header("last-event-id")) ?? asked;
    return await openStream(c, {
      kind: "events",
      author,
      ...after,
      proofs: proofs === "true",
      authors: authors === "true",
      correlations: correlations === "true",
      annotations: annotations === "true",
    });
  });

  app.post(
    "/v1/partitions/:partition/connection",
    requireRead,
    async (c) => await openStream(c, { kind: "connection", author: readerOf(c.get("partitionAccess").identity) }),
  );

  app.post("/v1/partitions/:partition/connection/:id", requireRead, async (c) => {
    const { identity, stub } = c.get("partitionAccess");
    const { before, frames } = orRefuse(await readJson(c.req.raw, postedShape, bounds.postedBytesMax)).value;
    const posted = {
      id: c.req.param("id"),
      author: readerOf(identity),
      before,
      frames,
      traceId: c.get("traceId"),
    };
    return responseOf(await callObject(stub, (object) => object.postFrames(posted)));
  });
}

async function openStream(c: EdgeContext, stream: StreamRequest): Promise<Response> {
  const traceparent = c.req.header("traceparent");
  const sent: Record<string, string> = traceparent === undefined ? {} : { traceparent };
  const {
    status,
    body,
    headers: given,
  } = await callObject(c.get("partitionAccess").stub, (object) => object.openStream(stream, sent));
  // The headers of a fetched response are read-only.
  return new Response(body, { status, headers: new Headers(given) });
}

/** @throws Refused where the header is not an id of a stream of events. */
function lastSeen(header: string | undefined): { since: number; proof: string | undefined } | undefined {
  if (header === undefined) return undefined;
  const [, digits, proof] = lastSeenShape.exec(header) ?? [];
  const since = Number(digits);
  if (Number.isSafeInteger(since)) return { since, proof };
  throw new Refused({
    code: "bad_request",
    detail: '"Last-Event-ID" must be a whole number from 0 on.',
    errors: [{ field: "Last-Event-ID", code: "invalid_type", message: "Not a whole number from 0 on." }],
  });
}
