import type { Browser, Locator, Page } from "playwright-core";
import { afterAll, beforeAll, describe, expect, onTestFinished, test } from "vitest";
import { browserPresent, launchBrowser } from "../support/browser.ts";
import { TestServer } from "../support/server.ts";

describe.runIf(browserPresent)("the demos of the models", () => {
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
  async function open(path: string): Promise<{ page: Page; left: Locator; right: Locator; complaints: string[] }> {
    const context = await browser.newContext({ baseURL: server.url.href });
    onTestFinished(() => context.close());
    const page = await context.newPage();
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
  const undecided = (side: Locator) => side.locator('[data-part="undecided"]').textContent();
  const notices = (side: Locator) => side.locator(".notice code").allTextContents();

  test("[MD-9] [TX-11] in the inventory one of two customers gets the last ticket", async () => {
    const { page, left, right, complaints } = await open("/inventory");
    await left.getByRole("button", { name: "Fill it" }).click();
    await expect.poll(() => right.getByText("1 left").count()).toBe(1);
    await page.getByRole("button", { name: "both want the last ticket" }).click();
    for (const side of [left, right]) await side.getByText("1 × last ticket").waitFor();
    await right.getByRole("switch").click();
    await expect.poll(() => undecided(right)).toBe("0");
    await left.getByRole("switch").click();
    await expect.poll(() => notices(left)).toEqual(["INSUFFICIENT_STOCK"]);
    expect(await left.getByText("1 × last ticket").count()).toBe(0);
    // Only who holds it sees that it can be bought.
    await right.getByRole("button", { name: "Buy: 1 × last ticket" }).click();
    await page.getByText("8 units there, 0 of them held in 0 holds.").waitFor();
    expect(complaints).toEqual([]);
  });

  test("[MD-9] in the ledger money is sent, held and captured, and not spent twice", async () => {
    const { page, left, right, complaints } = await open("/ledger");
    const balance = (side: Locator) => side.locator('[data-part="balance"]').textContent();
    for (const side of [left, right]) await expect.poll(() => balance(side)).toBe("100.00 EUR");
    await left.getByRole("textbox", { name: "EUR" }).fill("0.01");
    await left.getByRole("button", { name: "Send" }).click();
    await expect.poll(() => balance(right)).toBe("100.01 EUR");
    await right.getByRole("button", { name: "Hold", exact: true }).click();
    await right.getByText("10.00 EUR of it held").waitFor();
    await left.getByRole("button", { name: /^Half/ }).click();
    await expect.poll(() => balance(left)).toBe("104.99 EUR");
    await expect.poll(() => undecided(right)).toBe("0");
    await page.getByRole("button", { name: "spend the same money twice" }).click();
    await expect.poll(() => undecided(left)).toBe("0");
    await right.getByRole("switch").click();
    await expect.poll(() => notices(right)).toEqual(["INSUFFICIENT_FUNDS"]);
    await expect.poll(() => balance(right)).toBe("0.00 EUR");
    await page.getByText("sums to 0.00").waitFor();
    expect(complaints).toEqual([]);
  });
});
