import type { Browser } from "playwright-core";
import { afterAll, beforeAll, describe, expect, onTestFinished, test } from "vitest";
import { browserPresent, launchBrowser, openContext, openPage } from "../support/browser.ts";
import { TestServer } from "../support/server.ts";
import type { hydrationPage as HydrationPage } from "./hydration-page.tsx";

declare const hydrationPage: typeof HydrationPage;

describe.runIf(browserPresent)("hydration", () => {
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

  test("[CL-10] a page shows what the server has rendered, also with drafts queued, and then what is", async () => {
    const context = await openContext(browser, "hydration-page.tsx");
    onTestFinished(() => context.close());
    const { page, complaints } = await openPage(context);
    const { href } = server.url;
    await page.evaluate(([url]) => hydrationPage.queue(url, "hydrated"), [href] as const);
    const snapshot = await page.evaluate(([url]) => hydrationPage.serve(url, "hydrated"), [href] as const);
    const result = await page.evaluate(([url, initial]) => hydrationPage.hydrate(url, "hydrated", initial), [
      href,
      snapshot,
    ] as const);
    expect(result.first).toBe("of the server a,1 offline true 0 0 0");
    expect(result.last).toBe("queued a,1 online true 0 0 1");
    // Nothing was thrown away: React has taken over what the server rendered.
    expect([result.same, result.complaints, complaints]).toEqual([true, [], []]);
    // The draft was never sent: the state of the server cannot have it, and it is shown.
    expect(result.paused).toMatchObject({ waits: [false], title: { title: "queued" } });
  });

  test("[CL-10] useSuspensePartition shows the fallback, and never the initial state", async () => {
    const context = await openContext(browser, "hydration-page.tsx");
    onTestFinished(() => context.close());
    const { page, complaints } = await openPage(context);
    const shown = await page.evaluate(([url]) => hydrationPage.suspend(url, "hydrated"), [server.url.href] as const);
    expect(shown).toEqual({ first: "loading", last: "queued" });
    expect(complaints).toEqual([]);
  });
});
