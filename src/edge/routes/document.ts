import { findTargetHandler } from "hono/utils/handler";
import { describeRoute, generateSpecs, uniqueSymbol, validator } from "hono-openapi";
import * as z from "zod/mini";
import { documentation } from "../document/document.ts";
import { modelSchemas } from "../document/model-schemas.ts";
import { operations } from "../document/operations/index.ts";
import type { ModelRegistry } from "../../model/index.ts";
import type { Edge } from "../env.ts";
import { newEdge } from "../hono.ts";

/** `/openapi.json`: the descriptions of the routes of `app`, and the event types of the application's models. */
export function documentRoutes(app: Edge, { models }: { models: ModelRegistry }): void {
  // When it is asked for: a Worker that starts for something else does not pay for it.
  let document: Awaited<ReturnType<typeof generateSpecs>> | undefined;
  const make = () => {
    const components = { ...documentation.components, schemas: modelSchemas(models) };
    return generateSpecs(describedOf(app), {
      documentation: { ...documentation, components },
      excludeStaticFile: false,
    });
  };
  app.get("/openapi.json", async (c) => c.json((document ??= await make())));
}

const nothing = (): Response => new Response();

/** The routes of `app` that are described, with their descriptions: those that an application has added describe themselves. */
function describedOf(app: Edge): Edge {
  const described = newEdge();
  const seen = new Set<string>();
  for (const { method, path, handler } of app.routes) {
    if (uniqueSymbol in findTargetHandler(handler)) described.on(method, path, handler, nothing);
    const operation = operations[`${method} ${path}`];
    if (!operation || seen.has(`${method} ${path}`)) continue;
    seen.add(`${method} ${path}`);
    const { query, ...description } = operation;
    if (query) described.on(method, path, describeRoute(description), validator("query", z.object(query)), nothing);
    else described.on(method, path, describeRoute(description), nothing);
  }
  return described;
}
