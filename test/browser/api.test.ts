import { type Browser } from "playwright-core";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { browserPresent, launchBrowser } from "../support/browser.ts";
import { TestServer } from "../support/server.ts";

describe.skipIf(!browserPresent)("the page of the API", () => {
  let server: TestServer;
  let browser: Browser;

  beforeAll(async () => {
    server = new TestServer();
    await server.start();
    browser = await launchBrowser();
  });
  afterAll(async () => {
    await browser?.close();
    await server?.stop();
  });

  test.each([1_200, 390])(
    "[OB-5] [AU-7] shows each operation, loads from no other server, and works with its content security policy: %i pixels wide",
    async (width) => {
      const page = await browser.newPage({ viewport: { width, height: 900 } });
      const complaints: string[] = [];
      const outside: string[] = [];
      page.on("pageerror", (error) => complaints.push(String(error)));
      page.on("console", (message) => {
        if (message.type() === "error" || message.type() === "warning") complaints.push(message.text());
      });
      page.on("request", (request) => {
        if (!/^(data|blob):/.test(request.url()) && !request.url().startsWith(server.url.origin))
          outside.push(request.url());
      });
      const response = await page.goto(new URL("/api", server.url).href);
      expect(response?.headers()["content-security-policy"]).toContain("default-src 'none'; script-src 'self'");
      await page.locator(".opblock").first().waitFor();

      const document = (await (await fetch(new URL("/openapi.json", server.url))).json()) as { paths: object };
      const operations = Object.values(document.paths).flatMap((item) => Object.keys(item as object));
      expect(await page.locator(".opblock").count()).toBe(operations.length);

      // One operation is opened and called, and has an answer.
      const operation = page.locator("#operations-Events-submit");
      await operation.locator(".opblock-summary-control").click();
      await operation.getByRole("button", { name: "Try it out" }).click();
      await operation.getByRole("button", { name: "Execute" }).click();
      const answer = operation.locator(".live-responses-table .response .response-col_status").first();
      await answer.waitFor();
      // Both pages send the example, with the same key.
      expect((await answer.innerText()).trim()).toMatch(/^201/);

      expect(await page.evaluate("document.documentElement.scrollWidth - window.innerWidth")).toBeLessThanOrEqual(0);
      expect({ complaints, outside }).toEqual({ complaints: [], outside: [] });
      await page.close();
    },
  );

  test.each([1_200, 390])("[ER-1] [AU-7] the pages of problems have a style sheet: %i pixels wide", async (width) => {
    const page = await browser.newPage({ viewport: { width, height: 900 } });
    for (const path of ["/problems", "/problems/conflict"]) {
      await page.goto(new URL(path, server.url).href);
      // No code is broken inside of a word.
      const lines = await page
        .locator("td:first-child code, h1 + code")
        .evaluateAll((codes) => codes.map((code) => code.getClientRects().length));
      expect(Math.max(...lines)).toBe(1);
      expect(await page.evaluate("getComputedStyle(document.querySelector('main')).borderTopStyle")).toBe("solid");
      expect(await page.evaluate("document.documentElement.scrollWidth - window.innerWidth")).toBeLessThanOrEqual(0);
    }
    await page.close();
  });
});
