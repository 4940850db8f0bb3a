import { isolateUse } from "../platform/isolate.ts";
import { traceIdOf } from "../platform/trace.ts";
import { headers } from "../protocol/headers.ts";
import type { EdgeMiddleware } from "./env.ts";

/**
 * Sets the trace id of each request, from its `traceparent` or a new one, and sends it in the response. Notes that it uses
 * the isolate, which in local development is that of the partitions.
 */
export const traceRequests: EdgeMiddleware = async (c, next) => {
  isolateUse.note(traceRequests);
  c.set("traceId", traceIdOf(c.req.header(headers.traceparent.name)) ?? crypto.randomUUID().replaceAll("-", ""));
  await next();
  c.res.headers.set(headers.traceId.name, c.get("traceId"));
};
