import type { EdgeMiddleware } from "./env.ts";

/** The response header that names the request's trace. */
export const traceHeader = "Partita-Trace-Id";

const traceparent = /^00-([0-9a-f]{32})-([0-9a-f]{16})-[0-9a-f]{2}$/;

/** The trace id of a `traceparent` header (W3C trace context, version 00); undefined where it is none. */
function traceIdOf(header: string | null | undefined): string | undefined {
  const [, traceId, parentId] = traceparent.exec(header ?? "") ?? [];
  return traceId === undefined || isZero(traceId) || isZero(parentId!) ? undefined : traceId;
}

/** Gives each request its trace id: the one it has come with, or a new one; and names it in the response. */
export const traces: EdgeMiddleware = async (c, next) => {
  c.set("traceId", traceIdOf(c.req.header("traceparent")) ?? crypto.randomUUID().replaceAll("-", ""));
  await next();
  c.res.headers.set(traceHeader, c.get("traceId"));
};

function isZero(hexadecimal: string): boolean {
  return /^0*$/.test(hexadecimal);
}
