import { Hono } from "hono";
import { secureHeaders } from "hono/secure-headers";
import { expect, it } from "vitest";
import type { Edge } from "../../src/edge/env.ts";
import { securePages, secureResponses } from "../../src/edge/security.ts";

const nothing = { defaultSrc: ["'none'"], baseUri: ["'none'"], formAction: ["'none'"], frameAncestors: ["'none'"] };

it.each(["http", "https"])("[AU-7] answers over %s have the security headers that Hono sets", async (scheme) => {
  const theirs = secureHeaders({
    overwrite: false,
    contentSecurityPolicy: nothing,
    xFrameOptions: "DENY",
    xDownloadOptions: false,
    xXssProtection: false,
    strictTransportSecurity: scheme === "https" && "max-age=31536000; includeSubDomains",
  });
  const answer = async (middleware: typeof secureResponses) => {
    const app: Edge = new Hono();
    app.get("/", middleware, (c) => c.text("", 200, { "cross-origin-resource-policy": "cross-origin" }));
    return Object.fromEntries((await app.request(`${scheme}://example.com/`)).headers);
  };
  const ours = await answer(secureResponses);
  expect(ours).toEqual(await answer(theirs));
  expect(ours["cross-origin-resource-policy"]).toBe("cross-origin");
  const ofPage = (await answer(securePages))["content-security-policy"]!;
  expect(ofPage).toMatch(/^default-src .*; style-src 'nonce-[A-Za-z0-9+/]{22}=='$/);
  expect(ofPage.split("; style-src")[0]).toBe(ours["content-security-policy"]);
});
