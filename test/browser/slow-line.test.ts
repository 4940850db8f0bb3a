import { randomBytes } from "node:crypto";
import type { Browser } from "playwright-core";
import { afterAll, beforeAll, describe, expect, onTestFinished, test } from "vitest";
import { browserPresent, launchBrowser, openContext, openPage } from "../support/browser.ts";
import { insiemeClient, until } from "../support/client-load.ts";
import { TestServer } from "../support/server.ts";
import { ThrottledProxy } from "../support/throttled-proxy.ts";
import type { slowPage as SlowPage } from "./slow-page.ts";

declare const slowPage: typeof SlowPage;

/** 1.6 Mbit/s. */
const bytesPerSecond = 200_000;
const partition = "slow";
const eventBytes = 50_000;
const events = 70;
/** Sockets may compress. */
const incompressible = () => randomBytes((eventBytes / 4) * 3).toString("base64");

describe.runIf(browserPresent)("a slow line", () => {
  const server = new TestServer();
  const proxy = () => new ThrottledProxy(server.url, bytesPerSecond);
  let browser: Browser;

  beforeAll(async () => {
    await server.start();
    browser = await launchBrowser();
    for (let at = 0; at < events; at++) await post(`large-${at}`, `large${at}`, incompressible());
    await chunked();
  }, 120_000);
  afterAll(async () => {
    await browser?.close();
    await server.stop();
  });

  async function post(key: string, target: string, value: string): Promise<void> {
    const response = await fetch(new URL(`v1/partitions/${partition}/events`, server.url), {
      method: "POST",
      headers: { "idempotency-key": key },
      body: JSON.stringify({ type: "set", payload: { target, value } }),
    });
    expect(response.status).toBeLessThan(300);
  }

  /** Waits until the state comes in chunks: a snapshot is written after the commit that makes it due. */
  async function chunked(): Promise<void> {
    for (let attempt = 0; ; attempt++) {
      const client = insiemeClient({
        url: server.url.href,
        partition,
        clientId: `early-${attempt}`,
        random: Math.random,
      });
      let inChunks = false;
      client.on("status", ({ progress }) => (inChunks ||= progress?.unit === "bytes" && progress.done > 0));
      await until(client, () => client.status.status === "online");
      await client.close();
      if (inChunks) return;
      expect(attempt).toBeLessThan(50);
      await post(`more-${attempt}`, "more", String(attempt));
    }
  }

  test("[CL-10] a document of 3.5 MB opens over 1.6 Mbit/s, by one connection, and says how much has arrived", async () => {
    const line = proxy();
    await line.start();
    const context = await openContext(browser, "slow-page.ts");
    onTestFinished(async () => {
      await context.close();
      await line.stop();
    });
    const { page } = await openPage(context);
    const { seen, length, verdict } = await page.evaluate(([url, name]) => slowPage.open(url, name), [
      line.url,
      partition,
    ] as const);
    expect([length > events * eventBytes, verdict]).toEqual([true, "accepted"]);
    // A line of this rate has carried it.
    expect(line.bytes).toBeGreaterThan(events * eventBytes * 0.7);
    // Nothing was begun again.
    expect(seen.filter(({ status }) => status === "connecting")).toHaveLength(1);
    const bytes = seen.flatMap(({ progress }) => (progress?.unit === "bytes" ? [progress] : []));
    expect(bytes.length).toBeGreaterThan(5);
    expect(bytes.map(({ done }) => done)).toEqual(bytes.map(({ done }) => done).toSorted((a, b) => a - b));
    expect(bytes.every(({ of }) => of > events * eventBytes * 0.5)).toBe(true);
    expect(seen.at(-1)).toEqual({ status: "online", loaded: true });
  }, 180_000);
});
