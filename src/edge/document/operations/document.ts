import { headers, parameters, refusals } from "../parts.ts";
import type { Operations } from "../operation.ts";

export const documentOperations: Operations = {
  "GET /openapi.json": {
    operationId: "readDocument",
    summary: "This document",
    tags: ["Server"],
    parameters: parameters("traceparent"),
    responses: {
      200: {
        description: "OpenAPI 3.1.",
        headers: headers(),
        content: { "application/json": { schema: { type: "object" } } },
      },
      ...refusals(),
    },
  },
};
