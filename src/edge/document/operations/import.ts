import { resolver } from "hono-openapi";
import { bounds } from "../../../protocol/index.ts";
import { importAnswer, importShape } from "../import-schemas.ts";
import { json, partitionParameters, partitionRefusals } from "../parts.ts";
import type { Operations } from "../operation.ts";

export const importOperations: Operations = {
  "POST /v1/partitions/:partition/import": {
    operationId: "importEvents",
    summary: "Import events of another server",
    description: `Appends the next events of the log with the numbers, ids and times that they have on a server of the package \`insieme\`, or on another one of this kind. Each is checked like a draft, and causes no effects. They are imported in order up to the first that does not fit. At most ${bounds.batchEventsMax} events and ${bounds.postedBytesMax} bytes. Needs \`admin:import\`. A retry is safe: each event has its place.`,
    tags: ["Events"],
    security: [{ token: [] }, {}],
    parameters: partitionParameters("traceparent"),
    requestBody: {
      required: true,
      content: {
        "application/json": {
          schema: resolver(importShape),
          example: {
            events: [
              {
                committedId: 1,
                id: "01965c2e-7c1a-7b3e-9f00-000000000001",
                projectId: "room",
                partition: "scores",
                type: "set",
                schemaVersion: 1,
                payload: { target: "title", value: "Chaconne" },
                meta: { clientTs: 1_699_999_999_000 },
                serverTs: 1_700_000_000_000,
              },
            ],
          },
        },
      },
    },
    responses: {
      200: json("How many events were imported.", importAnswer, { imported: 1 }),
      ...partitionRefusals(
        "rate_limited",
        "payload_too_large",
        "validation_failed",
        "unknown_event_type",
        "unknown_event_version",
        "conflict",
        "invariant_violated",
        "draft_too_expensive",
        "idempotency_key_reused",
        "draft_failed",
        "quarantined",
        "rebuilding",
        "state_too_large",
        "storage_full",
        "read_only",
        "overloaded",
        "quota_exceeded",
      ),
    },
  },
};
