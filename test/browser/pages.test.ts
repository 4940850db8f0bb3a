import axe from "axe-core";
import type { Browser, Page } from "playwright-core";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { demos } from "../../src/demo/gallery.ts";
import { browserPresent, launchBrowser } from "../support/browser.ts";
import { TestServer } from "../support/server.ts";

/** All rules, and those that judge colours: the others find the same in each theme. */
const rules = {
  all: '{ rules: { "label-content-name-mismatch": { enabled: true } } }',
  colours: '{ runOnly: { type: "rule", values: ["color-contrast", "link-in-text-block"] } }',
};

/**
 * What axe finds that is serious: the rule, and the elements. The name of an item of a tree is that of its own row; axe
 * takes the rows below it for a part of its text.
 */
async function faultsOf(page: Page, which: keyof typeof rules): Promise<string[]> {
  return await page.evaluate<string[]>(`
    axe.run(document, ${rules[which]}).then(({ violations }) =>
      violations
        .filter(({ impact }) => impact === "serious" || impact === "critical")
        .map(({ id, nodes }) => ({ id, nodes: nodes.filter(({ html }) => id !== "label-content-name-mismatch" || !html.includes('role="treeitem"')) }))
        .filter(({ nodes }) => nodes.length > 0)
        .map(({ id, nodes }) => id + ": " + nodes.map(({ html }) => html.slice(0, 200)).join(" | ")))`);
}

/** Brings a page into the state in which it is checked. */
const states: Record<string, (page: Page) => Promise<unknown>> = {
  "/": (page) => page.locator(".order li").nth(4).waitFor(),
  "/files": async (page) => {
    await page.getByText("Online", { exact: true }).nth(1).waitFor();
    await page.getByText("Garden house").nth(1).waitFor();
    // A rejection, and drafts that wait.
    await page.getByRole("button", { name: "both add the same folder" }).click();
    await page.locator(".pane .notice").first().waitFor();
    await page.getByRole("region", { name: "Left pane" }).getByRole("switch").click();
    await page
      .getByRole("treeitem", { name: /^Recipes/ })
      .first()
      .click();
    await page.keyboard.press("F2");
  },
  "/text": async (page) => {
    await page.getByText("Online", { exact: true }).nth(1).waitFor();
    const [left, right] = [page.getByRole("textbox").first(), page.getByRole("textbox").last()];
    await left.click();
    await page.keyboard.type("Written on the left. ");
    await right.getByText("Written on the left.").waitFor();
    // The cursor of the one beside what waits of the other.
    await page.getByRole("switch").nth(1).click();
    await right.click();
    await page.keyboard.type("Written on the right. ");
    await page.locator(".life .run[data-pane=Left]").first().waitFor();
  },
  "/seats": async (page) => {
    await page.getByText("Online", { exact: true }).nth(1).waitFor();
    const free = page.getByRole("button", { name: /, free$/ });
    await free.first().click();
    await page.getByRole("switch").nth(1).click();
    await free.last().click();
    await page.locator(".seat.waits").first().waitFor();
  },
  "/inventory": async (page) => {
    await page.getByText("Online", { exact: true }).nth(1).waitFor();
    await page
      .getByRole("button", { name: /^Reserve/ })
      .first()
      .click();
    await page.getByRole("button", { name: /^Buy/ }).first().waitFor();
  },
  "/ledger": (page) => page.getByText("sums to 0.00").waitFor(),
  "/jobs": async (page) => {
    await page.getByRole("button", { name: "Ann adds 8 jobs" }).click();
    await page.locator(".gantt .bar").first().waitFor();
  },
  "/api": async (page) => {
    const operation = page.locator("#operations-Events-submit");
    await operation.locator(".opblock-summary-control").click();
    await operation.getByRole("button", { name: "Try it out" }).click();
    await operation.getByRole("button", { name: "Execute" }).click();
    await operation.locator(".live-responses-table").waitFor();
    await page.getByRole("button", { name: "Authorize" }).first().click();
    await page.getByRole("button", { name: "Close" }).first().waitFor();
  },
};
const pages = ["/", ...demos.map(({ name }) => `/${name}`), "/api", "/problems", "/problems/conflict", "/nowhere"];
const docs = ["/docs/", "/docs/guide/own-model", "/docs/guide/limits", "/docs/PROTOCOL", "/docs/BENCHMARKS"];

