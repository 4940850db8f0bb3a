import { traceIdOf } from "../platform/trace.ts";
import type { EdgeMiddleware } from "./env.ts";

/** The response header with the trace id of the request. */
export const traceHeader = "Partita-Trace-Id";

/** Sets the trace id of each request, from its `traceparent` or a new one, and sends it in the response. */
export const traceRequests: EdgeMiddleware = async (c, next) => {
  c.set("traceId", traceIdOf(c.req.header("traceparent")) ?? crypto.randomUUID().replaceAll("-", ""));
  await next();
  c.res.headers.set(traceHeader, c.get("traceId"));
};
