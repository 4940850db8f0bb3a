import { describe, expect, it } from "vitest";
import { edge } from "../../src/edge/app.ts";
import { insieme } from "../../src/models/insieme/index.ts";
import { pages } from "../../src/parts/index.ts";

/** Assets with one page, as the platform serves them: with read-only headers. */
function assets() {
  const asked: string[] = [];
  const fetcher = {
    async fetch(request: Request) {
      const { pathname } = new URL(request.url);
      asked.push(pathname);
      if (pathname !== "/") return new Response("none", { status: 404 });
      return await fetch("data:text/html,the demo");
    },
  };
  return { asked, fetcher };
}

/** Asks the Worker with these settings. */
async function ask(path: string, settings: Record<string, unknown>, init?: RequestInit): Promise<Response> {
  const app = edge(
    { models: { "*": insieme } as never, effects: [], roles: {}, limits: {}, placementOf: () => ({}), parts: {} },
    [pages],
  );
  return await app.request(`http://localhost${path}`, init, { PARTITA_IDENTITY: "open", ...settings } as never);
}

const problem = async (response: Response) => [response.status, ((await response.json()) as { code: string }).code];

describe("the pages of a deployment", () => {
  it.each([{}, { PARTITA_PAGES: "" }])("[AU-2] are not served unless they are asked for: %o", async (settings) => {
    const { asked, fetcher } = assets();
    expect(await problem(await ask("/", { ASSETS: fetcher, ...settings }))).toEqual([404, "not_found"]);
    expect(asked).toEqual([]);
  });

  it("[OB-5] are served where they are asked for, and nothing else is answered by them", async () => {
    const { asked, fetcher } = assets();
    const settings = { ASSETS: fetcher, PARTITA_PAGES: "on" };
    const page = await ask("/", settings);
    expect([page.status, await page.text()]).toEqual([200, "the demo"]);
    expect(page.headers.get("x-content-type-options")).toBe("nosniff");
    expect(await problem(await ask("/none", settings))).toEqual([404, "not_found"]);
    expect(await problem(await ask("/", settings, { method: "POST" }))).toEqual([404, "not_found"]);
    expect((await ask("/livez", settings)).status).toBe(200);
    expect(asked).toEqual(["/", "/none"]);
  });

  it("[LC-4] are refused by a draining deployment", async () => {
    const { asked, fetcher } = assets();
    const draining = await ask("/", { ASSETS: fetcher, PARTITA_PAGES: "on", PARTITA_DRAINING: "1" });
    expect(await problem(draining)).toEqual([503, "draining"]);
    expect(asked).toEqual([]);
  });

  it("[ER-4] need assets: without them there is no route", async () => {
    expect(await problem(await ask("/", { PARTITA_PAGES: "on" }))).toEqual([404, "not_found"]);
  });
});
