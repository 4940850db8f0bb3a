import { authenticationRefusals, headers, parameters } from "../parts.ts";
import type { Operations } from "../operation.ts";

export const metricsOperations: Operations = {
  "GET /metrics": {
    operationId: "readMetrics",
    summary: "Read the metrics of the tenant",
    description:
      "As text for Prometheus. Partitions report every ten seconds while they are in use; the 20 hottest are named, the others are summed up. Needs `admin:metrics`.",
    tags: ["Server"],
    security: [{ token: [] }, {}],
    parameters: parameters("traceparent"),
    responses: {
      200: {
        description: "The metrics.",
        headers: headers(),
        content: {
          "text/plain": {
            schema: { type: "string" },
            example: '# TYPE partita_events_total counter\npartita_events_total{tenant="default"} 42\n',
          },
        },
      },
      ...authenticationRefusals("not_configured"),
    },
  },
};
