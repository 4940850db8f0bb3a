import { once } from "node:events";
import { existsSync } from "node:fs";
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { join } from "node:path";
import { build } from "esbuild";
import { type Browser, type BrowserContext, chromium, type Page } from "playwright-core";
import { projectFolder } from "../../src/tools/wrangler.ts";

const executablePath = process.env["CHROMIUM"] ?? "/usr/bin/chromium";
/** No sandbox, because tests may run as root; and no attempt to reach a network. */
const browserArguments =
  "--headless --no-sandbox --disable-gpu --disable-quic --no-first-run --disable-background-networking --disable-component-update --disable-sync".split(
    " ",
  );
const html =
  '<!doctype html><title>test</title><link rel="icon" href="data:,"><main></main><script type="module" src="/page.js"></script>';

/** Whether a browser is installed. */
export const browserPresent = existsSync(executablePath);
if (!browserPresent) {
  console.warn(`The browser tests are skipped: there is no ${executablePath}. CHROMIUM names another browser.`);
}

export function launchBrowser(): Promise<Browser> {
  return chromium.launch({ executablePath, args: browserArguments });
}

/** A new browser profile. Its pages are empty except for the script of `entry`, a file under `test/browser`. */
export async function openContext(browser: Browser, entry: string): Promise<BrowserContext> {
  const { outputFiles } = await build({
    entryPoints: [join(projectFolder, "test", "browser", entry)],
    bundle: true,
    write: false,
    format: "esm",
    target: "es2022",
    jsx: "automatic",
    define: { "process.env.NODE_ENV": '"development"' },
    logLevel: "silent",
  });
  const script = outputFiles[0]!.text;
  // Pages from elsewhere, such as a route of the context, cannot connect to 127.0.0.1.
  const server = createServer(({ url }, response) => {
    const isScript = url === "/page.js";
    response.setHeader("content-type", `${isScript ? "text/javascript" : "text/html"}; charset=utf-8`);
    response.end(isScript ? script : html);
  });
  await once(server.listen(0, "127.0.0.1"), "listening");
  const { port } = server.address() as AddressInfo;
  const context = await browser.newContext({ baseURL: `http://127.0.0.1:${port}` });
  context.on("close", () => {
    server.close();
    server.closeAllConnections();
  });
  return context;
}

/** Opens a page of the context, and waits until its script has run. `complaints`: the warnings and errors of its console, and thrown errors. */
export async function openPage(context: BrowserContext): Promise<{ page: Page; complaints: string[] }> {
  const page = await context.newPage();
  const complaints: string[] = [];
  page.on("pageerror", (error) => complaints.push(String(error.stack)));
  page.on("console", (message) => {
    if (message.type() === "error" || message.type() === "warning") complaints.push(message.text());
  });
  await page.goto("/", { waitUntil: "load" });
  return { page, complaints };
}
