import { describeRoute } from "hono-openapi";
import { type ErrorCode, errorStatuses } from "../../protocol/index.ts";
import { page, parameters, refusals } from "../document/parts.ts";
import type { Edge } from "../env.ts";
import { problemList, problemPage } from "../problem-pages.ts";
import { Refused } from "../refused.ts";
import { securePages } from "../security.ts";

/** The pages that the `type` of a problem refers to. */
export function problemRoutes(app: Edge): void {
  app.get(
    "/problems",
    describeRoute({
      operationId: "listProblems",
      summary: "All problems, as a page",
      tags: ["Server"],
      parameters: parameters("traceparent"),
      responses: { 200: page("The codes, and what they mean."), ...refusals() },
    }),
    securePages,
    (c) => c.html(problemList(c.get("secureHeadersNonce")!)),
  );

  app.get(
    "/problems/:code",
    describeRoute({
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
    }),
    securePages,
    (c) => {
      const code = c.req.param("code");
      if (!Object.hasOwn(errorStatuses, code)) {
        throw new Refused({ code: "not_found", detail: "There is no problem with this code: see /problems." });
      }
      return c.html(problemPage(code as ErrorCode, c.get("secureHeadersNonce")!));
    },
  );
}
