import { json, partitionParameters, partitionRefusals } from "../parts.ts";
import { verifiedRead } from "../schemas.ts";
import type { Operations } from "../operation.ts";

export const verifyOperations: Operations = {
  "GET /v1/partitions/:partition/verify": {
    operationId: "verifyPartition",
    summary: "Verify a partition",
    description:
      "Folds the log from its first event, and compares with it the newest snapshot, the sealed segments of the audit, the state in memory and the effects that wait. The partition goes on meanwhile. Where `done` is false after five seconds, ask again, and it goes on. A result is kept for a minute. Needs `admin:inspect`.",
    tags: ["State"],
    security: [{ token: [] }, {}],
    parameters: partitionParameters("traceparent"),
    responses: {
      200: json("How far it is, and what was found.", verifiedRead, {
        verified: { eventId: 42, of: 42, done: true, compared: ["snapshot", "effects", "state"], findings: [] },
      }),
      ...partitionRefusals("rate_limited", "too_expensive", "rebuilding", "quarantined"),
    },
  },
};
