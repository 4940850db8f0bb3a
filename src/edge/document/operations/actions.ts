import { actionsKeptMax } from "../../../tenant/actions.ts";
import { actionList } from "../actions-schemas.ts";
import { authenticationRefusals, json, parameters } from "../parts.ts";
import { listActionsQuery } from "../../routes/actions.ts";
import type { Operations } from "../operation.ts";

export const actionsOperations: Operations = {
  "GET /v1/audit": {
    query: listActionsQuery,
    operationId: "listActions",
    summary: "List what administrators have done",
    description: `Each administrative request of the tenant, the latest first: who, when, what, and why (\`Partita-Reason\` of the request). It is noted before it is done, so one that was refused is listed, too. The newest ${actionsKeptMax.toLocaleString("en")} are kept, and each is also a line of the log. Needs \`admin:audit\`.`,
    tags: ["Tenant"],
    security: [{ token: [] }, {}],
    parameters: parameters("traceparent"),
    responses: {
      200: json("A page of the list.", actionList, {
        actions: [
          {
            seq: 12,
            at: 1_800_000_000_000,
            principal: "root",
            action: "partition.drain",
            partition: "room",
            reason: "a deployment",
            details: { seconds: 10 },
            traceId: "4bf92f3577b34da6a3ce929d0e0e4736",
          },
        ],
      }),
      ...authenticationRefusals(),
    },
  },
};
