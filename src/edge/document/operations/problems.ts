import { errorStatuses } from "../../../protocol/index.ts";
import { page, parameters, refusals } from "../parts.ts";
import type { Operations } from "../operation.ts";

export const problemsOperations: Operations = {
  "GET /problems": {
    operationId: "listProblems",
    summary: "All problems, as a page",
    tags: ["Server"],
    parameters: parameters("traceparent"),
    responses: { 200: page("The codes, and what they mean."), ...refusals() },
  },

  "GET /problems/:code": {
    operationId: "explainProblem",
    summary: "One problem, as a page",
    description: "The `type` of a problem document is this address.",
    tags: ["Server"],
    parameters: [
      {
        name: "code",
        in: "path",
        required: true,
        description: "The `code` of a problem.",
        schema: { type: "string", enum: Object.keys(errorStatuses) },
        example: "conflict",
      },
      ...parameters("traceparent"),
    ],
    responses: { 200: page("What the code means, and what to do."), ...refusals("not_found") },
  },
};
