import { headers } from "../protocol/headers.ts";
import type { EdgeContext } from "./env.ts";
import { type Frame, nothingHere } from "./problem-pages.ts";
import { securePages } from "./security.ts";

/**
 * Serves the demo and the API page, where `PARTITA_PAGES` is set; undefined where it is not, or there is no such page.
 *
 * Platform fact: assets are served before the Worker, unless it runs first (wrangler.toml, `run_worker_first`). It does,
 * so that a deployment shows no page that nobody asked for, and so that `PARTITA_DRAINING` covers them.
 */
export async function pageAt(c: EdgeContext): Promise<Response | undefined> {
  if (!servesSite(c) || (c.req.method !== "GET" && c.req.method !== "HEAD")) return undefined;
  const answer = await c.env.ASSETS!.fetch(c.req.raw);
  if (answer.status === 404) {
    await answer.body?.cancel();
    return undefined;
  }
  // The headers of a fetched response are read-only.
  return new Response(answer.body, answer);
}

/** Whether this deployment shows the pages of its assets. */
function servesSite({ env }: EdgeContext): boolean {
  return env.ASSETS !== undefined && (env.PARTITA_PAGES ?? "") !== "";
}

/** Of the pages that the Worker makes itself, for a route with `securePages`. */
export function frameOf(c: EdgeContext): Frame {
  return { site: servesSite(c), nonce: c.get("nonce")! };
}

/** Answers a browser that follows a link to nowhere, with a page for its user; undefined: a program asks. */
export async function nothingForPersons(c: EdgeContext): Promise<Response | undefined> {
  if (c.req.method !== "GET" || !c.req.header(headers.accept.name)?.includes("text/html")) return undefined;
  await securePages(c, async () => {
    c.res = await c.html(nothingHere(frameOf(c)), 404);
  });
  return c.res;
}
