import type { Browser } from "playwright-core";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { browserPresent, launchBrowser, openContext, openPage } from "../support/browser.ts";
import { ChaosProxy, chaos, noFaults, rough, roughFaults } from "../support/chaos-proxy.ts";
import { judge, plantTree } from "../support/client-judge.ts";
import { readState } from "../support/log.ts";
import { TestServer } from "../support/server.ts";
import type { clientPage as ClientPage } from "./client-page.ts";

declare const clientPage: typeof ClientPage;

const pages = 2;
const clientsEach = 4;
const submissionsEach = 60;
const runs = 2;
/** The time with faults. */
const faultsMin = 50;
/** A run takes about five seconds. */
const settleMsMax = 60_000;

const given = process.env["PARTITA_SEED"];
const first = Number(given ?? Math.floor(Math.random() * 2 ** 31));
const seeds = Array.from({ length: given === undefined ? runs : 1 }, (_, at) => first + at);

describe.runIf(browserPresent)(
  "8 clients in two pages, each behind a network that drops, delays, doubles, truncates, stalls and cuts",
  () => {
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

    test.for(seeds)(
      "[CL-7] [CL-5] [CL-2] [CL-6] [ID-14] [WP-5] seed %i: after the faults all views equal the state of the server, and each draft counts as its verdict says",
      { timeout: settleMsMax },
      async (seed, { onTestFailed, onTestFinished }) => {
        const partition = `chaos-${seed}`;
        await plantTree(server.url, partition);
        const happened = noFaults();
        const proxies = Array.from(
          { length: pages * clientsEach },
          (_, at) => new ChaosProxy(server.url, chaos(seed * 31 + at * 1_000_003, roughFaults, happened)),
        );
        await Promise.all(proxies.map((proxy) => proxy.start()));
        onTestFinished(async () => {
          await Promise.all(proxies.map((proxy) => proxy.stop()));
        });
        const context = await openContext(browser, "client-page.ts");
        onTestFinished(() => context.close());
        const opened = await Promise.all(Array.from({ length: pages }, () => openPage(context)));
        onTestFailed(async () => {
          for (const { page } of opened) {
            console.log(JSON.stringify(await page.evaluate(() => clientPage.load.conditions())));
          }
        });

        const options = proxies.map(({ url }, at) => ({
          url,
          partition,
          clientId: `client-${at}`,
          seed: seed * 17 + at,
          submissions: submissionsEach,
        }));
        const inPages = <T>(run: (page: (typeof opened)[number]["page"], at: number) => Promise<T>) =>
          Promise.all(opened.map(({ page }, at) => run(page, at)));
        await inPages((page, at) =>
          page.evaluate((all) => clientPage.load.submit(all), options.slice(at * clientsEach, (at + 1) * clientsEach)),
        );
        await rough(happened, faultsMin);
        for (const proxy of proxies) proxy.heal();
        await inPages((page) => page.evaluate(() => clientPage.load.settled()));
        const { eventIndex } = await readState(server.url, partition);
        const reports = await inPages((page) => page.evaluate((head) => clientPage.load.reports(head), eventIndex));
        const result = await judge(server.url, partition, reports.flat());
        const connections = proxies.reduce((sum, proxy) => sum + proxy.connections, 0);
        console.log(`seed ${seed}: ${JSON.stringify({ ...result, connections, ...happened })}`);
        // Some drafts were rejected, and some accepted.
        expect(result.accepted).toBeGreaterThan(pages * clientsEach * 10);
        expect(result.refused).toBeGreaterThan(0);
      },
    );
  },
);
