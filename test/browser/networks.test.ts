import type { Browser } from "playwright-core";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { browserPresent, launchBrowser, openContext, openPage } from "../support/browser.ts";
import { ChaosHttp } from "../support/chaos-http.ts";
import { TestServer } from "../support/server.ts";
import type { networksPage as NetworksPage } from "./networks-page.ts";

declare const networksPage: typeof NetworksPage;

/** More than a browser opens connections to a server over HTTP/1.1. */
const documents = 8;
const soon = { timeout: 60_000, interval: 100 };

describe.runIf(browserPresent)("eight documents in a page, behind a proxy that blocks WebSockets", () => {
  const server = new TestServer();
  let browser: Browser;

  beforeAll(async () => {
    await server.start();
    browser = await launchBrowser();
  });
  afterAll(async () => {
    await browser?.close();
    await server.stop();
  });

  it.each([
    ["and passes streams on", false],
    ["and holds streams back until they end", true],
  ])(
    "[CL-14] %s: all come online over HTTP/1.1, submit, and receive what others submit",
    { timeout: 120_000 },
    async (_, holdsBack) => {
      const proxy = new ChaosHttp(server.url, () => (frame) => ({ frames: [frame] }), { holdsBack });
      await proxy.start();
      const context = await openContext(browser, "networks-page.ts");
      try {
        const { page } = await openPage(context);
        const partitions = Array.from({ length: documents }, (_, at) => `eight-${holdsBack}-${at}`);
        await page.evaluate(([url, names]) => networksPage.open(url, names), [proxy.url, partitions] as const);
        await expect
          .poll(() => page.evaluate(() => networksPage.statuses()), soon)
          .toEqual(partitions.map(() => "online"));
        expect(await page.evaluate(() => networksPage.submit(1))).toEqual(partitions.map(() => "accepted"));
        for (const partition of partitions) {
          const answer = await fetch(new URL(`/v1/partitions/${partition}/events`, server.url), {
            method: "POST",
            headers: { "idempotency-key": "theirs" },
            body: JSON.stringify({ type: "set", payload: { target: "theirs", value: 7 } }),
          });
          expect(answer.status).toBe(201);
        }
        await expect.poll(() => page.evaluate(() => networksPage.states()), soon).toEqual(partitions.map(() => 7));
        // With presence, as the one of another page shows.
        const other = await openPage(context);
        await other.page.evaluate(([url, names]) => networksPage.open(url, names), [
          String(server.url),
          partitions.slice(0, 1),
        ] as const);
        await expect.poll(() => other.page.evaluate(() => networksPage.peers()), soon).toEqual([1]);
        await page.evaluate(() => networksPage.close());
        await expect.poll(() => other.page.evaluate(() => networksPage.peers()), soon).toEqual([0]);
        await other.page.evaluate(() => networksPage.close());
        expect(proxy.polls).toBeGreaterThan(0);
        // At most one stream at a time; where it is held back, it is given up.
        expect(proxy.connections).toBeLessThanOrEqual(documents);
      } finally {
        await context.close();
        await proxy.stop();
      }
    },
  );
});
