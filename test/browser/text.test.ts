import { ChangeSet } from "@codemirror/state";
import type { Browser, Page } from "playwright-core";
import { afterAll, beforeAll, describe, expect, onTestFinished, test, vi } from "vitest";
import { browserPresent, launchBrowser, openContext, openPage } from "../support/browser.ts";
import type { Sent, textPage as TextPage } from "./text-page.ts";

declare const textPage: typeof TextPage;

/** One way of the network. */
const delayMs = 300;

/** The one order of all changes: each is mapped over those that its author did not know. */
class Order {
  readonly #log: { client: string; changes: ChangeSet }[] = [];
  readonly #pages: Page[] = [];
  readonly #complaints: string[][] = [];

  get version(): number {
    return this.#log.length;
  }

  async open(browser: Browser, client: string, editor: "codemirror" | "textarea"): Promise<Page> {
    const context = await openContext(browser, "text-page.ts");
    onTestFinished(() => context.close());
    await context.exposeFunction("send", (sent: Sent) => void setTimeout(() => this.#receive(sent), delayMs));
    const { page, complaints } = await openPage(context);
    this.#pages.push(page);
    this.#complaints.push(complaints);
    await page.evaluate(([name, kind]) => textPage.open(name, kind), [client, editor] as const);
    return page;
  }

  /** Waits until both have everything, and returns what they show. */
  async settled() {
    return vi.waitUntil(
      async () => {
        const shown = await Promise.all(this.#pages.map((page) => page.evaluate(() => textPage.shown())));
        return shown.every(({ pending, version }) => !pending && version === this.version) && shown;
      },
      { timeout: 30_000, interval: 50 },
    );
  }

  get complaints(): string[] {
    return this.#complaints.flat();
  }

  #receive(sent: Sent): void {
    let out = sent;
    if ("changes" in sent) {
      let changes = ChangeSet.fromJSON(sent.changes);
      for (const other of this.#log.slice(sent.version)) {
        changes = changes.map(other.changes, sent.client < other.client);
      }
      this.#log.push({ client: sent.client, changes });
      out = { ...sent, changes: changes.toJSON() };
    }
    setTimeout(() => {
      for (const page of this.#pages) {
        // A page that was closed receives nothing.
        void page.evaluate((news) => textPage.receive(news), out).catch(() => {});
      }
    }, delayMs);
  }
}

describe.runIf(browserPresent)("an editor of a text that others edit, too", () => {
  let browser: Browser;

  beforeAll(async () => {
    browser = await launchBrowser();
  }, 120_000);
  afterAll(() => browser?.close());

  test.each(["codemirror", "textarea"] as const)(
    "[CL-1] [MD-9] in two windows, CodeMirror and %s, that type at once through 300 ms of delay, shows one text, and no cursor jumps",
    async (kind) => {
      const order = new Order();
      const [ann, bob] = [await order.open(browser, "ann", "codemirror"), await order.open(browser, "bob", kind)];
      await ann.keyboard.type("first 😀 line");
      await ann.keyboard.press("Enter");
      await ann.keyboard.type("last line");
      const [begun] = await order.settled();
      expect(begun!.doc).toBe("first 😀 line\nlast line");
      await ann.evaluate(() => textPage.put(5));
      await bob.evaluate(() => textPage.put(textPage.shown().doc.length));
      const [typedByAnn, typedByBob] = ["annannannann", "bobbobbob".repeat(2)];
      await Promise.all([
        ann.keyboard.type(typedByAnn, { delay: 15 }),
        (async () => {
          await bob.keyboard.type(typedByBob.slice(0, 10), { delay: 15 });
          await bob.keyboard.press("Backspace");
          await bob.keyboard.type(typedByBob.slice(9), { delay: 15 });
        })(),
      ]);
      const [ofAnn, ofBob] = await order.settled();
      const expected = `first${typedByAnn} 😀 line\nlast line${typedByBob}`;
      expect([ofAnn!.doc, ofAnn!.value, ofBob!.doc, ofBob!.value]).toEqual([expected, expected, expected, expected]);
      // Each cursor is behind what its user has typed.
      expect([ofAnn!.head, ofBob!.head]).toEqual([5 + typedByAnn.length, expected.length]);
      expect(order.complaints).toEqual([]);
    },
    120_000,
  );

  test("[CL-8] [CL-10] shows the cursors of others with their names, and what others do not get", async () => {
    const order = new Order();
    const [ann, bob] = [await order.open(browser, "ann", "codemirror"), await order.open(browser, "bob", "codemirror")];
    await ann.keyboard.type("hello");
    await order.settled();
    const caret = bob.locator(".cm-partita-caret");
    await caret.waitFor();
    expect(await caret.textContent()).toBe("ann");

    const status = bob.locator(".cm-partita-status");
    expect(await status.isVisible()).toBe(false);
    await bob.evaluate(() => textPage.setStatus({ status: "offline", loaded: true }));
    expect(await status.textContent()).toBe("Offline: what you type is sent later.");
    await bob.evaluate(() => textPage.setStatus({ status: "offline", loaded: false }));
    expect(await status.textContent()).toBe("Read only");
    await bob.keyboard.type("refused");
    expect((await bob.evaluate(() => textPage.shown())).doc).toBe("hello");

    await ann.keyboard.press("Control+z");
    await ann.keyboard.press("Control+z");
    await ann.keyboard.press("Control+y");
    expect(await ann.evaluate(() => textPage.undone)).toBe(2 - 100);
    expect(order.complaints).toEqual([]);
  }, 120_000);
});
