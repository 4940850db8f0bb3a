import axe from "axe-core";
import type { Browser, Page } from "playwright-core";
import { expect } from "vitest";

/** Opens pages of the console, and collects what they complain about. */
export class ConsolePages {
  readonly complaints: string[] = [];
  readonly #browser: Browser;
  readonly #server: URL;

  constructor(browser: Browser, server: URL) {
    this.#browser = browser;
    this.#server = server;
  }

  async open(hash: string): Promise<Page> {
    const page = await this.#browser.newPage({ viewport: { width: 1_280, height: 900 } });
    page.on("pageerror", (error) => this.complaints.push(String(error)));
    page.on("console", (message) => {
      if (message.type() === "error" || message.type() === "warning") this.complaints.push(message.text());
    });
    const response = await page.goto(new URL(`/console#/${hash}`, this.#server).href);
    expect(response?.headers()["content-security-policy"]).toContain("style-src 'self'");
    return page;
  }
}

/** Goes to another place of the console in the same page, which keeps its token. */
export async function go(page: Page, hash: string): Promise<void> {
  await page.evaluate(`location.hash = ${JSON.stringify(`#/${hash}`)}`);
}

/** Does what a button offers: confirms it, and says why. */
export async function act(page: Page, button: string, why?: string): Promise<void> {
  await page.getByRole("button", { name: button, exact: true }).click();
  const dialog = page.getByRole("dialog");
  if (why !== undefined) await dialog.getByLabel("Why (for the list of actions)").fill(why);
  await dialog.getByRole("button", { name: button.split(":")[0]!, exact: true }).click();
  await dialog.waitFor({ state: "hidden" });
}

/** What axe finds serious on this page, in both themes, by theme; and that nothing but tables and code scrolls sideways on a phone. */
export async function faultsOf(page: Page): Promise<string[]> {
  const found: string[] = [];
  await page.evaluate(axe.source);
  for (const colorScheme of ["light", "dark"] as const) {
    await page.emulateMedia({ colorScheme });
    const faults = await page.evaluate<string[]>(`axe.run(document).then(({ violations }) =>
      violations
        .filter(({ impact }) => impact === "serious" || impact === "critical")
        .map(({ id, nodes }) => id + ": " + nodes.map(({ html }) => html.slice(0, 200)).join(" | ")))`);
    found.push(...faults.map((fault) => `${colorScheme}: ${fault}`));
  }
  await page.setViewportSize({ width: 390, height: 844 });
  // Plots are drawn again, as wide as their box, in the next frame.
  await page.evaluate("new Promise((drawn) => requestAnimationFrame(() => requestAnimationFrame(drawn)))");
  expect(await page.evaluate("document.documentElement.scrollWidth - window.innerWidth")).toBeLessThanOrEqual(0);
  const sideways = await page.evaluate<string[]>(`[...document.querySelectorAll("#console *")]
    .filter((each) => each.scrollWidth > each.clientWidth && /auto|scroll/.test(getComputedStyle(each).overflowX))
    .filter((each) => !each.matches(".wide, .json, textarea, input"))
    .map(({ outerHTML }) => outerHTML.slice(0, 80))`);
  found.push(...sideways.map((html) => `scrolls sideways: ${html}`));
  await page.setViewportSize({ width: 1_280, height: 900 });
  return found;
}
