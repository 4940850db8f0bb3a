import { SignJWT } from "jose";
import type { Browser, BrowserContext, Page } from "playwright-core";
import { afterAll, beforeAll, beforeEach, afterEach, describe, expect, test } from "vitest";
import { browserPresent, launchBrowser, openContext, openPage } from "../support/browser.ts";
import { TestServer } from "../support/server.ts";
import type { usersPage as UsersPage } from "./users-page.ts";

declare const usersPage: typeof UsersPage;

const secret = "a secret of thirty-two bytes, for this test";
const tokenOf = (sub: string) =>
  new SignJWT({ partitions: ["*"], permissions: ["read", "submit:*"] })
    .setProtectedHeader({ alg: "HS256" })
    .setIssuer("tests")
    .setAudience("partita")
    .setSubject(sub)
    .setIssuedAt()
    .setExpirationTime("1h")
    .sign(new TextEncoder().encode(secret));

describe.runIf(browserPresent)("two users of one browser", () => {
  let server: TestServer;
  let browser: Browser;
  let context: BrowserContext;

  beforeAll(async () => {
    browser = await launchBrowser();
  });
  beforeEach(async () => {
    context = await openContext(browser, "users-page.ts");
    const { page } = await openPage(context);
    const origin = new URL(page.url()).origin;
    await page.close();
    server = new TestServer({
      settings: {
        PARTITA_JWT_SECRET: secret,
        PARTITA_JWT_ISSUER: "tests",
        PARTITA_JWT_AUDIENCE: "partita",
        PARTITA_ALLOWED_ORIGINS: origin,
      },
    });
    await server.start();
  });
  afterEach(async () => {
    await context.close();
    await server.stop();
  });
  afterAll(() => browser?.close());

  const view = (page: Page) => page.evaluate(() => usersPage.view());

  async function open(user: string): Promise<Page> {
    const { page } = await openPage(context);
    const token = await tokenOf(user);
    await page.evaluate(([url, name]) => usersPage.open(url!, "doc", name!), [server.url.href, token]);
    return page;
  }

  const until = (page: Page, expected: object) =>
    expect.poll(() => view(page), { timeout: 20_000 }).toMatchObject(expected);

  test("[CL-9] one sees and sends nothing of the other, and finds the own work again", async () => {
    const ada = await open("ada");
    await until(ada, { status: "online ok", principal: "ada" });
    await ada.evaluate(() => usersPage.set("shared"));
    await until(ada, { state: ["shared"], pending: 0 });
    await ada.evaluate(() => usersPage.pause());
    await ada.evaluate(() => usersPage.set("of-ada"));
    await until(ada, { pending: 1 });
    // The draft is stored, and the confirmed state is saved within seconds.
    await expect.poll(() => ada.evaluate(() => usersPage.rowsOf("/ada")), { timeout: 20_000 }).toBe(3);
    await ada.close();

    const bob = await open("bob");
    await until(bob, { status: "online ok", principal: "bob", state: ["shared"], pending: 0 });

    // At the same time, in the next tab: each has a connection and a queue of its own.
    const again = await open("ada");
    await until(again, { status: "online ok", principal: "ada", state: ["of-ada", "shared"], pending: 0 });
    await until(bob, { state: ["of-ada", "shared"] });
  });

  test("[CL-9] signing out deletes what is kept of the one, in all tabs, and nothing of the other", async () => {
    const [ada, second, bob] = [await open("ada"), await open("ada"), await open("bob")];
    for (const page of [ada, second, bob]) await until(page, { status: "online ok" });
    await ada.evaluate(() => usersPage.set("note"));
    for (const page of [ada, second, bob]) await until(page, { state: ["note"], pending: 0 });
    await second.evaluate(() => usersPage.pause());
    await second.evaluate(() => usersPage.set("unsent"));
    await until(ada, { pending: 1 });
    const signOut = (agreed: boolean) =>
      ada.evaluate(([url, yes]) => usersPage.signOut("ada", url, yes), [server.url.href, agreed] as const);
    expect(await signOut(false)).toBe(false);
    expect(await view(ada)).toMatchObject({ state: ["note", "unsent"], pending: 1 });
    expect(await signOut(true)).toBe(true);
    for (const page of [ada, second]) await until(page, { status: "closed signed_out", state: [], pending: 0 });
    await expect.poll(() => bob.evaluate(() => usersPage.rowsOf("/ada"))).toBe(0);
    expect(await bob.evaluate(() => usersPage.rowsOf("/bob"))).toBeGreaterThan(0);
    expect(await view(bob)).toMatchObject({ state: ["note"], principal: "bob" });
  });
});
