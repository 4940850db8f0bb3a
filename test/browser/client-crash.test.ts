import type { Browser, BrowserContext, Page } from "playwright-core";
import { afterAll, beforeAll, beforeEach, describe, expect, onTestFinished, test } from "vitest";
import { browserPresent, launchBrowser, openContext, openPage } from "../support/browser.ts";
import { ChaosProxy, type Meddler } from "../support/chaos-proxy.ts";
import { readDraftIds, readLog } from "../support/log.ts";
import { freePort } from "../support/processes.ts";
import { TestServer } from "../support/server.ts";
import type { clientPage as ClientPage } from "./client-page.ts";

declare const clientPage: typeof ClientPage;

const drafts = 50;

describe.runIf(browserPresent)("a page that crashes", () => {
  const server = new TestServer();
  let browser: Browser;
  let context: BrowserContext;
  let partitions = 0;

  beforeAll(async () => {
    await server.start();
    browser = await launchBrowser();
  });
  beforeEach(async () => {
    context = await openContext(browser, "client-page.ts");
  });
  afterAll(async () => {
    await browser?.close();
    await server.stop();
  });

  /** Ends the process of a page, like a crash. */
  async function crash(page: Page): Promise<void> {
    const crashed = page.waitForEvent("crash");
    void page.goto("chrome://crash").catch(() => {});
    await crashed;
  }

  async function openClient(url: string, partition: string): Promise<Page> {
    const { page } = await openPage(context);
    await page.evaluate(([to, name]) => clientPage.one.open(to, name), [url, partition] as const);
    return page;
  }

  /** Switches the network between the pages and the server. */
  async function connect(port: number, meddler: Meddler): Promise<ChaosProxy> {
    const proxy = new ChaosProxy(server.url, () => meddler, port);
    await proxy.start();
    onTestFinished(() => proxy.stop());
    return proxy;
  }

  /** Checks that the log has exactly these drafts, in order. */
  async function committed(partition: string, draftIds: readonly string[]): Promise<void> {
    const log = await readLog(server.url, partition);
    expect(log.map(({ event }) => event.payload["target"])).toEqual(draftIds.map((_, at) => `notes.n${at}`));
    expect([...(await readDraftIds(server.url, partition, "one")).values()]).toEqual(draftIds);
  }

  test("[CL-2] [ID-14] [CL-6] after a crash with 50 drafts queued offline, the next page commits each once, in order", async () => {
    const partition = `crash-${++partitions}`;
    const port = await freePort();
    const url = `http://127.0.0.1:${port}`;
    const first = await openClient(url, partition);
    const draftIds = await first.evaluate((count) => clientPage.one.submit(0, count), drafts);
    const stored = () => first.evaluate(([to, name]) => clientPage.one.stored(to, name), [url, partition] as const);
    await expect.poll(stored).toBe(drafts);
    await crash(first);

    const second = await openClient(url, partition);
    expect(await second.evaluate(() => clientPage.one.undecided())).toBe(drafts);
    const text = await second.evaluate(() => clientPage.one.text());
    expect(Object.keys((JSON.parse(text) as { notes: object }).notes)).toHaveLength(drafts);
    await connect(port, (frame) => ({ frames: [frame] }));
    await second.evaluate(() => clientPage.one.settled());
    await committed(partition, draftIds);
    expect(await second.evaluate(() => clientPage.one.verified())).toBe(true);
    await expect
      .poll(() => second.evaluate(([to, name]) => clientPage.one.stored(to, name), [url, partition] as const))
      .toBe(0);
  });

  test("[CL-2] [ID-14] [LC-1] after a crash with 50 drafts, some of them at the server without an answer, the next page gets all verdicts, and none counts twice", async () => {
    const partition = `crash-${++partitions}`;
    const port = await freePort();
    const url = `http://127.0.0.1:${port}`;
    // Half of the drafts reach the server, but no verdict reaches the page.
    let up = 0;
    let deaf = true;
    const proxy = await connect(port, (frame, direction) => {
      if (deaf && direction === "up" && frame.includes('"submit_event"')) {
        const sent = [JSON.parse(frame) as object | object[]].flat();
        const passed = sent.slice(0, Math.max(drafts / 2 - up, 0));
        up += sent.length;
        return { frames: passed.length > 0 ? [JSON.stringify(passed)] : [] };
      }
      if (deaf && direction === "down" && frame.includes('"event_accepted"')) return { frames: [] };
      return { frames: [frame] };
    });
    const first = await openClient(url, partition);
    await first.evaluate(() => clientPage.one.settled());
    const draftIds = await first.evaluate((count) => clientPage.one.submit(0, count), drafts);
    await expect.poll(async () => (await readLog(server.url, partition)).length).toBeGreaterThanOrEqual(drafts / 2);
    await expect
      .poll(() => first.evaluate(([to, name]) => clientPage.one.stored(to, name), [url, partition] as const))
      .toBe(drafts);
    expect(await first.evaluate(() => clientPage.one.undecided())).toBe(drafts);
    await crash(first);
    deaf = false;
    proxy.cut();
    const half = (await readLog(server.url, partition)).length;

    const second = await openClient(url, partition);
    await second.evaluate(() => clientPage.one.settled());
    expect(half).toBeLessThan(drafts);
    await committed(partition, draftIds);
    expect(await second.evaluate(() => clientPage.one.verified())).toBe(true);
  });
});
