// The apps of the guide, made of its text and built by its commands: two browsers see each other's change in each.
import { spawn } from "node:child_process";
import { once } from "node:events";
import { mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import type { Browser, Page } from "playwright-core";
import { projectFolder } from "../../src/tools/wrangler.ts";
import { browserPresent, launchBrowser } from "../support/browser.ts";
import { freePort } from "../support/processes.ts";
import { next } from "./consumers.ts";
import { environmentOf, install, type Installed, npm, runTest, startServer, whileServed } from "./harness.ts";

/** Where the server of the quick start is. */
const serverOfGuide = "http://127.0.0.1:8787";
const pollMs = 50;

const textOf = (page: string): string => readFileSync(join(projectFolder, "docs", "guide", `${page}.md`), "utf8");

/** The part of a page below a heading of the second level. */
function section(text: string, heading: string): string {
  const after = text.split(`\n## ${heading}\n`)[1];
  if (after === undefined) throw new Error(`the guide has no section "${heading}"`);
  return after.split("\n## ")[0]!;
}

/** Writes the blocks that have the name of a file, in their first line as a comment, or before them as `name`: or `name`; …. */
function writeFiles(text: string, folder: string, names: readonly string[]): void {
  const blocks = text.matchAll(/(?:`([\w./-]+)`[:;][^\n]*\n\n)?^```\w+\n(?:\/\/ ([\w./-]+)\n)?(.*?)^```$/gms);
  const files = new Map([...blocks].map(([, before, first, block]) => [first ?? before, block!]));
  for (const name of names) {
    const file = files.get(name);
    if (file === undefined) throw new Error(`the guide has no file ${name}`);
    mkdirSync(dirname(join(folder, name)), { recursive: true });
    writeFileSync(join(folder, name), file);
  }
}

/** The command of a page that begins with `npx <program>`, without a comment at its end. */
function command(text: string, program: string): string[] {
  const line = new RegExp(`^npx (${program} .*?)(?: +#.*)?$`, "m").exec(text);
  if (!line) throw new Error(`the guide has no command npx ${program}`);
  return line[1]!.split(" ");
}

/** Two pages of two people, with nothing in common. */
async function twoPages(browser: Browser, url: string): Promise<[Page, Page]> {
  const open = async (name: string): Promise<Page> => {
    const page = await (await browser.newContext()).newPage();
    page.on("dialog", (dialog) => void (dialog.type() === "prompt" ? dialog.accept(name) : dialog.dismiss()));
    await page.goto(url);
    return page;
  };
  return [await open("Ada"), await open("Bob")];
}

async function closePages(pages: readonly Page[]): Promise<void> {
  for (const page of pages) await page.context().close();
}

/** The quick start: a list, over the server at `url`. */
async function tryList(browser: Browser, app: Installed, url: string): Promise<void> {
  const text = textOf("quick-start");
  writeFiles(text, app.folder, ["index.html", "main.ts"]);
  const main = join(app.folder, "main.ts");
  writeFileSync(main, readFileSync(main, "utf8").replace(serverOfGuide, url));
  const at = `127.0.0.1:${await freePort()}`;
  const [program, ...parameters] = command(text, "esbuild").map((part) => part.replace("127.0.0.1:8000", at));
  // It serves as long as its standard input is open.
  const serving = spawn(program!, parameters, {
    cwd: app.folder,
    env: environmentOf(app),
    stdio: ["pipe", "ignore", "inherit"],
  });
  const ended = once(serving, "exit");
  try {
    while (
      !(await fetch(`http://${at}`).then(
        ({ ok }) => ok,
        () => false,
      ))
    ) {
      if (serving.exitCode !== null) throw new Error("esbuild does not serve the quick start");
      await sleep(pollMs);
    }
    const pages = await twoPages(browser, `http://${at}`);
    const [ada, bob] = pages;
    const add = async (page: Page, item: string) => {
      await page.locator("input").fill(item);
      await page.getByRole("button", { name: "Add" }).click();
    };
    for (const page of pages) await page.getByText("online, 0 pending").waitFor();
    await add(ada, "Bread");
    await bob.getByText("Bread").waitFor();
    // A side that is offline keeps what it adds, and sends it later.
    await bob.context().setOffline(true);
    await add(bob, "Milk");
    await add(ada, "Eggs");
    await bob.context().setOffline(false);
    for (const page of pages) await page.locator("li", { hasText: "Eggs" }).waitFor();
    await ada.getByText("Milk").waitFor();
    await closePages(pages);
  } finally {
    serving.stdin!.end();
    await ended;
  }
}

/** A model and a Worker of one's own; then the same page with React. */
async function trySeats(browser: Browser, app: Installed): Promise<void> {
  const [own, react] = [textOf("own-model"), textOf("react")];
  writeFiles(own, app.folder, ["seats.ts", "worker.ts", "wrangler.toml", "public/index.html", "main.ts"]);
  writeFiles(react, app.folder, ["partition.ts", "main.tsx"]);
  const build = (text: string) => npm(app, ["exec", "--", ...command(text, "esbuild")]);
  await build(own);
  const server = await startServer(app);
  try {
    const pages = await twoPages(browser, server.url);
    await pages[0].getByRole("button", { name: "A1: free" }).click();
    await pages[1].getByRole("button", { name: "A1: Ada" }).waitFor();
    await closePages(pages);
    await build(react);
    await seeSeat(browser, server.url);
  } finally {
    await server.stop();
  }
}

/** The first page books the second seat, and the other page shows it. */
async function seeSeat(browser: Browser, url: string): Promise<void> {
  const pages = await twoPages(browser, url);
  for (const page of pages) await page.getByText("online").waitFor();
  await pages[0].locator("p", { hasText: "A2" }).getByRole("button", { name: "Book" }).click();
  await pages[1].getByText("A2: Ada").waitFor();
  await closePages(pages);
}

/**
 * The quick start, the app with a model of its own, and that with React. The packages are in the folder above `app`.
 *
 * @param url A server whose partitions have the default model.
 */
export async function runGuide(app: Installed, url: string): Promise<void> {
  const browser = await launchBrowser();
  try {
    const inFolder = (name: string): Installed => {
      const folder = join(app.folder, name);
      mkdirSync(folder, { recursive: true });
      writeFileSync(join(folder, "package.json"), '{ "type": "module" }');
      return { ...app, folder };
    };
    await tryList(browser, inFolder("groceries"), url);
    await trySeats(browser, inFolder("seats"));
  } finally {
    await browser.close();
  }
}

/** The app with Next.js, over the server at `url`; it also has a route that books a seat twice. */
export async function runNext(tarball: string, work: string, url: string): Promise<void> {
  const app = await install(next, tarball, work, "own");
  const text = section(textOf("frameworks"), "Next.js");
  writeFiles(text, app.folder, ["tsconfig.json"]);
  writeFiles(text, join(app.folder, "app"), ["layout.tsx", "page.tsx", "hall.tsx"]);
  writeFiles(textOf("own-model"), join(app.folder, "app"), ["seats.ts"]);
  await runTest(app, url);
  await whileServed(
    app,
    async (at) => {
      const outcome = await (await fetch(`${at}/api/book`)).text();
      if (outcome !== "accepted, rejected: TAKEN") throw new Error(`the outcome is "${outcome}"`);
      const html = await (await fetch(at)).text();
      if (!html.includes("<button>Book</button>")) throw new Error(`the page is not rendered on the server: ${html}`);
      if (!browserPresent) return;
      const browser = await launchBrowser();
      await seeSeat(browser, at).finally(() => browser.close());
    },
    { PARTITA_URL: url },
  );
}
