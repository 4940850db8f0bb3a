import type { MiddlewareHandler } from "hono";
import { describeRoute as describe, type DescribeRouteOptions, resolver } from "hono-openapi";
import type * as z from "zod/mini";

/** What a route of an application says of itself: an operation as in OpenAPI 3.1. A schema is `schemaOf` one of zod, or a JSON Schema. */
export interface RouteDescription {
  readonly operationId?: string;
  readonly summary?: string;
  readonly description?: string;
  readonly tags?: readonly string[];
  readonly security?: readonly Readonly<Record<string, readonly string[]>>[];
  readonly parameters?: readonly object[];
  readonly requestBody?: {
    readonly description?: string;
    readonly required?: boolean;
    readonly content: DescribedContent;
  };
  /** By status. */
  readonly responses: Readonly<Record<string, { readonly description: string; readonly content?: DescribedContent }>>;
}

/** By media type. */
export type DescribedContent = Readonly<Record<string, { readonly schema: object; readonly example?: unknown }>>;

/** Middleware that does nothing but have `/openapi.json` describe its route. */
export function describeRoute(description: RouteDescription): MiddlewareHandler {
  return describe(description as DescribeRouteOptions);
}

/** A schema of zod, of the messages of a described route. */
export function schemaOf(schema: z.core.$ZodType): object {
  return resolver(schema as z.ZodMiniType);
}
