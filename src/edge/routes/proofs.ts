import * as z from "zod/mini";
import { auditKeysOf } from "../../identity/audit-keys.ts";
import { callObject } from "../../platform/call.ts";
import { responseOf } from "../../wire/partita/answers.ts";
import { query, wholeNumber } from "../query.ts";
import type { Edge, EdgeContext } from "../env.ts";
import { authorOf } from "../identity.ts";
import { orRefuse, Refused } from "../refused.ts";
import type { Guards } from "../guards.ts";
export const eventIdShape = /^[1-9]\d{0,15}$/;
/** How long the keys may be kept, in seconds: a key is published before it signs. */
const keysMaxAge = 300;

const asking = (c: EdgeContext) => ({
  traceId: c.get("traceId"),
  reader: orRefuse(authorOf(c.get("partitionAccess").identity, c.req.raw)).author,
});

export const readAuditConsistencyQuery = {
  from: wholeNumber("The events of the earlier signed head.", 1_024),
  size: z.optional(wholeNumber("Those of the later one; absent: the newest.", 2_048)),
};

export const readAuditProofQuery = {
  size: z.optional(wholeNumber("By the signed head of this many events; absent: the newest.", 1_024)),
};

/** Signed heads of the log, proofs that an event is in it, and the keys that verify them. */
export function proofRoutes(app: Edge, { requireRead }: Guards): void {
  app.get("/v1/partitions/:partition/proofs/head", requireRead, async (c) => {
    const context = asking(c);
    return responseOf(await callObject(c.get("partitionAccess").stub, (object) => object.readAuditHead(context)));
  });

  // Before the route of one event: no event has this name.
  app.get("/v1/partitions/:partition/proofs/consistency", requireRead, query(readAuditConsistencyQuery), async (c) => {
    const asked = { ...c.req.valid("query"), context: asking(c) };
    return responseOf(await callObject(c.get("partitionAccess").stub, (object) => object.readAuditConsistency(asked)));
  });

  app.get("/v1/partitions/:partition/proofs/:event", requireRead, query(readAuditProofQuery), async (c) => {
    const { size } = c.req.valid("query");
    const asked = { eventId: eventAt(c), size, context: asking(c) };
    return responseOf(await callObject(c.get("partitionAccess").stub, (object) => object.readAuditProof(asked)));
  });

  app.get("/v1/audit-keys", (c) => {
    const keys = auditKeysOf(c.env);
    if (typeof keys === "string") throw new Refused({ code: "not_configured", detail: keys });
    return c.json({ keys: [...keys.published] }, 200, { "cache-control": `public, max-age=${keysMaxAge}` });
  });
}

/** @throws Refused */
function eventAt(c: EdgeContext): number {
  const text = c.req.param("event") ?? "";
  const eventId = Number(text);
  if (eventIdShape.test(text) && Number.isSafeInteger(eventId)) return eventId;
  throw new Refused({ code: "bad_request", detail: "An event is named by its number, from 1 on." });
}
