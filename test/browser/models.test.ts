import type { Browser, Locator, Page } from "playwright-core";
import { afterAll, beforeAll, describe, test, type TestContext } from "vitest";
import { browserPresent, launchBrowser } from "../support/browser.ts";
import { demos } from "../../src/demo/gallery.ts";
import { TestServer } from "../support/server.ts";
import { identitySettings } from "../verified/settings.ts";
import { recordTexts, shownTexts } from "../support/shown-texts.ts";

/** A client that continues to try does so within this time. */
const triedAgainMsMax = 1_500;

// At the same time, because the examples play at the pace of a reader.
describe.concurrent("the demos of the models", { skip: !browserPresent }, () => {
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

  /** Opens a demo in a new profile, and waits until both clients are online. */
  async function open(
    path: string,
    { onTestFinished }: TestContext,
  ): Promise<{ page: Page; left: Locator; right: Locator; complaints: string[] }> {
    const context = await browser.newContext({ baseURL: server.url.href });
    onTestFinished(() => context.close());
    const page = await context.newPage();
    await recordTexts(page);
    const complaints: string[] = [];
    page.on("pageerror", (error) => complaints.push(String(error.stack)));
    page.on("console", (message) => {
      if (message.type() === "error" || message.type() === "warning") complaints.push(message.text());
    });
    await page.goto(path);
    const left = page.getByRole("region", { name: "Left pane" });
    const right = page.getByRole("region", { name: "Right pane" });
    for (const side of [left, right]) await side.getByText("Online", { exact: true }).waitFor();
    return { page, left, right, complaints };
  }
  const unconfirmed = (side: Locator) => side.locator('[data-part="unconfirmed"]').textContent();
  const notices = (side: Locator) => side.locator(".notice code").allTextContents();

  test("[MD-9] [TX-11] in the inventory one of two customers gets the last ticket", async (context) => {
    const { expect } = context;
    const { page, left, right, complaints } = await open("/inventory", context);
    // A new shop is filled.
    await expect.poll(() => right.getByText("1 left").count()).toBe(1);
    await page.getByRole("button", { name: "both want the last ticket" }).click();
    await page.getByText(/^\w+ is back first, and has the ticket\.$/).waitFor();
    await page.getByText(/^\w+ is back second, and does not get the ticket: the reason is shown\.$/).waitFor();
    await page.getByText(/^Both have the network again/).waitFor();
    expect((await shownTexts(page)).notices).toEqual([expect.stringContaining("INSUFFICIENT_STOCK")]);
    // Each side has released its hold, and the stock is as before.
    await left.getByRole("button", { name: "Reserve: last ticket" }).click();
    await left.getByRole("button", { name: "Buy: 1 × last ticket" }).waitFor();
    await page.getByRole("button", { name: "both want the last ticket" }).click();
    await page.getByText(/^\w+ is back first, and has the ticket\.$/).waitFor();
    await page.getByText(/^Both have the network again/).waitFor();
    await left.getByRole("button", { name: "Give back: 1 × last ticket" }).click();
    await page.getByText("9 things in the shop, 0 of them reserved.").waitFor();
    expect((await shownTexts(page)).notices).toEqual([expect.stringContaining("INSUFFICIENT_STOCK")]);
    for (const side of [left, right]) {
      expect(await side.getByText("1 × last ticket").count()).toBe(0);
      expect(await side.getByText("Online", { exact: true }).count()).toBe(1);
    }
    await left.getByRole("button", { name: "Reserve: last ticket" }).click();
    // Only who holds it sees that it can be bought.
    await left.getByRole("button", { name: "Buy: 1 × last ticket" }).click();
    await page.getByText("8 things in the shop, 0 of them reserved.").waitFor();
    expect(await right.getByRole("button", { name: "Reserve: last ticket" }).isDisabled()).toBe(true);
    await expect.poll(() => page.locator(".log .what").first().textContent()).toMatch(/^\w+ bought what was reserved$/);
    expect(complaints).toEqual([]);
  });

  test("[MD-9] in the ledger money is sent, held and captured, and not spent twice", async (context) => {
    const { expect } = context;
    const { page, left, right, complaints } = await open("/ledger", context);
    const balance = (side: Locator) => side.locator('[data-part="balance"]').textContent();
    for (const side of [left, right]) await expect.poll(() => balance(side)).toBe("100.00 EUR");
    await left.getByRole("textbox", { name: "EUR" }).fill("0.01");
    await left.getByRole("button", { name: "Send" }).click();
    await expect.poll(() => balance(right)).toBe("100.01 EUR");
    await right.getByRole("button", { name: "Hold", exact: true }).click();
    await right.getByText("10.00 EUR of it held").waitFor();
    await left.getByRole("button", { name: /^Take half/ }).click();
    await expect.poll(() => balance(left)).toBe("104.99 EUR");
    await expect.poll(() => unconfirmed(right)).toBe("0");
    await page.getByRole("button", { name: "spend the same money twice" }).click();
    // What the example has taken is given back.
    await page.getByText(/^Both have the network again/).waitFor();
    const person = await left.locator('[data-part="title"]').textContent();
    // A reader knows people, and not the ids of clients.
    expect((await shownTexts(page)).notices).toEqual([
      expect.stringMatching(`The account ${person} can pay 0\\.00 EUR now\\. INSUFFICIENT_FUNDS`),
    ]);
    // No other accounts.
    expect(await left.getByRole("combobox", { name: "to" }).locator("option").count()).toBe(1);
    expect(await page.locator('[data-part="accounts"] li').count()).toBe(3);
    await page.getByText("sums to 0.00").waitFor();
    await expect.poll(() => balance(right)).toBe("95.01 EUR");
    expect(await page.locator(".here").allTextContents()).toEqual([
      expect.not.stringMatching("Left"),
      expect.not.stringMatching("Right"),
    ]);
    expect(complaints).toEqual([]);
  });

  test("[MD-9] [EC-6] in the hall of seats one of two people gets a seat, and the other sees why", async (context) => {
    const { expect } = context;
    const { page, left, right, complaints } = await open("/seats", context);
    // A new hall does not begin empty.
    await right.getByRole("button", { name: /^B2, taken by / }).waitFor();
    await left.getByRole("button", { name: /^C4, taken by / }).waitFor();
    await left.getByRole("button", { name: "A1, free" }).click();
    await right.getByRole("button", { name: /^A1, taken by / }).click();
    await expect.poll(() => notices(right)).toEqual(["TAKEN"]);
    await right.getByRole("button", { name: "Dismiss" }).click();
    await page.getByRole("button", { name: "both take the same seat" }).click();
    await page.getByText(/^Both have the network again/).waitFor();
    expect((await shownTexts(page)).notices).toHaveLength(2);
    expect(await notices(right)).toEqual([]);
    for (const side of [left, right]) await side.getByRole("button", { name: "D5, free" }).waitFor();
    await left.getByRole("button", { name: "A1, yours" }).click();
    await right.getByRole("button", { name: "A1, free" }).waitFor();
    // A seat of somebody else has one colour in both panes, which is that of neither.
    const later = await open("/seats", context);
    const colours = [];
    for (const pane of [later.left, later.right]) {
      await pane.getByRole("button", { name: /^B2, taken by / }).waitFor();
      colours.push(
        await pane.evaluate(async (element) => {
          const colour = (of: Element, pseudo?: string) => getComputedStyle(of, pseudo).backgroundColor;
          const seat = element.querySelector('[data-seat="B2"]')!;
          // A seat goes over to its colour.
          await Promise.all(seat.getAnimations().map(({ finished }) => finished));
          return [colour(seat), colour(element, "::before")];
        }),
      );
    }
    expect(colours[0]![0]).toBe(colours[1]![0]);
    expect(new Set(colours.flat()).size).toBe(3);
    expect([...complaints, ...later.complaints]).toEqual([]);
  });

  test("[EC-6] where the server wants tokens, each demo says it in a sentence, and does not try again", async (context) => {
    const { expect } = context;
    const page = await (await browser.newContext()).newPage();
    context.onTestFinished(() => page.context().close());
    const verifying = new TestServer({ settings: identitySettings });
    await verifying.start();
    context.onTestFinished(() => verifying.stop());
    for (const { name } of [{ name: "" }, ...demos]) {
      let sockets = 0;
      const count = () => sockets++;
      page.on("websocket", count);
      await page.goto(new URL(name, verifying.url).href);
      const said = page.getByText(/^This server wants a token from everyone, and demos have none\./).first();
      await said.waitFor();
      const tried = sockets;
      await page.waitForTimeout(triedAgainMsMax);
      expect([name, sockets]).toEqual([name, tried]);
      page.off("websocket", count);
    }
  });

  test("[EC-6] the landing page shows two people and their changes within seconds, without a click, and can be stopped", async ({
    expect,
    onTestFinished,
  }) => {
    const context = await browser.newContext({ baseURL: server.url.href });
    onTestFinished(() => context.close());
    const page = await context.newPage();
    const complaints: string[] = [];
    page.on("pageerror", (error) => complaints.push(String(error.stack)));
    page.on("console", (message) => {
      if (message.type() === "error" || message.type() === "warning") complaints.push(message.text());
    });
    await page.goto("/");
    const phone = (at: number) => page.locator(".phone").nth(at);
    const yours = (at: number) =>
      phone(at)
        .getByRole("button", { name: /, yours/ })
        .count();
    // Filled, then moving.
    await expect.poll(() => page.locator(".order li").count()).toBeGreaterThanOrEqual(5);
    await phone(1).getByText("no network").waitFor();
    await phone(1)
      .getByText(/^B2 is \w+’s already\.$/)
      .waitFor();
    await page.getByRole("button", { name: "Pause" }).click();
    await page.getByText("Now you: tap seats on both phones.").waitFor();
    const before = await yours(0);
    await phone(0).getByRole("button", { name: "D5, free" }).click();
    await expect.poll(() => yours(0)).toBe(before + 1);
    await phone(1)
      .getByRole("button", { name: /^D5, taken by \w+$/ })
      .waitFor();
    // Each demo is one card.
    await page.getByRole("link", { name: /^Seats / }).click();
    await page.waitForURL("/seats");
    await page.goto("/?partition=from-before");
    await page.waitForURL("/files?partition=from-before");
    expect(complaints).toEqual([]);
  });

  // Not beside the others: all visitors share one shop, and two that come at once fill it twice.
  test.sequential.for(["/text", "/seats", "/inventory", "/ledger"])(
    "[EC-6] [EC-9] on a phone both people are seen at once: %s",
    async (path, context) => {
      const { expect } = context;
      const { page, left, right, complaints } = await open(path, context);
      await page.setViewportSize({ width: 390, height: 844 });
      if (path === "/ledger") {
        // What is promised has the most buttons.
        await left.getByRole("button", { name: "Hold", exact: true }).click();
        await right.getByRole("button", { name: /^Take half/ }).waitFor();
      }
      for (const side of [left, right]) {
        const { x, width } = (await side.boundingBox())!;
        expect(x).toBeGreaterThanOrEqual(0);
        expect(x + width).toBeLessThanOrEqual(390);
        // A long log, as its chip shows it.
        await side.locator('[data-part="place"]').evaluate((place) => void (place.textContent = "12,345 of 12,345"));
        for (const part of [side, side.locator(".scroll")])
          expect(await part.evaluate((each) => each.scrollWidth - each.clientWidth)).toBe(0);
      }
      expect(await page.evaluate("document.documentElement.scrollWidth - window.innerWidth")).toBeLessThanOrEqual(0);
      expect(complaints).toEqual([]);
    },
  );
});
