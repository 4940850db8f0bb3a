import type { EdgeContext, EdgeMiddleware } from "./env.ts";
import { isAllowedOrigin } from "./origins.ts";
import { Refused } from "./refused.ts";
import { headersOfPages } from "../protocol/headers.ts";

/** How long a browser may cache the answer to a preflight request, in seconds. */
const preflightSecondsMax = 600;

const common = {
  "cross-origin-resource-policy": "same-origin",
  "cross-origin-opener-policy": "same-origin",
  "origin-agent-cluster": "?1",
  "referrer-policy": "no-referrer",
  "x-content-type-options": "nosniff",
  "x-dns-prefetch-control": "off",
  "x-frame-options": "DENY",
  "x-permitted-cross-domain-policies": "none",
};
const overTls = { ...common, "strict-transport-security": "max-age=31536000; includeSubDomains" };
const nothing = "default-src 'none'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'";

/** Sets those that a route has not set itself. */
function secure(c: EdgeContext, contentSecurityPolicy: string): void {
  const headers = c.req.url.startsWith("https:") ? overTls : common;
  for (const [name, value] of Object.entries({ ...headers, "content-security-policy": contentSecurityPolicy })) {
    if (!c.res.headers.has(name)) c.res.headers.set(name, value);
  }
}

/** The security headers of API responses. No browser runs or shows them. */
export const secureResponses: EdgeMiddleware = async (c, next) => {
  await next();
  secure(c, nothing);
};
/** The security headers of pages: the same, but a page may have a style element. */
export const securePages: EdgeMiddleware = async (c, next) => {
  const nonce = btoa(String.fromCharCode(...crypto.getRandomValues(new Uint8Array(16))));
  c.set("nonce", nonce);
  await next();
  secure(c, `${nothing}; style-src 'nonce-${nonce}'`);
};

/** What pages of allowed origins may send. There are no cookies. */
const allowed = {
  "access-control-allow-methods": "DELETE,GET,HEAD,POST,PUT",
  "access-control-allow-headers": headersOfPages("request").join(","),
  "access-control-max-age": `${preflightSecondsMax}`,
  vary: "Origin, Access-Control-Request-Headers",
};
const exposed = headersOfPages("response").join(",");

/**
 * CORS: pages of allowed origins may read responses, and their preflight requests are answered. The routes still refuse
 * origins that are not allowed, and answer a plain OPTIONS.
 */
export const allowOrigins: EdgeMiddleware = async (c, next) => {
  const origin = c.req.header("origin");
  const isAllowed = origin !== undefined && isAllowedOrigin(origin, new URL(c.req.url), c.env);
  if (
    origin !== undefined &&
    c.req.method === "OPTIONS" &&
    c.req.header("access-control-request-method") !== undefined
  ) {
    if (isAllowed) return c.body(null, 204, { ...allowed, "access-control-allow-origin": origin });
    throw new Refused({ code: "origin_not_allowed", detail: "Pages from this origin may not connect." });
  }
  await next();
  const { headers } = c.res;
  // A cache must not use this response for a request from another page.
  headers.append("vary", "Origin");
  if (isAllowed) {
    headers.set("access-control-allow-origin", origin);
    headers.set("access-control-expose-headers", exposed);
  }
  return undefined;
};
