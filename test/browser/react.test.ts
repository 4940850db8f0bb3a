import type { Browser, Page } from "playwright-core";
import { afterAll, beforeAll, beforeEach, describe, expect, onTestFinished, test } from "vitest";
import { browserPresent, launchBrowser, openContext, openPage } from "../support/browser.ts";
import { TestServer } from "../support/server.ts";
import type { reactPage as ReactPage } from "./react-page.tsx";

declare const reactPage: typeof ReactPage;

describe.runIf(browserPresent)("the hooks of React", () => {
  const server = new TestServer();
  let browser: Browser;
  let page: Page;
  let complaints: string[];

  beforeAll(async () => {
    await server.start();
    browser = await launchBrowser();
  });
  beforeEach(async () => {
    const context = await openContext(browser, "react-page.tsx");
    onTestFinished(() => context.close());
    ({ page, complaints } = await openPage(context));
    onTestFinished(() => expect(complaints).toEqual([]));
  });
  afterAll(async () => {
    await browser?.close();
    await server.stop();
  });

  test("[CL-5] a component renders again only when its selected value has changed", async () => {
    const { first, counted, same, closed } = await page.evaluate(() => reactPage.selections());
    const one = { title: 1, count: 1, docs: 1, status: 1, pending: 1, peers: 1 };
    expect(first).toEqual({ renders: one, text: 'a||{"one":{"text":"x"}}|offline|2|0' });
    expect(counted).toEqual({ renders: { count: 3, pending: 3 }, text: 'a|3|{"one":{"text":"x"}}|offline|5|0' });
    expect(same).toEqual({ renders: { pending: 1 }, text: 'a|3|{"one":{"text":"x"}}|offline|6|0' });
    expect(closed).toEqual({ renders: { status: 1 }, text: 'a|3|{"one":{"text":"x"}}|closed|6|0' });
  });

  test("[CL-5] [CL-12] a selector that makes new objects renders after a change of the value only, also without isEqual", async () => {
    const { first, other, added, again } = await page.evaluate(() => reactPage.newObjects());
    const all = { compared: 1, inline: 1, list: 1, careless: 1 };
    expect(first).toEqual({ renders: all, text: "a|a|a" });
    expect(other).toEqual({ renders: {}, text: "a|a|a" });
    expect(added).toEqual({ renders: all, text: "a,b|a,b|a,b" });
    // A new selector with an equal value: the hook returns the earlier value.
    expect(again).toEqual({ renders: { compared: 1, inline: 1, careless: 1 }, text: "a,b|a,b|a,b" });
  });

  test("[CL-5] a selector that depends on a prop shows the new value in the same render", async () => {
    expect(await page.evaluate(() => reactPage.props())).toEqual({ seen: ["a=A", "b=B", "b=B2"], shown: "B2" });
  });

  test("[CL-5] useSubmit returns the same function for the same client", async () => {
    const { first, second } = await page.evaluate(() => reactPage.submit());
    expect(first).toMatchObject({ functions: 1, text: "3/3" });
    expect(first.renders).toBeGreaterThan(3);
    expect(second).toEqual({ functions: 2, one: 3, other: 1 });
  });

  test("[CL-5] also in strict mode, a component subscribes once, to its current client, and not after it is unmounted", async () => {
    const { first, changed, switched, after, unmounted } = await page.evaluate(() => reactPage.listeners());
    expect(first).toEqual({ one: 3, other: 0, text: "onepaused1" });
    expect(changed).toEqual({ one: 3, other: 0, text: "one, changedpaused2" });
    expect(switched).toEqual({ one: 0, other: 3, text: "otherpaused1" });
    expect(after).toEqual({ one: 0, other: 3, text: "other, changedpaused2" });
    expect(unmounted).toEqual({ one: 0, other: 0, text: "" });
  });

  test("[CL-5] a component does not miss a change before it subscribes", async () => {
    expect(await page.evaluate(() => reactPage.early())).toBe("111");
  });

  test("[CL-11] [CL-5] useUndo renders what can be undone and redone, and only when that changes", async () => {
    const { shown, undone, redone, renders, listeners } = await page.evaluate(() => reactPage.undo());
    expect(shown).toEqual(["undo undefined false,redo undefined false"]);
    expect([undone, redone, listeners]).toEqual([undefined, "mine", 0]);
    // At first, and for the change, the undo and the redo.
    expect(renders).toBe(4);
  });

  test("[CL-5] no tearing: the screen shows one state at a time, also when React interrupts rendering", async () => {
    const { torn, interrupted, shown, count, updates } = await page.evaluate(() => reactPage.tearing());
    console.log(
      `${updates} changes while 5 transitions rendered, of which ${interrupted} had read more than one state`,
    );
    expect(interrupted).toBeGreaterThan(0);
    expect(torn).toEqual([]);
    expect(shown).toBe(String(count));
  });

  test("[CL-5] no tearing while changes are delayed: all components update when one has read the new state", async () => {
    expect(await page.evaluate(() => reactPage.putOff())).toBe("1|1");
  });

  test("[CL-1] [CL-5] [CL-6] shows changes of others, and rolls back rejected drafts", async () => {
    const { shown, ...verdicts } = await page.evaluate(([url, partition]) => reactPage.server(url, partition), [
      server.url.href,
      "react",
    ] as const);
    expect(verdicts).toEqual({ verdict: "accepted", rejection: "rejected" });
    const [before, own, after] = shown.slice(shown.lastIndexOf("online mine 1 you") - 1);
    expect([before, own, after]).toEqual(["online yours 0 you", "online mine 1 you", "online yours 0 you"]);
  });
});
