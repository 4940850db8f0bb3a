import type { Page } from "playwright-core";

/** What a demo has shown, in order, without repetitions. */
interface ShownTexts {
  /** The line about the example that plays. */
  said: string[];
  notices: string[];
  /** Of both panes: how far they are behind, or what they have caught up with. */
  behind: string[];
}

/** As text, because it runs in the browser. */
const record = `(() => {
  const shown = (window.shown = { said: [], notices: [], behind: [] });
  const note = (list, text) => {
    if (text && list.at(-1) !== text) list.push(text);
  };
  new MutationObserver(() => {
    note(shown.said, document.querySelector('[data-part="example-said"]')?.textContent);
    for (const notice of document.querySelectorAll(".pane .notice")) note(shown.notices, notice.textContent);
    for (const behind of document.querySelectorAll('[data-part="behind"]')) note(shown.behind, behind.textContent);
  }).observe(document, { subtree: true, childList: true, characterData: true });
})()`;

/** Records what the demo of the page will show, also what it shows for a moment only. Call it before `goto`. */
export async function recordTexts(page: Page): Promise<void> {
  await page.addInitScript({ content: record });
}

export function shownTexts(page: Page): Promise<ShownTexts> {
  return page.evaluate<ShownTexts>("shown");
}
