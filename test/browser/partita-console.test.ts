import { mkdirSync, rmSync, writeFileSync } from "node:fs";
import type { Server } from "node:http";
import { dirname, join } from "node:path";
import type { Browser, Page } from "playwright-core";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { serveConsole } from "../../src/cli/console/serve.ts";
import { siteIn } from "../../src/cli/console/site.ts";
import { signToken } from "../../src/cli/sign.ts";
import { packageConsole } from "../../src/tools/console.ts";
import { browserPresent, launchBrowser } from "../support/browser.ts";
import { faultsOf } from "../support/console.ts";
import { freePort } from "../support/processes.ts";
import { temporaryFolder, TestServer } from "../support/server.ts";

const settings = {
  PARTITA_JWT_SECRET: "a secret of at least thirty-two bytes",
  PARTITA_JWT_ISSUER: "https://issuer.example",
  PARTITA_JWT_AUDIENCE: "partita",
};

describe.skipIf(!browserPresent)("partita console, before a server that has no pages", () => {
  const folder = temporaryFolder("partita-console-");
  const complaints: string[] = [];
  let server: TestServer;
  let served: Server;
  let browser: Browser;
  let address: string;
  let token: string;

  const submit = async (key: string, value: unknown): Promise<void> => {
    const response = await fetch(new URL("/v1/partitions/room/events", server.url), {
      method: "POST",
      headers: { authorization: `Bearer ${token}`, "idempotency-key": key },
      body: JSON.stringify({ type: "set", payload: { target: `keys.${key}`, value } }),
    });
    expect(response.status).toBe(201);
  };
  const open = async (hash = ""): Promise<Page> => {
    const page = await browser.newPage({ viewport: { width: 1_280, height: 900 } });
    page.on("pageerror", (error) => complaints.push(String(error)));
    page.on("console", (message) => {
      if (message.text().includes("Content Security Policy")) complaints.push(message.text());
    });
    const response = await page.goto(`${address}/console${hash}`);
    expect(response?.headers()["content-security-policy"]).toMatch(
      /^default-src 'none'; script-src 'self'; .*connect-src 'self'/,
    );
    return page;
  };
  const useToken = async (page: Page, given = token): Promise<void> => {
    await page.getByLabel("Token").fill(given);
    await page.getByRole("button", { name: "Use" }).click();
  };

  beforeAll(async () => {
    server = new TestServer({ settings });
    await server.start();
    const asked = { sub: "me", partitions: "*", permissions: "read,submit:*,admin:*", roles: "", hours: "1" };
    token = await signToken({ ...asked, tenant: undefined }, settings);
    for (const [name, contents] of packageConsole().files) {
      mkdirSync(dirname(join(folder, name)), { recursive: true });
      writeFileSync(join(folder, name), contents);
    }
    const port = await freePort();
    address = `http://127.0.0.1:${port}`;
    served = await serveConsole(siteIn(folder, server.url.origin), server.url, port);
    browser = await launchBrowser();
    for (const key of ["a", "b", "c"]) await submit(key, { key });
  });
  afterAll(async () => {
    await browser?.close();
    served?.close();
    served?.closeAllConnections();
    await server?.stop();
    rmSync(folder, { recursive: true, force: true });
    expect(complaints).toEqual([]);
  });

  test("[OB-4] names the server, asks for a token, and follows the log", async () => {
    const page = await open();
    await page.getByRole("banner").getByText(server.url.origin).waitFor();
    await page.getByText("This needs a token.").nth(1).waitFor();
    expect(await page.getByRole("alert").count()).toBe(0);
    await useToken(page, "wrong");
    await page.getByRole("alert").getByText("Unauthenticated").nth(1).waitFor();
    await useToken(page);
    await page.getByRole("region", { name: "Partitions" }).last().getByRole("link", { name: "room" }).click();
    await page.getByText("3 events, the newest first.").waitFor();
    await page.getByText(/^Live, head/).waitFor();
    await submit("d", "Chaconne");
    await page.locator(".row .preview", { hasText: "Chaconne" }).waitFor();
    await page.getByRole("navigation", { name: "Views" }).getByRole("link", { name: "State" }).click();
    await page.locator(".tree .row", { hasText: "{4}" }).waitFor();
    await page.close();
  });

  test("[OB-4] acts: a drain gets through to the server", async () => {
    const page = await open("#/room/connections");
    await useToken(page);
    await page.getByRole("button", { name: "Drain: room" }).click();
    const dialog = page.getByRole("dialog");
    const [answer] = await Promise.all([
      page.waitForResponse((each) => each.url() === `${address}/v1/partitions/room/drain`),
      dialog.getByRole("button", { name: "Drain" }).click(),
    ]);
    expect(answer.status()).toBe(200);
    await page.close();
  });

  test("[OB-4] [AU-7] a page of another origin reads and does nothing through it", async () => {
    const page = await browser.newPage();
    // Another port of this machine is another origin of the same site.
    await page.goto(new URL("/livez", server.url).href);
    const reached = `Promise.all(["GET", "POST"].map((method) =>
      fetch("${address}/v1/partitions/room/events", { method, mode: "no-cors" }).then(({ type }) => type, () => "refused")))`;
    const statuses: number[] = [];
    page.on("response", (response) => response.url().startsWith(address) && statuses.push(response.status()));
    expect(await page.evaluate(reached)).not.toContain("basic");
    expect(statuses.filter((status) => status !== 403)).toEqual([]);
    await page.close();
  });

  test("[OB-4] [EC-9] axe finds nothing serious, in both themes, and it fits a phone", async () => {
    const page = await open();
    await useToken(page);
    await page.getByRole("region", { name: "Partitions" }).last().getByRole("link", { name: "room" }).waitFor();
    expect(await faultsOf(page)).toEqual([]);
    await page.close();
  });
});
