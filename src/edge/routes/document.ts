import { describeRoute, openAPIRouteHandler } from "hono-openapi";
import { documentation } from "../document/document.ts";
import { headers, parameters, refusals } from "../document/parts.ts";
import type { Edge } from "../env.ts";

/** `/openapi.json`: the descriptions of the routes of `app`. */
export function documentRoutes(app: Edge): void {
  app.get(
    "/openapi.json",
    describeRoute({
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
    }),
    openAPIRouteHandler(app, { documentation, excludeStaticFile: false }),
  );
}
