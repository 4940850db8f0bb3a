import { deadLetterExample, tenantDeadLetters } from "../effect-schemas.ts";
import { authenticationRefusals, json, parameters } from "../parts.ts";
import { listTenantDeadLettersQuery } from "../../routes/tenant-dead-letters.ts";
import type { Operations } from "../operation.ts";

export const tenantDeadLettersOperations: Operations = {
  "GET /v1/dead-letters": {
    query: listTenantDeadLettersQuery,
    operationId: "listTenantDeadLetters",
    summary: "List the dead letters of the tenant",
    description:
      "The partitions that had dead letters at their last report, by name, each with its first ones; `next` of a partition is the `after` for the rest, at `/v1/partitions/{partition}/dead-letters`. Those of endpoints are at `/v1/endpoints/{endpoint}/dead-letters`. Needs `admin:effects`.",
    tags: ["Effects"],
    security: [{ token: [] }, {}],
    parameters: parameters("traceparent"),
    responses: {
      200: json("A page of partitions with their dead letters.", tenantDeadLetters, {
        partitions: [
          {
            partition: "orders",
            deadLetters: [deadLetterExample],
          },
        ],
      }),
      ...authenticationRefusals("not_configured", "rate_limited"),
    },
  },
};
