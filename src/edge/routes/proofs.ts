import { describeRoute } from "hono-openapi";
import * as z from "zod/mini";
import { auditKeysOf } from "../../identity/audit-keys.ts";
import { callObject } from "../../platform/call.ts";
import { segmentEvents } from "../../protocol/index.ts";
import { responseOf } from "../../wire/partita/answers.ts";
import { auditConsistency, auditKeySet, auditProof, signedHead } from "../document/audit-schemas.ts";
import { json, parameters, partitionParameters, partitionRefusals, refusals } from "../document/parts.ts";
import { query, wholeNumber } from "../document/query.ts";
import type { Edge, EdgeContext } from "../env.ts";
import { authorOf } from "../identity.ts";
import { orRefuse, Refused } from "../refused.ts";
import type { Guards } from "../guards.ts";

const tags = ["Audit"];
const security = [{ token: [] }, {}];
const eventIdShape = /^[1-9]\d{0,15}$/;
const eventParameter = {
  name: "event",
  in: "path",
  required: true,
  description: "The event, by its number.",
  schema: { type: "string", pattern: eventIdShape.source },
  example: "7",
} as const;
/** The parts of a compact JWS. */
const head = "eyJhbGciOiJFUzI1NiJ9.eyJzaXplIjoxMDI0fQ.c2lnbmF0dXJl";
/** How long the keys may be kept, in seconds: a key is published before it signs. */
const keysMaxAge = 300;

const asking = (c: EdgeContext) => ({
  traceId: c.get("traceId"),
  reader: orRefuse(authorOf(c.get("partitionAccess").identity, c.req.raw)).author,
});

/** Signed heads of the log, proofs that an event is in it, and the keys that verify them. */
export function proofRoutes(app: Edge, { requireRead }: Guards): void {
  app.get(
    "/v1/partitions/:partition/proofs/head",
    describeRoute({
      operationId: "readAuditHead",
      summary: "Read the newest signed head of the log",
      description: `A compact JWS of \`{tenant, partition, logId, size, root, timestamp}\`: \`root\` is that of the Merkle tree (RFC 6962) over the first \`size\` events, a multiple of ${segmentEvents}. Only partitions have one whose model asks for it (\`audit\`). Needs \`read\`.`,
      tags,
      security,
      parameters: partitionParameters("traceparent", "clientId"),
      responses: {
        200: json("The signed head.", signedHead, { head }),
        ...partitionRefusals("not_configured", "rate_limited"),
      },
    }),
    requireRead,
    async (c) => {
      const context = asking(c);
      return responseOf(await callObject(c.get("partitionAccess").stub, (object) => object.readAuditHead(context)));
    },
  );

  // Before the route of one event: no event has this name.
  app.get(
    "/v1/partitions/:partition/proofs/consistency",
    describeRoute({
      operationId: "readAuditConsistency",
      summary: "Read the proof that the log has only grown",
      description:
        "The consistency proof (RFC 6962, 2.1.2) from the signed head of `from` events to the newest, or to that of `size` events: who has kept the earlier head checks with it that nothing of that log was changed. Needs `read`.",
      tags,
      security,
      parameters: partitionParameters("traceparent", "clientId"),
      responses: {
        200: json("The proof.", auditConsistency, { earlier: head, head, path: ["0".repeat(64)] }),
        ...partitionRefusals("not_configured", "rate_limited"),
      },
    }),
    requireRead,
    query({
      from: wholeNumber("The events of the earlier signed head.", 1_024),
      size: z.optional(wholeNumber("Those of the later one; absent: the newest.", 2_048)),
    }),
    async (c) => {
      const asked = { ...c.req.valid("query"), context: asking(c) };
      return responseOf(
        await callObject(c.get("partitionAccess").stub, (object) => object.readAuditConsistency(asked)),
      );
    },
  );

  app.get(
    "/v1/partitions/:partition/proofs/:event",
    describeRoute({
      operationId: "readAuditProof",
      summary: "Read the proof that an event is in the log",
      description:
        "The audit path (RFC 6962, 2.1.1) from the event to the root of the newest signed head, or to that of an earlier one. Needs `read`.",
      tags,
      security,
      parameters: [...partitionParameters("traceparent", "clientId"), eventParameter],
      responses: {
        200: json("The proof.", auditProof, {
          eventId: 7,
          head,
          path: Array.from({ length: 10 }, () => "0".repeat(64)),
        }),
        ...partitionRefusals("not_configured", "rate_limited"),
      },
    }),
    requireRead,
    query({ size: z.optional(wholeNumber("By the signed head of this many events; absent: the newest.", 1_024)) }),
    async (c) => {
      const { size } = c.req.valid("query");
      const asked = { eventId: eventAt(c), size, context: asking(c) };
      return responseOf(await callObject(c.get("partitionAccess").stub, (object) => object.readAuditProof(asked)));
    },
  );

  app.get(
    "/v1/audit-keys",
    describeRoute({
      operationId: "readAuditKeys",
      summary: "Read the keys that verify signed heads",
      description: "A JWK Set of public keys (RFC 7517): the one that signs, and earlier ones. Everybody may read it.",
      tags,
      parameters: parameters("traceparent"),
      responses: {
        200: json(
          "The keys.",
          auditKeySet,
          { keys: [{ kid: "2027", kty: "OKP", crv: "Ed25519", x: "A".repeat(43), alg: "EdDSA", use: "sig" }] },
          "CacheControl",
        ),
        ...refusals("not_configured", "origin_not_allowed", "draining"),
      },
    }),
    (c) => {
      const keys = auditKeysOf(c.env);
      if (typeof keys === "string") throw new Refused({ code: "not_configured", detail: keys });
      return c.json({ keys: [...keys.published] }, 200, { "cache-control": `public, max-age=${keysMaxAge}` });
    },
  );
}

/** @throws Refused */
function eventAt(c: EdgeContext): number {
  const text = c.req.param("event") ?? "";
  const eventId = Number(text);
  if (eventIdShape.test(text) && Number.isSafeInteger(eventId)) return eventId;
  throw new Refused({ code: "bad_request", detail: "An event is named by its number, from 1 on." });
}
