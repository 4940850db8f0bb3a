import * as z from "zod/mini";
import { authenticationRefusals, json, parameters } from "../parts.ts";
import type { Operations } from "../operation.ts";

const result = z.object({ status: z.literal("passed"), connectMs: z.int(), commitMs: z.int(), broadcastMs: z.int() });

export const checkOperations: Operations = {
  "POST /v1/check": {
    operationId: "check",
    summary: "Test a draft from end to end",
    description:
      "Submits an event to a canary partition of the server, and waits until another connection receives it. For a monitor, about once a minute. Needs `admin:check`.",
    tags: ["Server"],
    security: [{ token: [] }, {}],
    parameters: parameters("traceparent"),
    responses: {
      200: json("The check passed.", result, { status: "passed", connectMs: 4, commitMs: 2, broadcastMs: 1 }),
      ...authenticationRefusals(),
    },
  },
};
