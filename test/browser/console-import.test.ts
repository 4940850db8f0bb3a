// The console over a real folder tree, and over a queue of jobs.
import { join } from "node:path";
import type { Browser, Page } from "playwright-core";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { importEntries } from "../../src/tools/import/run.ts";
import { Tally } from "../../src/tools/import/tally.ts";
import { walk } from "../../src/tools/import/walk.ts";
import { projectFolder } from "../../src/tools/wrangler.ts";
import { browserPresent, launchBrowser } from "../support/browser.ts";
import { ConsolePages } from "../support/console.ts";
import { TestServer } from "../support/server.ts";

/** How much of node_modules is imported; all of it are 40,000 and more. */
const entriesMax = Number(process.env["PARTITA_ENTRIES"] ?? 3_000);
const jobs = 12;

describe.skipIf(!browserPresent)("the console", () => {
  let server: TestServer;
  let browser: Browser;
  let pages: ConsolePages;

  beforeAll(async () => {
    server = new TestServer({ settings: { PARTITA_IDENTITY: "open", PARTITA_PAGES: "on" } });
    await server.start();
    browser = await launchBrowser();
    pages = new ConsolePages(browser, server.url);
  });
  afterAll(async () => {
    await browser?.close();
    await server?.stop();
    expect(pages.complaints).toEqual([]);
  });

  const at = async (page: Page, eventId: number): Promise<void> => {
    const field = page.getByRole("textbox", { name: "After event" });
    await field.fill(String(eventId));
    await field.press("Enter");
  };
  /** Opens a member of the state, and returns its row. */
  const member = (page: Page, name: string, level: number) =>
    page
      .locator(`.tree .row[aria-level="${level}"]`)
      .filter({ has: page.locator(".key", { hasText: new RegExp(`^${name}$`) }) });

  test("[OB-4] travels through an import of node_modules, and finds a file of it", async () => {
    const { entries } = await walk(join(projectFolder, "node_modules"));
    const some = entries.slice(0, entriesMax);
    const tally = new Tally(some.length);
    await importEntries({ url: server.url, partition: "modules", entries: some, connections: 4, window: 64, tally });
    expect(tally.rejected).toBe(0);
    const head = some.length + 1;
    const page = await pages.open("modules/state");
    await page.getByText("The present state.").waitFor();
    await member(page, "files", 2).click();
    const items = member(page, "items", 3);
    await items.locator(".size", { hasText: `{${some.length}}` }).waitFor();
    for (const eventId of [Math.floor(head / 2), 2, head - 1]) {
      await at(page, eventId);
      await items.locator(".size", { hasText: `{${eventId - 1}}` }).waitFor();
    }
    await page.getByRole("link", { name: "Log" }).click();
    await page.getByLabel("Text in the payload").fill('"id":"/react-dom"');
    await page.getByText("1 found.").waitFor({ timeout: 60_000 });
    await page.locator('[role="option"]').first().click();
    await page.getByRole("link", { name: "What it changed" }).click();
    await page.locator(".change.added .path", { hasText: "files.items" }).waitFor();
    await page.close();
  });

  test("[OB-4] travels through a queue of jobs, and shows its timer", async () => {
    const submit = async (key: string, type: string, payload: object): Promise<void> => {
      const response = await fetch(new URL("/v1/partitions/jobs:work/events", server.url), {
        method: "POST",
        headers: { "idempotency-key": key },
        body: JSON.stringify({ type, payload }),
      });
      expect(response.status).toBe(201);
    };
    for (let n = 1; n <= jobs; n++) await submit(`e${n}`, "enqueue", { job: `job-${n}`, payload: { n } });
    await submit("c", "claim", { worker: "w" });
    const page = await pages.open("jobs%3Awork/state?at=5&from=4");
    await page.locator(".change.added", { hasText: "job-5" }).first().waitFor();
    await at(page, jobs + 1);
    await page.locator(".change.changed, .change.added").first().waitFor();
    await page.getByRole("link", { name: "Work" }).click();
    await page.getByRole("region", { name: "Timers" }).last().getByRole("row").nth(1).waitFor();
    await page.close();
  });
});
