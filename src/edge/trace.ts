import { traceIdOf } from "../platform/trace.ts";
import type { EdgeMiddleware } from "./env.ts";

/** The response header that names the request's trace. */
export const traceHeader = "Partita-Trace-Id";

/** Gives each request its trace id: the one it has come with, or a new one; and names it in the response. */
export const traces: EdgeMiddleware = async (c, next) => {
  c.set("traceId", traceIdOf(c.req.header("traceparent")) ?? crypto.randomUUID().replaceAll("-", ""));
  await next();
  c.res.headers.set(traceHeader, c.get("traceId"));
};
