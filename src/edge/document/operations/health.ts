import { json, parameters, refusals } from "../parts.ts";
import { health } from "../schemas.ts";
import type { Operations } from "../operation.ts";

export const healthOperations: Operations = {
  "GET /livez": {
    operationId: "isAlive",
    summary: "Whether the server is alive",
    description: "Answers without any I/O.",
    tags: ["Server"],
    parameters: parameters("traceparent"),
    responses: { 200: json("The server is alive.", health("alive"), { status: "alive" }), ...refusals() },
  },

  "GET /readyz": {
    operationId: "isReady",
    summary: "Whether the server is ready",
    description:
      "Whether the settings say who may connect, and an object, which is asked, has a current schema and a storage that can be read.",
    tags: ["Server"],
    parameters: parameters("traceparent"),
    responses: {
      200: json("The server is ready.", health("ready"), { status: "ready" }),
      ...refusals("storage_unavailable", "schema_mismatch", "partition_unavailable", "not_configured"),
    },
  },
};
