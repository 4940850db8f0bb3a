import { partitionList } from "../directory-schemas.ts";
import { authenticationRefusals, json, parameters } from "../parts.ts";
import { inspectPermission, listPartitionsQuery } from "../../routes/partitions.ts";
import type { Operations } from "../operation.ts";

export const partitionsOperations: Operations = {
  "GET /v1/partitions": {
    query: listPartitionsQuery,
    operationId: "listPartitions",
    summary: "List the partitions of the tenant",
    description: `The partitions that were ever written, that the token is for, and whose state lets the caller read. In pages; a page can have fewer than \`limit\`, or none, and others follow while there is \`next\`. By name; where a model decides by its state who reads, only within a page, and \`prefix\` filters the pages without making them fewer: what the caller may not read must not show. Needs \`read\`. With \`${inspectPermission}\`: all that the token is for, with their figures, and the parameters \`only\` and \`order\`. Figures are those of the last report: a partition reports its first event at once, and at most once in ten seconds while it is used.`,
    tags: ["Tenant"],
    security: [{ token: [] }, {}],
    parameters: parameters("traceparent"),
    responses: {
      200: json("A page of the list.", partitionList, {
        partitions: [
          {
            partition: "room",
            createdAt: 1_799_000_000_000,
            activeAt: 1_800_000_000_000,
            head: 42,
            logBytes: 5_120,
            stateBytes: 2_048,
            fullest: { bound: "connections", share: 0.003 },
            quarantined: false,
            deadLetters: 0,
            connections: 3,
            eventsPerSecond: 1.5,
          },
        ],
      }),
      ...authenticationRefusals("not_configured"),
    },
  },
};
