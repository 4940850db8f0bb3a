import { fileURLToPath } from "node:url";
import type { Browser, Page } from "playwright-core";
import { afterAll, beforeAll, describe, expect, onTestFinished, test, vi } from "vitest";
import { browserPresent, launchBrowser, openContext, openPage } from "../support/browser.ts";
import { TestServer } from "../support/server.ts";
import { pending, transit } from "../support/bank.ts";
import type { sagasPage as SagasPage } from "./sagas-page.tsx";

declare const sagasPage: typeof SagasPage;

const waiting = { timeout: 60_000, interval: 50 };

describe.runIf(browserPresent)("the hook for sagas", () => {
  const server = new TestServer({ main: fileURLToPath(new URL("../process/bank/worker.ts", import.meta.url)) });
  let browser: Browser;
  let page: Page;

  /** Events of the keeper of a bank: all of them, or none. */
  async function keep(bank: number, events: readonly { type: string; payload: object }[]): Promise<void> {
    const drafts = events.map((event, at) => ({ draftId: `keeper-${at}`, event }));
    const response = await fetch(new URL(`/v1/partitions/bank-${bank}/events`, server.url), {
      method: "POST",
      headers: { "content-type": "application/json", "idempotency-key": "keeper" },
      body: JSON.stringify({ mode: "atomic", events: drafts }),
    });
    expect([response.status, await response.text()]).toEqual([
      200,
      expect.stringMatching(/^(?!.*"(?:rejected|not_processed)")/),
    ]);
  }

  beforeAll(async () => {
    await server.start();
    browser = await launchBrowser();
    const open = (account: string, more: object) => ({ type: "open", payload: { account, currency: "EUR", ...more } });
    const own = [transit, pending, "in", "out", "cash"].map((account) => open(account, { overdraft: null }));
    const legs = [
      { account: "cash", amount: -1_000 },
      { account: "ann", amount: 1_000 },
    ];
    const funds = { type: "post", payload: { transfer: "funds", legs, memo: "funds" } };
    await keep(1, [...own, open("ann", { owner: "dev:ann" }), funds]);
    await keep(2, own);
    await keep(3, [...own, open("bob", {})]);
  }, 300_000);
  afterAll(async () => {
    await browser?.close();
    await server.stop();
  });

  test("[TX-14] [ID-6] [CL-5] renders a saga from its start on, what it comes to, and a start that waits for the network", async () => {
    const context = await openContext(browser, "sagas-page.tsx");
    onTestFinished(() => context.close());
    let complaints: string[];
    ({ page, complaints } = await openPage(context));
    await page.evaluate(([url, ids]) => sagasPage.open(url, ids), [server.url.href, ["one", "two", "three"]] as const);
    const shows = (...texts: string[]) =>
      vi.waitFor(async () => expect(await page.evaluate(() => sagasPage.shown())).toEqual(texts), waiting);
    await shows("online 1000", "none", "none", "none");

    expect(await page.evaluate(() => sagasPage.pay("one", "bob"))).toBe("accepted");
    await shows("online 900", "succeeded COMPLETED", "none", "none");
    // The account does not exist: what was done is undone.
    expect(await page.evaluate(() => sagasPage.pay("two", "nobody"))).toBe("accepted");
    await shows("online 900", "succeeded COMPLETED", "failed COMPENSATED validation_failed", "none");
    const { one, two } = await page.evaluate(() => sagasPage.rendered());
    expect(one).toEqual(["none", "in_progress RUNNING", "succeeded COMPLETED"]);
    expect(two).toEqual([
      "none",
      "in_progress RUNNING",
      "in_progress COMPENSATING validation_failed",
      "failed COMPENSATED validation_failed",
    ]);

    // Without a connection it is shown at once, and goes on when there is one.
    const before = await page.evaluate(() => sagasPage.renders());
    await page.evaluate(() => sagasPage.pause());
    const started = page.evaluate(() => sagasPage.pay("three", "bob"));
    await shows("offline 800", "succeeded COMPLETED", "failed COMPENSATED validation_failed", "in_progress RUNNING");
    await page.evaluate(() => sagasPage.resume());
    expect(await started).toBe("accepted");
    await shows("online 800", "succeeded COMPLETED", "failed COMPENSATED validation_failed", "succeeded COMPLETED");
    // A component of another saga is not rendered for that.
    const { one: first, two: second } = await page.evaluate(() => sagasPage.renders());
    expect({ one: first, two: second }).toEqual({ one: before["one"], two: before["two"] });
    expect(complaints).toEqual([]);
  });
});