describe.skipIf(!browserPresent)("the pages", () => {
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

  test.each([1_200, 390])(
    "[ER-1] [AU-7] the pages of problems, and of no page, have the header and the colours of the site: %i pixels wide",
    async (width) => {
      const page = await browser.newPage({ viewport: { width, height: 900 } });
      const linksOf = (at: Page) =>
        at.locator("header nav a").evaluateAll((links) => links.map((link) => link.outerHTML));
      await page.goto(server.url.href);
      const ofHome = await linksOf(page);
      expect(ofHome.length).toBeGreaterThan(3);
      for (const path of ["/problems", "/problems/conflict", "/nowhere"]) {
        await page.goto(new URL(path, server.url).href);
        // There is a way back.
        expect(await page.getByRole("banner").getByRole("link", { name: "Partita" }).getAttribute("href")).toBe("/");
        expect(await linksOf(page)).toEqual(ofHome);
        expect(await page.evaluate("getComputedStyle(document.querySelector('header')).borderBottomStyle")).toBe(
          "solid",
        );
        // No code is broken inside of a word.
        const lines = await page
          .locator("td:first-child code, h1 + code")
          .evaluateAll((codes) => codes.map((code) => code.getClientRects().length));
        expect(lines.filter((count) => count !== 1)).toEqual([]);
        expect(await page.evaluate("getComputedStyle(document.querySelector('main')).borderTopStyle")).toBe("solid");
        expect(await page.evaluate("document.documentElement.scrollWidth - window.innerWidth")).toBeLessThanOrEqual(0);
      }
      await page.close();
    },
  );

  test("[EC-7] no page of the documentation is wider than a phone, and what is wider on it can be scrolled", async () => {
    const page = await browser.newPage({ viewport: { width: 390, height: 844 } });
    await page.goto(new URL("/docs/", server.url).href);
    const paths = await page
      .locator("nav.pages a")
      .evaluateAll((links) => links.map((link) => link.getAttribute("href")!));
    expect(paths.length).toBeGreaterThan(50);
    // All in one page, because to load a hundred takes a minute.
    const found = await page.evaluate<string[]>(`(async () => {
      const found = [];
      for (const path of ${JSON.stringify(paths)}) {
        const text = await (await fetch(path)).text();
        document.body.replaceWith(new DOMParser().parseFromString(text, "text/html").body);
        if (document.querySelector("article") === null) found.push(path + " has no text");
        if (document.documentElement.scrollWidth > innerWidth) found.push(path + " is too wide");
        for (const block of document.querySelectorAll("article :is(pre, .table)")) {
          if (block.getBoundingClientRect().right > innerWidth) found.push(path + " has a block outside");
          if (block.scrollWidth <= block.clientWidth) continue;
          const scrolls = ["auto", "scroll"].includes(getComputedStyle(block).overflowX);
          if (!scrolls || block.tabIndex < 0) found.push(path + " hides " + block.textContent.slice(0, 40));
        }
      }
      return found;
    })()`);
    expect(found).toEqual([]);
    await page.close();
  });

  test("[EC-9] axe finds nothing serious on any page, in both themes", async () => {
    const context = await browser.newContext({ baseURL: server.url.href, reducedMotion: "reduce" });
    const found: Record<string, string[]> = {};
    for (const path of [...pages, ...docs]) {
      const page = await context.newPage();
      await page.goto(path);
      await states[path]?.(page);
      await page.evaluate(axe.source);
      for (const [colorScheme, which] of [
        ["light", "all"],
        ["dark", "colours"],
      ] as const) {
        await page.emulateMedia({ colorScheme });
        const faults = await faultsOf(page, which);
        if (faults.length > 0) found[`${path} ${colorScheme}`] = faults;
      }
      await page.close();
    }
    await context.close();
    expect(found).toEqual({});
  });

  test("[EC-9] each page can be walked by keyboard, and shows where the focus is", async () => {
    const context = await browser.newContext({ baseURL: server.url.href });
    const hidden: string[] = [];
    for (const path of [...pages, ...docs.slice(0, 2)]) {
      const page = await context.newPage();
      await page.goto(path);
      await page
        .locator(path === "/api" ? ".opblock" : "#main")
        .first()
        .waitFor();
      // The first one leads past the header.
      await page.keyboard.press("Tab");
      expect(await page.evaluate("document.activeElement.textContent")).toBe("To the content");
      await page.keyboard.press("Enter");
      const seen = new Set<string>();
      for (let at = 0; at < 12; at++) {
        await page.keyboard.press("Tab");
        const { name, visible } = await page.evaluate<{ name: string; visible: boolean }>(`(() => {
          const at = document.activeElement;
          const shown = at.role === "treeitem" ? at.querySelector(".row") ?? at : at;
          const { outlineStyle, outlineWidth } = getComputedStyle(shown);
          return {
            name: at.outerHTML.slice(0, 120),
            visible: at === document.body || (outlineStyle !== "none" && parseFloat(outlineWidth) > 0),
          };
        })()`);
        seen.add(name);
        if (!visible) hidden.push(`${path}: ${name}`);
      }
      // The page of no page has two links.
      expect(seen.size).toBeGreaterThan(2);
      await page.close();
    }
    await context.close();
    expect(hidden).toEqual([]);
  });

  test.each([1_200, 390])(
    "[EC-7] the documentation is found by its search, also by keyboard: %i pixels wide",
    async (width) => {
      const page = await browser.newPage({ viewport: { width, height: 900 } });
      const complaints: string[] = [];
      page.on("pageerror", (error) => complaints.push(String(error)));
      page.on("console", (message) => {
        if (message.type() === "error" || message.type() === "warning") complaints.push(message.text());
      });
      await page.goto(new URL("/docs/", server.url).href);
      await page.getByRole("searchbox", { name: "Search the documentation" }).fill("indexeddb store");
      await page.getByText(/^\d+ places$/).waitFor();
      expect(await page.evaluate("document.documentElement.scrollWidth - window.innerWidth")).toBeLessThanOrEqual(0);
      await page.keyboard.press("ArrowDown");
      const address = await page.evaluate<string>("document.activeElement.href");
      await page.keyboard.press("Enter");
      await page.waitForURL(address);
      await page.getByRole("searchbox").fill("qqqqqqq");
      await page.getByText("Nothing about “qqqqqqq”.").waitFor();
      for (const path of docs) {
        await page.goto(new URL(path, server.url).href);
        expect(await page.evaluate("document.documentElement.scrollWidth - window.innerWidth")).toBeLessThanOrEqual(0);
      }
      expect(complaints).toEqual([]);
      await page.close();
    },
  );
});
