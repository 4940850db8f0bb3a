import { readFileSync } from "node:fs";
import { transform } from "esbuild";
import { SignJWT } from "jose";
import type { Browser } from "playwright-core";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { browserPresent, launchBrowser } from "../support/browser.ts";
import { TestServer } from "../support/server.ts";

const secret = "a secret of thirty-two bytes, for this test";
const tokenFor = (seconds: number) =>
  new SignJWT({ partitions: ["*"], permissions: ["read", "submit:*"] })
    .setProtectedHeader({ alg: "HS256" })
    .setIssuer("tests")
    .setAudience("partita")
    .setSubject("ada")
    .setIssuedAt()
    .setExpirationTime(`${seconds}s`)
    .sign(new TextEncoder().encode(secret));

describe.runIf(browserPresent)("server-sent events by the EventSource of a browser", () => {
  const server = new TestServer({
    settings: { PARTITA_JWT_SECRET: secret, PARTITA_JWT_ISSUER: "tests", PARTITA_JWT_AUDIENCE: "partita" },
  });
  let browser: Browser;

  beforeAll(async () => {
    await server.start();
    browser = await launchBrowser();
  });
  afterAll(async () => {
    await browser?.close();
    await server.stop();
  });

  async function submit(value: number): Promise<void> {
    const answer = await fetch(new URL("/v1/partitions/news/events", server.url), {
      method: "POST",
      headers: { "idempotency-key": `k${value}`, authorization: `Bearer ${await tokenFor(60)}` },
      body: JSON.stringify({ type: "set", payload: { target: "n", value } }),
    });
    expect(answer.status).toBe(201);
  }

  test("[CL-14] [AU-4] the example of the guide goes on with a new ticket after its token has expired, and gets each event once", async () => {
    const guide = readFileSync("docs/guide/networks.md", "utf8");
    const [, example] = /^```ts\n(let last = .*?)^```$/ms.exec(guide)!;
    const { code } = await transform(example!, { loader: "ts" });
    const page = await browser.newPage();
    let tokens = 0;
    await page.exposeFunction("freshToken", () => {
      tokens++;
      return tokenFor(3);
    });
    const tickets: string[] = [];
    page.on("request", (request) => {
      const { searchParams } = new URL(request.url());
      if (searchParams.has("ticket")) tickets.push(`${searchParams.get("ticket")} since ${searchParams.get("since")}`);
    });
    await page.goto(server.url.href);
    await page.evaluate(`(() => {
      ${code}
      globalThis.taken = [];
      void follow("news", freshToken, (event) => taken.push(event.event.payload.value));
    })()`);
    const taken = () => page.evaluate("taken");
    await submit(1);
    await expect.poll(taken, { timeout: 20_000 }).toEqual([1]);
    // The stream ends with the token; the next one begins where it ended.
    await expect.poll(() => tickets.length, { timeout: 60_000 }).toBeGreaterThan(1);
    await submit(2);
    await expect.poll(taken, { timeout: 60_000 }).toEqual([1, 2]);
    expect(tokens).toBeGreaterThan(1);
    expect(new Set(tickets).size).toBe(tickets.length);
    expect(tickets[0]).toMatch(/ since 0$/);
    expect(tickets[1]).toMatch(/ since 1$/);
    await page.close();
  });
});
