import type { Browser, Page } from "playwright-core";
import { afterAll, beforeAll, describe, expect, onTestFinished, test, vi } from "vitest";
import { browserPresent, launchBrowser, openContext, openPage } from "../support/browser.ts";
import { TestServer } from "../support/server.ts";
import type { textPage as TextPage } from "./text-page.ts";

declare const textPage: typeof TextPage;
type Frame = (typeof TextPage.frames)[number];

/** One way of the network. */
const delayMs = 300;

/**
 * The frames in which the cursor is not where it has to be: behind a part of `begin`, all of `word` and a part of `typed`,
 * each as long as in the frame before, or longer; and drawn there.
 */
function jumps(frames: readonly Frame[], begin: string, word = "", typed = ""): Frame[] {
  let [least, leastTyped] = [0, 0];
  return frames.filter(({ before, drawn, head }) => {
    let at = 0;
    while (at < begin.length && before[at] === begin[at]) at++;
    const rest = before.slice(at + word.length);
    const isRight = at >= least && rest.length >= leastTyped && typed.startsWith(rest);
    if (!isRight || before.slice(at, at + word.length) !== word || drawn !== head) return true;
    [least, leastTyped] = [at, rest.length];
    return false;
  });
}

describe.runIf(browserPresent)("an editor of a text that others edit, too", () => {
  const server = new TestServer();
  let browser: Browser;
  let rooms = 0;

  beforeAll(async () => {
    await server.start();
    browser = await launchBrowser();
  }, 120_000);
  afterAll(async () => {
    await browser?.close();
    await server.stop();
  });

  /** A room in which people edit a text, each in a window of their own. */
  function room() {
    const partition = `text:room-${++rooms}`;
    const pages: Page[] = [];
    const all: string[][] = [];
    return {
      async open(name: string, editor: "codemirror" | "textarea", paused = false): Promise<Page> {
        const context = await openContext(browser, "text-page.ts");
        onTestFinished(() => context.close());
        // Both ways are slow, and keep their order.
        await context.routeWebSocket(/./, (client) => {
          const upstream = client.connectToServer();
          client.onMessage((message) => void setTimeout(() => upstream.send(message), delayMs));
          upstream.onMessage((message) => void setTimeout(() => client.send(message), delayMs));
        });
        const { page, complaints } = await openPage(context);
        all.push(complaints);
        pages.push(page);
        await page.evaluate(([url, ...more]) => textPage.open(url, ...more), [
          server.url.href,
          partition,
          name,
          editor,
          paused,
        ] as const);
        return page;
      },
      /** Waits until all have everything, and returns what they show. */
      settled: () =>
        vi.waitUntil(
          async () => {
            const shown = await Promise.all(pages.map((page) => page.evaluate(() => textPage.shown())));
            const [{ eventId } = { eventId: 0 }] = shown;
            return shown.every((one) => one.pending === 0 && one.eventId === eventId) && shown;
          },
          { timeout: 30_000, interval: 50 },
        ),
      complaints: () => all.flat(),
    };
  }

  test.each(["codemirror", "textarea"] as const)(
    "[CL-1] [MD-9] in two windows, CodeMirror and %s, that type at once through 300 ms of delay, shows one text, and no cursor jumps",
    async (kind) => {
      const { open, settled, complaints } = room();
      const [ann, bob] = [await open("ann", "codemirror"), await open("bob", kind)];
      await ann.keyboard.type("first 😀 line");
      await ann.keyboard.press("Enter");
      await ann.keyboard.type("last line");
      const begun = "first 😀 line\nlast line";
      await bob.waitForFunction((text) => textPage.shown().doc === text, begun);
      await ann.evaluate(() => textPage.put(5));
      await bob.evaluate(() => textPage.put(textPage.shown().doc.length));
      for (const page of [ann, bob]) await page.evaluate(() => textPage.watch());
      const [typedByAnn, typedByBob] = ["annannannann".repeat(2), "bobbobbob".repeat(2)];
      // No letter of it begins the word that follows, so that each frame can be read in one way only.
      const atTheBegin = "bob, at the top: ";
      await Promise.all([
        ann.keyboard.type(typedByAnn, { delay: 60 }),
        (async () => {
          await bob.keyboard.type(typedByBob.slice(0, 10), { delay: 15 });
          await bob.keyboard.press("Backspace");
          await bob.keyboard.type(typedByBob.slice(9), { delay: 15 });
          await bob.evaluate(() => textPage.turn());
          await bob.keyboard.type(atTheBegin, { delay: 15 });
        })(),
      ]);
      const [ofAnn, ofBob] = await settled();
      const expected = `${atTheBegin}first${typedByAnn} 😀 line\nlast line${typedByBob}`;
      expect([ofAnn!.doc, ofAnn!.value, ofBob!.doc, ofBob!.value]).toEqual(Array(4).fill(expected));
      const headOfAnn = `${atTheBegin}first${typedByAnn}`.length;
      expect([ofAnn!.head, ofBob!.head]).toEqual([headOfAnn, atTheBegin.length]);
      // In each frame the cursor is behind what was typed there, and only goes on: whatever comes before it, behind it or later.
      const [ofAnnInFrames, ofBobInFrames] = await Promise.all(
        [ann, bob].map((page) => page.evaluate(() => ({ frames: textPage.frames, marked: textPage.marked }))),
      );
      expect(ofAnnInFrames!.frames.length).toBeGreaterThan(typedByAnn.length);
      expect(jumps(ofAnnInFrames!.frames, atTheBegin, "first", typedByAnn)).toEqual([]);
      const { frames, marked } = ofBobInFrames!;
      expect(marked).toBeGreaterThan(0);
      expect(frames.slice(0, marked).filter(({ after }) => after !== "")).toEqual([]);
      expect(jumps(frames.slice(marked), atTheBegin)).toEqual([]);
      // Each sees the cursor of the other one where it is, a plain field does not draw it.
      await bob.waitForFunction((head) => textPage.shown().cursors[0]?.head === head, ofAnn!.head);
      await ann.waitForFunction((head) => textPage.shown().cursors[0]?.head === head, ofBob!.head);
      expect(await ann.locator(".cm-partita-caret").textContent()).toBe("bob");

      // Each takes back what is theirs.
      await ann.keyboard.press("Control+z");
      await settled();
      for (let places = 0; places < 2; places++) await bob.keyboard.press("Control+z");
      const [undone, alike] = await settled();
      expect([undone!.doc, alike!.doc]).toEqual([begun, begun]);
      for (let places = 0; places < 2; places++) await bob.keyboard.press("Control+y");
      await ann.keyboard.press("Control+Shift+Z");
      const [redone] = await settled();
      expect([redone!.doc, redone!.head]).toEqual([expected, headOfAnn]);
      expect(complaints()).toEqual([]);
    },
    120_000,
  );

  test("[CL-8] [CL-10] shows the cursors of others with their names and colours, and what others do not get", async () => {
    const { open, settled, complaints } = room();
    const ann = await open("ann", "codemirror");
    const bob = await open("bob", "codemirror", true);
    // It is not loaded: what it shows may not be the text.
    const status = bob.locator(".cm-partita-status");
    expect(await status.textContent()).toBe("Read only");
    await bob.keyboard.type("refused");
    expect((await bob.evaluate(() => textPage.shown())).doc).toBe("");
    await ann.keyboard.type("hello");
    await bob.evaluate(() => textPage.client!.resume());
    await bob.waitForFunction(() => textPage.shown().doc === "hello");
    await status.waitFor({ state: "hidden" });
    const caret = bob.locator(".cm-partita-caret");
    await caret.waitFor();
    expect(await caret.textContent()).toBe("ann");

    await bob.evaluate(() => textPage.client!.pause());
    await status.waitFor();
    expect(await status.textContent()).toBe("Offline: what you type is sent later.");
    await bob.keyboard.press("End");
    await bob.keyboard.type(" offline");
    await ann.keyboard.press("Shift+Home");
    await bob.evaluate(() => textPage.client!.resume());
    await settled();
    await bob.locator(".cm-partita-selection").waitFor();
    expect(await bob.locator(".cm-partita-selection").textContent()).toBe("hello");
    const color = await caret.evaluate((element) => getComputedStyle(element).borderLeftColor);
    expect(color).not.toBe("rgba(0, 0, 0, 0)");
    const [ofAnn, ofBob] = await settled();
    expect([ofAnn!.doc, ofBob!.doc]).toEqual(Array(2).fill("hello offline"));

    // A cursor that another client claims to have inside of a character parts nothing.
    await ann.keyboard.press("Home");
    await ann.keyboard.type("😀");
    await settled();
    await ann.evaluate(() => {
      const { client } = textPage;
      client!.setPresence({ name: "ann", text: { doc: "d", eventId: client!.eventId, anchor: 1, head: 1 } });
    });
    await bob.waitForFunction(() => textPage.shown().cursors[0]?.head === 1);
    const line = bob.locator(".cm-line");
    await vi.waitUntil(async () => (await line.innerHTML()).startsWith("<"));
    expect(await line.evaluate((node) => [...node.childNodes].every((part) => part.textContent!.isWellFormed()))).toBe(
      true,
    );
    expect(complaints()).toEqual([]);
  }, 120_000);

  test("[CL-13] [MD-9] gives back what was typed and not taken, to insert it again or to discard it", async () => {
    const { open, settled, complaints } = room();
    const ann = await open("ann", "codemirror");
    await ann.keyboard.type("😀");
    const lost = ann.getByRole("alert");
    expect(await lost.isVisible()).toBe(false);
    // Between the halves of a character.
    const typed = (insert: string) =>
      ann.evaluate((text) => textPage.view!.dispatch({ changes: { from: 1, insert: text } }), insert);
    await typed("first\nsecond");
    await lost.waitFor();
    await typed("another");
    expect((await ann.evaluate(() => textPage.shown())).doc).toBe("😀");
    expect(await lost.locator("pre").textContent()).toBe("first\nsecond");
    expect(await lost.locator("pre").getAttribute("title")).toContain("inside a character");
    await ann.evaluate(() => textPage.put(2));
    await lost.getByRole("button", { name: "Insert at the cursor" }).click();
    await vi.waitUntil(async () => (await lost.locator("pre").textContent()) === "another");
    await lost.getByRole("button", { name: "Discard" }).click();
    await lost.waitFor({ state: "hidden" });
    await ann.evaluate(() => textPage.view!.focus());
    await ann.keyboard.type("!");
    const [shown] = await settled();
    expect([shown!.doc, shown!.value]).toEqual(Array(2).fill("😀first\nsecond!"));
    expect(complaints()).toEqual([]);
  }, 120_000);
});
