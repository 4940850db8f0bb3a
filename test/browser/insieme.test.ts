import type { Browser, BrowserContext, Page } from "playwright-core";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import type { Grant } from "../insieme/lab.ts";
import { OurServer } from "../insieme/our-server.ts";
import { scenarios, wireScenarioNames } from "../insieme/scenarios.ts";
import { browserPresent, launchBrowser, openContext, openPage } from "../support/browser.ts";
import type { insiemePage as InsiemePage } from "./insieme-page.ts";

declare const insiemePage: typeof InsiemePage;

const timeoutMs = 60_000;

describe.runIf(browserPresent)(
  "the published client of Insieme in a browser, with its IndexedDB and its transport",
  () => {
    let browser: Browser;
    let context: BrowserContext;
    let page: Page;
    let complaints: string[];
    let server: OurServer;

    beforeAll(async () => {
      browser = await launchBrowser();
      context = await openContext(browser, "insieme-page.ts");
      await context.exposeFunction("insiemeToken", (grant: Grant) => server.token(grant));
      ({ page, complaints } = await openPage(context));
      server = await OurServer.start({ origins: new URL(page.url()).origin });
    });
    afterAll(async () => {
      await context?.close();
      await browser?.close();
      await server?.stop();
    });

    for (const name of Object.keys(scenarios)) {
      if (wireScenarioNames.includes(name)) continue;
      test(
        `[WP-13] [EC-11] ${name}`,
        async () => {
          await page.evaluate(([scenario, base]) => insiemePage.run(scenario, base), [
            name,
            server.address(""),
          ] as const);
          expect(complaints).toEqual([]);
        },
        timeoutMs,
      );
    }
  },
);
