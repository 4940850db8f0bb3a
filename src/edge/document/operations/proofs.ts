import { segmentEvents } from "../../../protocol/index.ts";
import { auditConsistency, auditKeySet, auditProof, signedHead } from "../audit-schemas.ts";
import { json, parameters, partitionParameters, partitionRefusals, refusals } from "../parts.ts";
import { eventIdShape, readAuditConsistencyQuery, readAuditProofQuery } from "../../routes/proofs.ts";
import type { Operations } from "../operation.ts";

const tags = ["Audit"];
const security = [{ token: [] }, {}];
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

export const proofsOperations: Operations = {
  "GET /v1/partitions/:partition/proofs/head": {
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
  },

  "GET /v1/partitions/:partition/proofs/consistency": {
    query: readAuditConsistencyQuery,
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
  },

  "GET /v1/partitions/:partition/proofs/:event": {
    query: readAuditProofQuery,
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
  },

  "GET /v1/audit-keys": {
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
  },
};
