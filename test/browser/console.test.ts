import type { Browser, Page } from "playwright-core";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { browserPresent, launchBrowser } from "../support/browser.ts";
import { ConsolePages, faultsOf, go } from "../support/console.ts";
import { TestServer } from "../support/server.ts";

/** How many events the log of the room has. */
const eventsTotal = 120;

describe.skipIf(!browserPresent)("the console", () => {
  let server: TestServer;
  let browser: Browser;
  let pages: ConsolePages;

  const submit = async (key: string, events: readonly object[], client: string, partition = "room"): Promise<void> => {
    const body = {
      mode: "sequential",
      events: events.map((event, at) => ({ draftId: `${key}-${at}`, event })),
    };
    const response = await fetch(new URL(`/v1/partitions/${partition}/events`, server.url), {
      method: "POST",
      headers: { "idempotency-key": key, "partita-client-id": client },
      body: JSON.stringify(body),
    });
    expect(response.status).toBe(200);
  };
  const set = (target: string, value: unknown) => ({ type: "set", payload: { target, value } });
  const open = (hash: string): Promise<Page> => pages.open(hash);

  beforeAll(async () => {
    server = new TestServer({ settings: { PARTITA_IDENTITY: "open", PARTITA_PAGES: "on" } });
    await server.start();
    browser = await launchBrowser();
    pages = new ConsolePages(browser, server.url);
    for (let batch = 0; batch < 4; batch++) {
      const events = Array.from({ length: eventsTotal / 4 }, (_, at) => set(`key${at % 10}`, { batch, at }));
      await submit(`b${batch}`, events, batch === 2 ? "ben" : "ada");
    }
  });
  afterAll(async () => {
    await browser?.close();
    await server?.stop();
    expect(pages.complaints).toEqual([]);
  });

  test("[OB-4] shows the log as it grows, filtered, and who did what", async () => {
    const page = await open("room");
    await page.getByText("120 events, the newest first.").waitFor();
    await page.locator('[aria-label="Events"] .row').nth(5).getByText("key4").waitFor();
    await page.getByText(/^Live, head/).waitFor();
    await submit("more", [set("title", "Chaconne")], "cy");
    await page.getByText("121 events").waitFor();
    await page.locator(".row .preview", { hasText: "Chaconne" }).waitFor();

    await page.getByLabel("Author or client").fill("ben");
    await page.getByText("30 found.").waitFor();
    await page.getByLabel("Text in the payload").fill('"at":7');
    await page.getByText("1 found.").waitFor();
    await page.locator('[role="option"]').first().click();
    await page.getByRole("heading", { name: "Event 68: set" }).waitFor();
    await page.getByText("dev:ben").last().waitFor();
    await page.getByRole("link", { name: "What it changed" }).click();
    await page.locator(".change .path", { hasText: "key7.batch" }).waitFor();
    await page.close();
  });

  test("[OB-4] travels in time, by slider, by number and by keyboard, and compares", async () => {
    const page = await open("room/state");
    await page.getByText("The present state.").waitFor();
    const slider = page.getByRole("slider");
    await slider.focus();
    await page.keyboard.press("Home");
    await page.locator(".tree .row", { hasText: "{0}" }).waitFor();
    for (let step = 0; step < 3; step++) await page.keyboard.press("ArrowRight");
    await page.locator(".tree .row", { hasText: "{3}" }).waitFor();
    const field = page.getByRole("textbox", { name: "After event" });
    await field.fill("45");
    await field.press("Enter");
    const tree = page.getByRole("tree");
    await tree.focus();
    await tree.press("ArrowDown");
    await tree.press("ArrowRight");
    await page
      .locator('[role="treeitem"][aria-level="3"]', { hasText: "batch" })
      .getByText("1", { exact: true })
      .waitFor();
    await page.getByRole("button", { name: "Compare" }).click();
    await page.locator(".change .path", { hasText: "key4.at" }).waitFor();
    expect(new URL(page.url()).hash).toBe("#/room/state?at=45&from=44");
    await page.close();
  });

  test("[OB-4] shows the state after an event that no snapshot is near to, and moves from there at once", async () => {
    const batch = 200;
    const last = 12_000;
    for (let from = 0; from < last; from += batch) {
      const events = Array.from({ length: batch }, (_, at) => set(`key${(from + at) % 20}`, { at: from + at + 1 }));
      await submit(`f${from}`, events, "ada", "long");
    }
    const near = await fetch(new URL("/v1/partitions/long/state?at=7000", server.url));
    expect((await near.json()) as object).toMatchObject({ code: "too_expensive" });
    const page = await open("long/state?at=7000&from=6999");
    const change = (target: string, at: number) =>
      page.locator(".change", { hasText: `${target}.at` }).locator(".after", { hasText: String(at) });
    await change("key19", 7_000).waitFor();
    for (const at of [7_001, 6_001, 9_000]) {
      await go(page, `long/state?at=${at}&from=${at - 1}`);
      await change(`key${(at - 1) % 20}`, at).waitFor();
    }
    await page.close();
  });

  test("[OB-4] explains a rejection, by the key of its draft", async () => {
    await fetch(new URL("/v1/partitions/room/events", server.url), {
      method: "POST",
      headers: { "idempotency-key": "refused-1", "partita-client-id": "ada" },
      body: JSON.stringify({ type: "set", payload: { target: "" } }),
    });
    const page = await open("room/rejections");
    // What the model says, and its own code.
    const row = page.getByRole("row").filter({ hasText: "dev:ada" });
    expect(await row.locator("td").nth(2).textContent()).toMatch(/\w+ \w+/);
    expect(await row.locator("td").nth(3).textContent()).not.toBe("validation_failed");
    await page.getByLabel("Draft or batch id").fill("refused-1");
    await page.getByRole("button", { name: "Find" }).click();
    await page.getByRole("heading", { name: "Why refused-1 was rejected" }).waitFor();
    await page.getByText("Layer schema.").waitFor();
    const judged = page.getByRole("link", { name: /the state after event/ });
    expect(await judged.getAttribute("href")).toMatch(/^#\/room\/state\?at=12[01]$/);
    await page.close();
  });

  test("[OB-4] says of a partition without events that its name may be wrong", async () => {
    const page = await open("romo");
    await page.getByText("Nothing was ever written to romo. Is its name right?").waitFor();
    await page.close();
  });

  test("[OB-4] an action asks first, and a drain is announced to connected clients", async () => {
    const page = await open("drained/connections");
    await page.getByText("Nobody is connected.").waitFor();
    await page.getByRole("button", { name: "Drain: drained" }).click();
    const dialog = page.getByRole("dialog");
    await dialog.getByRole("button", { name: "Cancel" }).click();
    await page.getByRole("button", { name: "Drain: drained" }).click();
    const [request] = await Promise.all([
      page.waitForRequest((each) => each.method() === "POST" && each.url().endsWith("/v1/partitions/drained/drain")),
      dialog.getByRole("button", { name: "Drain" }).click(),
    ]);
    expect(request.postDataJSON()).toEqual({ seconds: 10 });
    await dialog.waitFor({ state: "hidden" });
    await page.close();
  });

  test("[OB-4] finds a partition of the tenant", async () => {
    const page = await open("");
    const partitions = page.getByRole("region", { name: "Partitions" }).last();
    await partitions.getByRole("link", { name: "room" }).waitFor();
    await page.getByLabel("Begins with").fill("nothing");
    await page.getByRole("button", { name: "Find" }).click();
    await page.getByText("There is no such partition.").waitFor();
    await page.getByLabel("Begins with").fill("ro");
    await page.getByLabel("Order").selectOption("the largest first");
    await page.getByRole("button", { name: "Find" }).click();
    await partitions.getByRole("row", { name: /^room / }).waitFor();
    await partitions.getByRole("link", { name: "room" }).click();
    await page.getByText(/events, the newest first/).waitFor();
    await page.close();
  });

  test("[OB-4] [LC-6] shows how full it is, and verifies", async () => {
    const page = await open("room/health");
    await page.getByRole("row", { name: /^Log bytes/ }).waitFor();
    await page.getByRole("button", { name: "Verify" }).click();
    await page.getByText("Everything agrees.").waitFor();
    await page.getByText(/^Done: 12\d of 12\d events; compared effects, state/).waitFor();
    // What the partition has reported so far, or that it has not yet.
    await page
      .getByRole("region", { name: "Costs" })
      .getByText(/^\d{4}-\d\d-\d\d$/)
      .waitFor();
    await go(page, "~/verification");
    await page.getByText("No verification has found anything.").waitFor();
    await page.getByLabel(/names begin with/).fill("roo");
    await page.getByRole("button", { name: "Verify" }).click();
    await page.getByText(/^Done: 1 partitions, 12\d events, and everything agrees\./).waitFor();
    await page.close();
  });

  test("[OB-4] [EC-9] axe finds nothing serious, in both themes, and it fits a phone", async () => {
    const found: Record<string, string[]> = {};
    const page = await open("");
    for (const hash of [
      "",
      "room/log?event=40",
      "room/state?at=45&from=40",
      "room/rejections",
      "room/work",
      "room/health",
      "~/verification",
    ]) {
      await go(page, hash);
      if (hash === "") await page.locator(".plots canvas").nth(3).waitFor();
      else {
        await page.locator(`.bar a[aria-current="page"][href*="${hash.split(/[/?]/)[1]}"]`).waitFor();
        await page.locator('#console :is([role="option"], [role="treeitem"], td, h2)').first().waitFor();
      }
      const faults = await faultsOf(page);
      if (faults.length > 0) found[hash] = faults;
    }
    await page.close();
    expect(found).toEqual({});
  });
});
