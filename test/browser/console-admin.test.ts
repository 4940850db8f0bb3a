import { fileURLToPath } from "node:url";
import type { Browser, Page } from "playwright-core";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { pending, transit } from "../support/bank.ts";
import { browserPresent, launchBrowser } from "../support/browser.ts";
import { act, ConsolePages, faultsOf, go } from "../support/console.ts";
import { Issuer } from "../support/issuer.ts";
import { TestServer } from "../support/server.ts";

/** Where the pictures of the pages are written; undefined: nowhere. */
const pictures = process.env["PARTITA_PICTURES"];

const banks = ["bank-a", "bank-b", "bank-c"] as const;

describe.skipIf(!browserPresent)("the console of who operates banks", () => {
  let issuer: Issuer;
  let server: TestServer;
  let browser: Browser;
  let pages: ConsolePages;
  let token: string;

  // An answer as a test needs it
  const ask = async (path: string, method = "GET", body?: unknown, key?: string): Promise<any> => {
    const response = await fetch(new URL(path, server.url), {
      method,
      headers: { authorization: `Bearer ${token}`, ...(key === undefined ? {} : { "idempotency-key": key }) },
      ...(body === undefined ? {} : { body: JSON.stringify(body) }),
    });
    return { status: response.status, ...((await response.json()) as object) };
  };
  let keys = 0;
  const submit = async (bank: string, type: string, payload: object): Promise<void> => {
    const { status } = await ask(`/v1/partitions/${bank}/events`, "POST", { type, payload }, `k${++keys}`);
    expect(status).toBe(201);
  };
  /** Waits until a saga is as it should be. */
  const sagaAs = (saga: string, is: object): Promise<void> =>
    expect.poll(() => ask(`/v1/partitions/bank-a/sagas/${saga}`), { timeout: 60_000, interval: 50 }).toMatchObject(is);
  /** The console with the token. */
  const open = async (hash: string): Promise<Page> => {
    const page = await pages.open("");
    await page.getByLabel("Token").fill(token);
    await page.getByRole("button", { name: "Use" }).click();
    await page.getByText("A token is in use.").waitFor();
    await go(page, hash);
    return page;
  };
  const look = async (page: Page, name: string): Promise<void> => {
    expect(await faultsOf(page)).toEqual([]);
    if (pictures === undefined) return;
    for (const colorScheme of ["light", "dark"] as const) {
      await page.emulateMedia({ colorScheme });
      for (const width of [1_280, 390]) {
        await page.setViewportSize({ width, height: 900 });
        await page.screenshot({ path: `${pictures}/${name}-${width}-${colorScheme}.png`, fullPage: true });
      }
    }
    await page.setViewportSize({ width: 1_280, height: 900 });
  };

  beforeAll(async () => {
    issuer = await Issuer.with("a");
    server = new TestServer({
      main: fileURLToPath(new URL("../process/bank/worker.ts", import.meta.url)),
      settings: { ...issuer.settings, PARTITA_WEBHOOK_KEY: Buffer.alloc(32, 7).toString("base64") },
    });
    await server.start();
    browser = await launchBrowser();
    pages = new ConsolePages(browser, server.url);
    token = await issuer.token("a", { sub: "ops", permissions: ["*", "admin:*"] });
    for (const bank of banks) {
      for (const account of [transit, pending, "in", "out", "cash", "ann"]) {
        await submit(bank, "open", { account, currency: "EUR", ...(account === "ann" ? {} : { overdraft: null }) });
      }
      const legs = [
        { account: "cash", amount: -100 },
        { account: "ann", amount: 100 },
      ];
      await submit(bank, "post", { transfer: "funds", legs, memo: "funds" });
    }
  });
  afterAll(async () => {
    await browser?.close();
    await server?.stop();
    await issuer?.close();
    // A refusal that a page shows is also in the browser's own log.
    expect(pages.complaints.filter((text) => !text.startsWith("Failed to load resource"))).toEqual([]);
  });

  test("[OB-4] [TX-14] shows a saga that stands still, and retries it once its cause is gone; the list of actions has it", async () => {
    const pay = { from: "ann", via: "bank-b", bank: "bank-c", to: "ann", amount: 5 };
    await submit("bank-c", "holiday", { holiday: true });
    await submit("bank-a", "pay.start", { saga: "t-1", input: pay });
    // The step is rejected once, and waits for its second attempt: what was done before cannot be undone then.
    await sagaAs("t-1", { status: "RUNNING", step: 1, attempt: 1 });
    await submit("bank-b", "holiday", { holiday: true });
    await sagaAs("t-1", { status: "FAILED" });
    const page = await open("bank-a/sagas");
    await page.getByLabel("Status").selectOption("FAILED");
    await page.getByRole("button", { name: "t-1" }).click();
    await page.getByRole("heading", { name: "Why it stands still" }).waitFor();
    await page.getByText("The bank is on holiday.").first().waitFor();
    await look(page, "sagas");
    await submit("bank-b", "holiday", { holiday: false });
    await act(page, "Retry: t-1", "bank-b is back");
    await sagaAs("t-1", { status: "COMPENSATED" });
    await page.getByRole("button", { name: "Read again" }).last().click();
    await page.locator("dd", { hasText: "COMPENSATED" }).waitFor();
    await go(page, "~/actions");
    await page.getByRole("row", { name: /ops event\.submit bank-a types: pay\.retry.* bank-b is back/ }).waitFor();
    await page.close();
  });

  test("[OB-4] travels in time over a bank", async () => {
    const page = await open("bank-c/state");
    await page.getByText("The present state.").waitFor();
    const field = page.getByRole("textbox", { name: "After event" });
    await field.fill("3");
    await field.press("Enter");
    await page.getByText(/\d+ events before the head\./).waitFor();
    const at = page.locator('.tree .row[aria-level="2"]', { hasText: "accounts" });
    await at.locator(".size", { hasText: "{3}" }).waitFor();
    await page.close();
  });

  test("[OB-4] [LC-9] makes an endpoint, pauses it, and removes it, each with its reason in the list of actions", async () => {
    const page = await open("~/endpoints");
    await page.getByText("There is no endpoint").waitFor();
    await page.getByLabel("Name").fill("billing");
    await page.getByLabel("Address").fill("https://billing.example.com/hooks");
    await act(page, "Make: endpoint billing", "invoices");
    await page.getByText(/Its secret, shown once: whsec_/).waitFor();
    await page.getByRole("button", { name: "billing", exact: true }).click();
    await page.getByRole("heading", { name: "Endpoint billing" }).waitFor();
    await page.getByText("It has taken everything.").waitFor();
    await act(page, "Pause: billing", "they move");
    await page.locator("dd", { hasText: "pending, paused" }).waitFor();
    await look(page, "endpoints");
    await act(page, "Rotate the secret: billing");
    await act(page, "Remove: billing", "they have moved");
    await page.getByText("There is no endpoint").waitFor();
    await go(page, "~/actions");
    const row = (name: RegExp) => page.getByRole("row", { name });
    await row(/ops endpoint\.put .*paused: false.* invoices/).waitFor();
    await row(/ops endpoint\.put .*paused: true.* they move/).waitFor();
    await row(/ops endpoint\.rotate/).waitFor();
    await row(/ops endpoint\.remove .* they have moved/).waitFor();
    await look(page, "actions");
    await page.close();
  });

  test("[OB-4] [LC-11] sets limits, pauses effects, makes partitions read-only, and drains", async () => {
    const page = await open("~/limits");
    await page.getByRole("row", { name: /connectionsPerPrincipal 64 the application/ }).waitFor();
    await page.getByLabel(/What the tenant sets/).fill('{"connectionsPerPrincipal": 7}');
    await act(page, "Set the limits: the tenant", "fewer");
    await page.getByRole("row", { name: /connectionsPerPrincipal 7 the tenant/ }).waitFor();
    await page.getByLabel(/What the tenant sets/).fill("{");
    expect(await page.getByRole("button", { name: "Set the limits: the tenant" }).isDisabled()).toBe(true);
    await act(page, "Pause: all effects of the tenant");
    await page.getByRole("heading", { name: "Effects: paused" }).waitFor();
    await act(page, "Deliver: all effects of the tenant");
    await page.getByRole("heading", { name: "Effects: delivered" }).waitFor();
    expect((await ask("/v1/limits")).override).toMatchObject({ connectionsPerPrincipal: 7 });
    await page.getByLabel(/Partitions, or beginnings/).fill("bank-c");
    await act(page, "Set read-only: bank-c", "they count");
    await page.getByRole("heading", { name: "Read-only: bank-c" }).waitFor();
    expect(await page.getByLabel(/Partitions, or beginnings/).inputValue()).toBe("bank-c");
    const refused = { type: "holiday", payload: { holiday: false } };
    expect(await ask("/v1/partitions/bank-c/events", "POST", refused, "read-only")).toMatchObject({
      code: "read_only",
    });
    await look(page, "limits");
    await page.getByLabel(/Partitions, or beginnings/).fill("");
    await act(page, "Set read-only: no partition");
    await page.getByRole("heading", { name: "Read-only: no partition" }).waitFor();
    await act(page, "Drain all: the tenant", "a rehearsal");
    await page.getByText(/partitions have the change/).waitFor();
    await page.close();
  });

  test("[OB-4] [LC-6] verifies all partitions, and shows each page of a partition", async () => {
    const page = await open("~/verification");
    await page.getByLabel(/names begin with/).fill("bank-");
    await page.getByRole("button", { name: "Verify" }).click();
    await page.getByText(/^Done: 3 partitions, \d+ events, and everything agrees\./).waitFor();
    await look(page, "verification");
    await go(page, "bank-a/health");
    await page.getByRole("button", { name: "Verify" }).click();
    await page.getByText("Everything agrees.").waitFor();
    await look(page, "health");
    await go(page, "bank-a/work");
    await page.getByText("No timer is set.").waitFor();
    await look(page, "work");
    await page.close();
  });

  test("[OB-4] [AU-4] revokes a subject, and says what a token may not do", async () => {
    const page = await open("~/access");
    await page.getByText("Nothing is revoked.").waitFor();
    await page.getByLabel("Its id").fill("mallory");
    await act(page, "Revoke: sub mallory", "stolen");
    await page.getByRole("row", { name: /sub mallory/ }).waitFor();
    await look(page, "access");
    const revoked = await issuer.token("a", { sub: "mallory", permissions: ["read"], iat: 1 });
    const response = await fetch(new URL("/v1/partitions/bank-a/state", server.url), {
      headers: { authorization: `Bearer ${revoked}` },
    });
    expect(await response.json()).toMatchObject({ code: "auth_revoked" });
    await go(page, "~/letters");
    await page.getByText("No partition has dead letters.").waitFor();
    await look(page, "letters");
    const reader = await issuer.token("a", { sub: "reader", permissions: ["read"] });
    await page.getByLabel("Token").fill(reader);
    await page.getByRole("button", { name: "Use" }).click();
    await page.getByText('This needs the permission "admin:effects".').waitFor();
    await page.close();
  });
});
