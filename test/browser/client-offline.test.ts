import type { Browser } from "playwright-core";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { browserPresent, launchBrowser, openContext, openPage } from "../support/browser.ts";
import { ChaosProxy } from "../support/chaos-proxy.ts";
import { readDraftIds } from "../support/log.ts";
import { freePort } from "../support/processes.ts";
import { TestServer } from "../support/server.ts";
import type { clientPage as ClientPage } from "./client-page.ts";

declare const clientPage: typeof ClientPage;

const drafts = 5_000;
/** Drafts that are submitted at once, before the page does anything else. */
const chunk = 100;
/** The longest time in which the page may not respond: generous, for a busy machine. */
const gapMsMax = 2_000;
const partition = "week";

describe.runIf(browserPresent)("a page with 5,000 queued drafts", () => {
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

  test("[CL-2] [ID-14] the page responds while it queues, loads and sends drafts, and each is committed once, in order", async () => {
    const context = await openContext(browser, "client-page.ts");
    const port = await freePort();
    const url = `http://127.0.0.1:${port}`;
    const gaps: Record<string, { ms: number; count: number; longestMs: number; p99Ms: number }> = {};

    const { page: first } = await openPage(context);
    await first.evaluate(([to, name]) => clientPage.one.open(to, name), [url, partition] as const);
    await first.evaluate(() => clientPage.ticks.start());
    const draftIds: string[] = [];
    while (draftIds.length < drafts) {
      draftIds.push(
        ...(await first.evaluate(([from, count]) => clientPage.one.submit(from, count), [
          draftIds.length,
          chunk,
        ] as const)),
      );
    }
    await expect
      .poll(() => first.evaluate(([to, name]) => clientPage.one.stored(to, name), [url, partition] as const), {
        timeout: 60_000,
      })
      .toBe(drafts);
    gaps["queueing"] = await first.evaluate(() => clientPage.ticks.take());
    await first.close();

    const { page } = await openPage(context);
    await page.evaluate(() => clientPage.ticks.start());
    await page.evaluate(([to, name]) => clientPage.one.open(to, name), [url, partition] as const);
    expect(await page.evaluate(() => clientPage.one.undecided())).toBe(drafts);
    gaps["loading"] = await page.evaluate(() => clientPage.ticks.take());
    const proxy = new ChaosProxy(server.url, () => (frame) => ({ frames: [frame] }), port);
    await proxy.start();
    await page.evaluate(() => clientPage.one.settled());
    gaps["sending"] = await page.evaluate(() => clientPage.ticks.take());

    for (const [phase, { ms, count, longestMs, p99Ms }] of Object.entries(gaps)) {
      console.log(
        `${phase} ${drafts} drafts: ${ms.toFixed(0)} ms, ${count} ticks, the longest gap ${longestMs.toFixed(0)} ms, p99 ${p99Ms.toFixed(0)} ms`,
      );
    }
    expect(Object.keys(gaps)).toEqual(["queueing", "loading", "sending"]);
    expect(Object.entries(gaps).filter(([, { count, longestMs }]) => count === 0 || longestMs > gapMsMax)).toEqual([]);
    expect([...(await readDraftIds(server.url, partition, "one")).values()]).toEqual(draftIds);
    expect(await page.evaluate(() => clientPage.one.verified())).toBe(true);
    await context.close();
    await proxy.stop();
  });
});
