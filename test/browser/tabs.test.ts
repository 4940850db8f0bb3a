import type { Browser, BrowserContext, Page, WebSocket } from "playwright-core";
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from "vitest";
import { browserPresent, launchBrowser, openContext, openPage } from "../support/browser.ts";
import { readLog } from "../support/log.ts";
import { TestServer } from "../support/server.ts";
import type { tabsPage as TabsPage } from "./tabs-page.ts";

declare const tabsPage: typeof TabsPage;

/** A frozen leader is replaced after six seconds. */
const handOver = { timeout: 20_000 };

describe.runIf(browserPresent)("several tabs of a browser", () => {
  const server = new TestServer();
  let browser: Browser;
  let context: BrowserContext;
  let partition = "";
  let partitions = 0;
  let tabs: Tab[] = [];

  beforeAll(async () => {
    await server.start();
    browser = await launchBrowser();
  });
  beforeEach(async () => {
    context = await openContext(browser, "tabs-page.ts");
    partition = `tabs-${++partitions}`;
    tabs = [];
  });
  afterEach(() => context.close());
  afterAll(async () => {
    await browser?.close();
    await server.stop();
  });

  /** One page, with the names of its notes. */
  interface Tab {
    page: Page;
    sockets: WebSocket[];
    complaints: string[];
    submitted: string[];
  }

  async function open(shares?: boolean): Promise<Tab> {
    const { page, complaints } = await openPage(context);
    const sockets: WebSocket[] = [];
    page.on("websocket", (socket) => sockets.push(socket));
    await page.evaluate(([url, name, share]) => tabsPage.open(url, name, share), [
      server.url.href,
      partition,
      shares,
    ] as const);
    await expect.poll(() => status({ page })).toBe("online");
    const tab = { page, sockets, complaints, submitted: [] };
    tabs.push(tab);
    return tab;
  }

  const status = ({ page }: Pick<Tab, "page">) => page.evaluate(() => tabsPage.view().status);
  const notes = ({ page }: Tab) => page.evaluate(() => tabsPage.view().notes);

  async function submit(tab: Tab, ...names: string[]): Promise<void> {
    tab.submitted.push(...names);
    await tab.page.evaluate((all) => tabsPage.submit(all), names);
  }

  /** The number of open sockets in all open pages. */
  const openSockets = () =>
    tabs
      .filter(({ page }) => !page.isClosed())
      .flatMap(({ sockets }) => sockets.filter((socket) => !socket.isClosed()));

  /** Checks that each note is committed once, that each tab has its verdicts, and shows all notes. */
  async function agreed(...present: Tab[]): Promise<void> {
    const names = tabs.flatMap(({ submitted }) => submitted).toSorted();
    const logged = async () =>
      (await readLog(server.url, partition)).map(({ event }) => event.payload["value"] as string).toSorted();
    await expect.poll(logged, handOver).toEqual(names);
    for (const tab of present) {
      const { page, submitted, complaints } = tab;
      await expect.poll(() => notes(tab), handOver).toEqual(names);
      const expected = Object.fromEntries(submitted.map((name) => [name, "accepted"]));
      await expect.poll(() => page.evaluate(() => tabsPage.verdicts()), handOver).toEqual(expected);
      expect(await page.evaluate(() => tabsPage.view().pending)).toBe(0);
      expect(await page.evaluate(() => tabsPage.statuses().filter((status) => status.startsWith("closed")))).toEqual(
        [],
      );
      expect(complaints).toEqual([]);
    }
    expect(await logged()).toEqual(names);
  }

  test("[CL-5] share one connection and one queue, and each shows the changes of the others", async () => {
    const [one, two, three] = [await open(), await open(), await open()];
    expect(tabs.map(({ sockets }) => sockets.length)).toEqual([1, 0, 0]);
    await submit(one, "a1", "a2");
    await submit(two, "b1");
    await submit(three, "c1", "c2");
    await agreed(one, two, three);
    // A later tab has everything at once, without a connection.
    const late = await open();
    expect(await notes(late)).toEqual(["a1", "a2", "b1", "c1", "c2"]);
    await submit(late, "d1");
    await agreed(one, two, three, late);
    expect(tabs.map(({ sockets }) => sockets.length)).toEqual([1, 0, 0, 0]);
    for (const { page } of tabs) expect(await page.evaluate(() => tabsPage.verify())).toBe(true);
    const clientIds = await Promise.all(tabs.map(({ page }) => page.evaluate(() => tabsPage.view().clientId)));
    expect(new Set(clientIds).size).toBe(1);
  });

  test("[CL-5] do not share if the application disables it", async () => {
    await open(false);
    await open(false);
    expect(tabs.map(({ sockets }) => sockets.length)).toEqual([1, 1]);
  });

  test("[CL-5] [CL-2] when the leading tab is closed with drafts in flight, the next one leads", async () => {
    const [leader, two, three] = [await open(), await open(), await open()];
    const names = (tab: string) => Array.from({ length: 30 }, (_, at) => `${tab}${at}`);
    await submit(two, ...names("b"));
    await submit(three, ...names("c"));
    await leader.page.close();
    await submit(two, "late");
    await agreed(two, three);
    expect(openSockets()).toHaveLength(1);
    expect(two.sockets.length + three.sockets.length).toBe(1);
  });

  test("[CL-5] [CL-2] when the process of the leading tab is killed with drafts in flight, the next one leads", async () => {
    const [leader, two, three] = [await open(), await open(), await open()];
    const names = (tab: string) => Array.from({ length: 30 }, (_, at) => `${tab}${at}`);
    // Its own drafts are stored before it is killed.
    await submit(leader, "a");
    await agreed(leader, two, three);
    await submit(two, ...names("b"));
    const crashed = leader.page.waitForEvent("crash");
    const session = await context.newCDPSession(leader.page);
    void session.send("Page.crash").catch(() => {});
    await submit(three, ...names("c"));
    await crashed;
    await submit(two, "late");
    await agreed(two, three);
    expect(two.sockets.length + three.sockets.length).toBe(1);
    await leader.page.close();
    expect(openSockets()).toHaveLength(1);
  });

  test("[CL-5] [CL-2] when the leading tab is frozen, a visible one leads; after it thaws, it follows", async () => {
    const [leader, two] = [await open(), await open()];
    const session = await context.newCDPSession(leader.page);
    // A headless page is never hidden, and only hidden pages can be frozen. A debugger can also stop a page.
    await session.send("Debugger.enable");
    await session.send("Debugger.pause");
    await submit(two, "b1", "b2");
    await expect.poll(() => two.sockets.length, handOver).toBe(1);
    await agreed(two);
    expect(openSockets()).toHaveLength(2);
    await session.send("Debugger.resume");
    await expect.poll(() => openSockets().length, handOver).toBe(1);
    await submit(leader, "a1");
    await agreed(leader, two);
    expect(leader.sockets).toHaveLength(1);
  });

  test("[CL-5] [LC-5] when the server is down for a while, they reconnect with one connection", async () => {
    const [one, two] = [await open(), await open()];
    await server.kill();
    await expect.poll(() => status(two)).not.toBe("online");
    await submit(one, "a1");
    await submit(two, "b1");
    expect(await notes(one)).toEqual(["a1", "b1"]);
    await server.start();
    await expect.poll(() => status(two), { timeout: 40_000 }).toBe("online");
    // Messages of the console about failed connections.
    for (const { complaints } of tabs) complaints.length = 0;
    await agreed(one, two);
    expect(two.sockets).toHaveLength(0);
    expect(openSockets()).toHaveLength(1);
  });
});
