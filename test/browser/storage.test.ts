import type { Browser, BrowserContext, Page } from "playwright-core";
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from "vitest";
import { browserPresent, launchBrowser, openContext, openPage } from "../support/browser.ts";
import { readLog } from "../support/log.ts";
import { TestServer } from "../support/server.ts";
import type { storagePage as StoragePage } from "./storage-page.ts";

declare const storagePage: typeof StoragePage;

/** A loaded machine may take its time. */
const patiently = { timeout: 20_000 };

describe.runIf(browserPresent)("the IndexedDB of a browser", () => {
  const server = new TestServer();
  let browser: Browser;
  let context: BrowserContext;
  let partition = "";
  let partitions = 0;

  beforeAll(async () => {
    await server.start();
    browser = await launchBrowser();
  });
  beforeEach(async () => {
    context = await openContext(browser, "storage-page.ts");
    partition = `storage-${++partitions}`;
  });
  afterEach(() => context.close());
  afterAll(async () => {
    await browser?.close();
    await server.stop();
  });

  const open = (page: Page) =>
    page.evaluate(([url, name]) => storagePage.open(url, name), [server.url.href, partition] as const);
  const set = (page: Page, name: string) => page.evaluate((target) => storagePage.set(target), name);
  const view = (page: Page) => page.evaluate(() => storagePage.view());
  const rows = (page: Page) => page.evaluate(() => storagePage.rows());
  const logged = async () => (await readLog(server.url, partition)).map(({ event }) => event.payload["target"]);

  test("[CL-13] [CL-2] hangs at the start: the page works in memory, and stores its drafts when it does not hang any more", async () => {
    const { page: holder } = await openPage(context);
    // It makes the database.
    await open(holder);
    await expect.poll(() => rows(holder), patiently).toMatchObject({ devices: 1 });
    await holder.reload();
    await holder.evaluate(() => storagePage.hold());
    const { page, complaints } = await openPage(context);
    await open(page);
    await set(page, "early");
    await expect.poll(() => view(page), patiently).toMatchObject({ status: "online", durable: false, pending: 0 });
    expect(await page.evaluate(() => storagePage.reasons())).toEqual(["blocked"]);
    expect(await logged()).toEqual(["early"]);
    await page.evaluate(() => storagePage.pause());
    await set(page, "late");
    expect(await page.evaluate(() => storagePage.flushed())).toBe(false);
    await holder.evaluate(() => storagePage.release());
    await expect.poll(() => view(page), patiently).toMatchObject({ durable: true, pending: 1 });
    await page.reload();
    await open(page);
    await expect.poll(() => view(page), patiently).toMatchObject({ status: "online", pending: 0 });
    expect((await view(page)).state).toEqual(["early", "late"]);
    expect(await logged()).toEqual(["early", "late"]);
    expect(complaints).toEqual([]);
  });

  test("[CL-13] [CL-2] is cleared while the page is open: the page stores its drafts again, and loses none", async () => {
    const { page, complaints } = await openPage(context);
    await open(page);
    await expect.poll(() => view(page), patiently).toMatchObject({ status: "online", durable: true });
    await page.evaluate(() => storagePage.pause());
    for (const name of ["a", "b", "c"]) await set(page, name);
    expect(await page.evaluate(() => storagePage.flushed())).toBe(true);
    // As the user does it, in the settings of the browser.
    const session = await context.newCDPSession(page);
    const { origin } = new URL(page.url());
    await session.send("Storage.clearDataForOrigin", { origin, storageTypes: "indexeddb" });
    await expect.poll(() => rows(page), patiently).toEqual({ entries: 3, devices: 1 });
    await set(page, "d");
    expect(await page.evaluate(() => storagePage.flushed())).toBe(true);
    await page.reload();
    await open(page);
    await expect.poll(() => view(page), patiently).toMatchObject({ status: "online", pending: 0 });
    expect(await logged()).toEqual(["a", "b", "c", "d"]);
    expect(complaints).toEqual([]);
  });
});
