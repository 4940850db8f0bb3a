import type { Browser } from "playwright-core";
import { afterAll, beforeAll, describe, expect, onTestFinished, test } from "vitest";
import { browserPresent, launchBrowser } from "../support/browser.ts";
import { TestServer } from "../support/server.ts";

describe.runIf(browserPresent)("the demo of text", () => {
  const server = new TestServer();
  let browser: Browser;

  beforeAll(async () => {
    await server.start();
    browser = await launchBrowser();
  }, 120_000);
  afterAll(async () => {
    await browser?.close();
    await server.stop();
  });

  test("[CL-1] [CL-8] [MD-9] merges what two type without a network, shows who wrote what, and plays the life of the text", async () => {
    const page = await browser.newPage();
    onTestFinished(() => page.close());
    const complaints: string[] = [];
    page.on("pageerror", (error) => complaints.push(String(error)));
    page.on("console", (message) => {
      if (message.type() === "error" || message.type() === "warning") complaints.push(message.text());
    });
    await page.goto(new URL("text", server.url).href);
    const pane = (title: string) => page.getByRole("region", { name: `${title} pane` });
    const [left, right] = [pane("Left").getByRole("textbox"), pane("Right").getByRole("textbox")];
    for (const title of ["Left", "Right"]) await pane(title).getByText("Online", { exact: true }).waitFor();
    const first = "Type here, on both sides, at the same time.";
    for (const box of [left, right]) await box.getByText(first).waitFor();
    await left.click();
    await page.keyboard.press("ControlOrMeta+a");
    await page.keyboard.press("Delete");
    await right.getByText(first).waitFor({ state: "detached" });
    await page.keyboard.type("from the left. ");
    await right.getByText("from the left.").waitFor();
    await pane("Right").getByRole("switch").click();
    await pane("Right").getByText("Offline: what you type is sent later.").waitFor();
    await right.click();
    await page.keyboard.press("End");
    await page.keyboard.type("Later.");
    await left.click();
    await page.keyboard.press("Home");
    await page.keyboard.type("Now ");
    await pane("Right").getByRole("switch").click();
    const whole = "Now from the left. Later.";
    for (const box of [left, right])
      await expect.poll(() => box.locator(".cm-line").textContent(), { timeout: 10_000 }).toContain("Later.");
    const written = page.getByRole("region", { name: "The text at that time" });
    await expect.poll(() => written.textContent(), { timeout: 10_000 }).toBe(whole);
    const runs = written.locator(".run");
    expect(await runs.evaluateAll((all) => all.map((run) => [run.textContent, run.getAttribute("data-pane")]))).toEqual(
      [
        ["Now from the left. ", "Left"],
        ["Later.", "Right"],
      ],
    );
    // An editor shows its cursor to others while it has the focus.
    await left.click();
    const carets = (title: string) => pane(title).locator(".cm-partita-caret").count();
    const shown = async () => [await carets("Left"), await carets("Right")];
    await expect.poll(shown, { timeout: 10_000 }).toEqual([0, 1]);

    const slider = page.getByRole("slider", { name: "Time" });
    await slider.focus();
    await page.keyboard.press("Home");
    await expect.poll(() => written.textContent(), { timeout: 10_000 }).toBe("");
    await page.keyboard.press("ArrowRight");
    await expect.poll(() => written.textContent(), { timeout: 10_000 }).toBe(`${first}\n`);
    await page.getByRole("button", { name: "Play" }).click();
    await expect.poll(() => written.textContent(), { timeout: 10_000 }).toBe(whole);
    await page.getByRole("button", { name: "Play" }).waitFor();
    expect(await slider.getAttribute("aria-valuetext")).toMatch(/^(\d+) of \1 changes: /);
    expect(complaints).toEqual([]);
  }, 120_000);
});
