import type { DescribeRouteOptions } from "hono-openapi";
import type * as z from "zod/mini";

/** The description of one route; `query`: the parameters that it reads, as it checks them. */
interface Operation extends DescribeRouteOptions {
  readonly query?: Readonly<Record<string, z.ZodMiniType>>;
}

/** Descriptions by method and path, as `GET /v1/partitions`. */
export type Operations = Readonly<Record<string, Operation>>;
