import { describeRoute, generateSpecs } from "hono-openapi";
import { documentation } from "../document/document.ts";
import { modelSchemas } from "../document/model-schemas.ts";
import type { ModelRegistry } from "../../model/index.ts";
import { headers, parameters, refusals } from "../document/parts.ts";
import type { Edge } from "../env.ts";

/** `/openapi.json`: the descriptions of the routes of `app`, and the event types of the application's models. */
export function documentRoutes(app: Edge, { models }: { models: ModelRegistry }): void {
  // When it is asked for: a Worker that starts for something else does not pay for it.
  let document: Awaited<ReturnType<typeof generateSpecs>> | undefined;
  const make = () => {
    const components = { ...documentation.components, schemas: modelSchemas(models) };
    return generateSpecs(app, { documentation: { ...documentation, components }, excludeStaticFile: false });
  };
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
    async (c) => c.json((document ??= await make())),
  );
}
