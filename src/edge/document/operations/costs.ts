import { costList } from "../directory-schemas.ts";
import { json, partitionParameters, partitionRefusals } from "../parts.ts";
import type { Operations } from "../operation.ts";

export const costsOperations: Operations = {
  "GET /v1/partitions/:partition/costs": {
    operationId: "readCosts",
    summary: "Read what a partition costs",
    description:
      "What the object of the partition has used of what is billed, by day, of 35 days. What it had not reported when it slept is missing: compare `events` with the log. Needs `admin:metrics`.",
    tags: ["Server"],
    security: [{ token: [] }, {}],
    parameters: partitionParameters("traceparent"),
    responses: {
      200: json("What it has used.", costList, {
        costs: [
          {
            day: "2026-11-30",
            requests: 120,
            socketMessages: 4_000,
            billedRequests: 320,
            rowsRead: 9_000,
            rowsWritten: 8_200,
            activeMs: 60_000,
            gigabyteSeconds: 7.68,
            storedBytes: 1_048_576,
            events: 4_000,
          },
        ],
      }),
      ...partitionRefusals("rate_limited", "not_configured"),
    },
  },
};
