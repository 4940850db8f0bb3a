// Somebody who has never seen the system finds the cause of a fault: by its alert, the runbook, and the console.
import { readFileSync, rmSync } from "node:fs";
import type { Browser } from "playwright-core";
import { afterAll, beforeAll, describe, test } from "vitest";
import { firing, promtoolPresent, rulesFile } from "../support/alerts.ts";
import { browserPresent, launchBrowser } from "../support/browser.ts";
import { ConsolePages, go } from "../support/console.ts";
import { temporaryFolder } from "../support/server.ts";
import { faults } from "./stranger/faults.ts";
import { faultAt, lastMinute, timeline, World } from "./stranger/world.ts";

const runbook = readFileSync(new URL("../../docs/RUNBOOK.md", import.meta.url), "utf8");
const rules = readFileSync(rulesFile, "utf8");

/** The section of the runbook that an alert names. */
function sectionOf(alert: string): string {
  const [, anchor] = new RegExp(`alert: ${alert}\\n[\\s\\S]*?RUNBOOK\\.md#(\\S+)`).exec(rules)!;
  const sections = runbook.split(/^## /m).slice(1);
  return sections.find((text) => text.split("\n")[0]!.toLowerCase().replaceAll(" ", "-") === anchor)!;
}

/** The address of a page, as the runbook writes it. */
function writtenAs(hash: string): string {
  const [partition, ...rest] = hash.split("/");
  return `#/${[partition === "" || partition === "~" ? partition : "PARTITION", ...rest].join("/")}`;
}

// At the same time: each waits most of its time for what a partition reports every ten seconds.
describe.skipIf(!promtoolPresent || !browserPresent)("a stranger", { concurrent: true }, () => {
  let browser: Browser;
  beforeAll(async () => {
    browser = await launchBrowser();
  });
  afterAll(() => browser?.close());

  test.for(Object.entries(faults))(
    "[OB-3] [OB-4] [OB-6] finds the cause of the fault %s: its alert fires, the runbook names the pages, and they show it",
    { timeout: 300_000 },
    async ([, fault], { expect }) => {
      const folder = temporaryFolder("partita-stranger-");
      const world = await World.begin(fault.identity, folder);
      try {
        const before = await world.scrape();
        const begun = await fault.inject(world, folder);
        const scrapes = timeline(before, begun, await fault.goesOn(world));
        const names = (minute: number) => firing(scrapes, minute).map(({ alertname }) => alertname);
        expect(names(faultAt - 1)).not.toContain(fault.alert);
        expect(names(lastMinute)).toContain(fault.alert);
        const section = sectionOf(fault.alert);
        const page = await new ConsolePages(browser, world.server.url).open("");
        if (world.token !== undefined) {
          await page.getByLabel("Token").fill(world.token);
          await page.getByRole("button", { name: "Use" }).click();
          await page.getByText("A token is in use.").waitFor();
        }
        for (const { hash, choose, shows } of fault.console) {
          expect(section).toContain(`\`${writtenAs(hash)}\``);
          await go(page, hash);
          if (choose !== undefined) await page.getByRole("button", { name: choose, exact: true }).click();
          await expect.poll(() => page.locator("#console").innerText(), { timeout: 30_000 }).toMatch(shows);
        }
        await page.close();
      } finally {
        await world.end();
        rmSync(folder, { recursive: true, force: true });
      }
    },
  );
});
