import { cors } from "hono/cors";
import { NONCE, secureHeaders } from "hono/secure-headers";
import type { EdgeMiddleware } from "./env.ts";
import { isAllowedOrigin } from "./origins.ts";
import { Refused } from "./refused.ts";
import { headersOfPages } from "../protocol/headers.ts";

/** How long a browser may cache the answer to a preflight request, in seconds. */
const preflightSecondsMax = 600;

const common = {
  // A route may have set its own.
  overwrite: false,
  referrerPolicy: "no-referrer",
  xFrameOptions: "DENY",
  // Only old browsers know these.
  xDownloadOptions: false,
  xXssProtection: false,
} as const;
const nothing = { defaultSrc: ["'none'"], baseUri: ["'none'"], formAction: ["'none'"], frameAncestors: ["'none'"] };
const overHttp = { ...common, strictTransportSecurity: false, contentSecurityPolicy: nothing } as const;
const overTls = { ...overHttp, strictTransportSecurity: "max-age=31536000; includeSubDomains" } as const;
const styled = { ...nothing, styleSrc: [NONCE] };

const byScheme = (http: EdgeMiddleware, tls: EdgeMiddleware): EdgeMiddleware => {
  return (c, next) => (c.req.url.startsWith("https:") ? tls : http)(c, next);
};

/** The security headers of API responses. No browser runs or shows them. */
export const secureResponses = byScheme(secureHeaders(overHttp), secureHeaders(overTls));
/** The security headers of pages: the same, but a page may have a style element. */
export const securePages = byScheme(
  secureHeaders({ ...overHttp, contentSecurityPolicy: styled }),
  secureHeaders({ ...overTls, contentSecurityPolicy: styled }),
);

/** Lets pages of allowed origins read responses, and answers their preflight requests. There are no cookies. */
const corsForAllowed = cors({
  origin: (origin, c) => (isAllowedOrigin(origin, new URL(c.req.url), c.env) ? origin : null),
  allowMethods: ["DELETE", "GET", "HEAD", "POST", "PUT"],
  allowHeaders: headersOfPages("request"),
  exposeHeaders: headersOfPages("response"),
  maxAge: preflightSecondsMax,
});

/** CORS for requests with an `Origin`. The routes still refuse origins that are not allowed. */
export const allowOrigins: EdgeMiddleware = async (c, next) => {
  const origin = c.req.header("origin");
  const isPreflight = c.req.method === "OPTIONS" && c.req.header("access-control-request-method") !== undefined;
  // The routes answer a plain OPTIONS.
  if (origin === undefined || (c.req.method === "OPTIONS" && !isPreflight)) {
    await next();
    // A cache must not use this response for a request from a page.
    c.res.headers.append("vary", "Origin");
    return undefined;
  }
  if (isPreflight && !isAllowedOrigin(origin, new URL(c.req.url), c.env)) {
    throw new Refused({ code: "origin_not_allowed", detail: "Pages from this origin may not connect." });
  }
  return await corsForAllowed(c, next);
};
