import { cors } from "hono/cors";
import { NONCE, secureHeaders } from "hono/secure-headers";
import type { EdgeMiddleware } from "./env.ts";
import { isAllowedOrigin } from "./origins.ts";
import { Refused } from "./refused.ts";
import { traceHeader } from "./trace.ts";

/** How long a browser may keep the answer to a preflight, in seconds. */
const preflightSecondsMax = 600;

const common = {
  // A group of routes may have set its own.
  overwrite: false,
  referrerPolicy: "no-referrer",
  xFrameOptions: "DENY",
  // For browsers that are long gone.
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

/** The security headers of answers, which no browser has to run or to show. */
export const securesAnswers = byScheme(secureHeaders(overHttp), secureHeaders(overTls));
/** The security headers of pages: the same, but that a page may have a style of its own. */
export const securesPages = byScheme(
  secureHeaders({ ...overHttp, contentSecurityPolicy: styled }),
  secureHeaders({ ...overTls, contentSecurityPolicy: styled }),
);

/** Lets pages of allowed origins read answers, and answers their preflights. Never with cookies: there are none. */
const sharesWithAllowed = cors({
  origin: (origin, c) => (isAllowedOrigin(origin, new URL(c.req.url), c.env) ? origin : null),
  allowMethods: ["GET", "HEAD", "POST", "PUT"],
  allowHeaders: [
    "Authorization",
    "Content-Type",
    "Idempotency-Key",
    "If-None-Match",
    "Last-Event-ID",
    "Partita-Client-Id",
    "traceparent",
    "tracestate",
  ],
  exposeHeaders: ["ETag", "Location", "Retry-After", "RateLimit", "RateLimit-Policy", traceHeader],
  maxAge: preflightSecondsMax,
});

/** CORS: for requests that say which page they come from; what they may not have, the routes refuse. */
export const sharesAnswers: EdgeMiddleware = async (c, next) => {
  const origin = c.req.header("origin");
  const asks = c.req.method === "OPTIONS" && c.req.header("access-control-request-method") !== undefined;
  // A plain OPTIONS is answered by the routes.
  if (origin === undefined || (c.req.method === "OPTIONS" && !asks)) {
    await next();
    // A cache must not give what it holds from here to a page.
    c.res.headers.append("vary", "Origin");
    return undefined;
  }
  if (asks && !isAllowedOrigin(origin, new URL(c.req.url), c.env)) {
    throw new Refused({ code: "origin_not_allowed", detail: "Pages from this origin may not connect." });
  }
  return await sharesWithAllowed(c, next);
};
