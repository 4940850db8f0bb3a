import { mkdirSync } from "node:fs";
import { join } from "node:path";
import type { Page } from "playwright-core";
import { browserPresent, launchBrowser } from "../support/browser.ts";
import type { nodeVersions } from "./consumers.ts";
import { type Installed, nodeFolder, npm, whileServed } from "./harness.ts";

/** A client that continues to ask does so within this time. */
const askedAgainMsMax = 3_000;

/**
 * Makes a starter from the packed package as a user does, with a version of Node: installs, tests and builds it as for a
 * deployment, serves it, and has two browsers see each other's change.
 *
 * @throws Error at the first step that fails.
 */
export async function runStarter(node: keyof typeof nodeVersions, tarball: string, work: string): Promise<void> {
  const parent = join(work, `starter-${node}`);
  mkdirSync(parent);
  const nodeBin = await nodeFolder(node, work);
  const outside: Installed = { folder: parent, tools: "own", node: nodeBin };
  await npm(outside, [
    "exec",
    "--yes",
    `--package=${tarball}`,
    "--",
    "partita",
    "init",
    "my-app",
    "--package",
    tarball,
  ]);
  const starter: Installed = { ...outside, folder: join(parent, "my-app") };
  await npm(starter, ["install"]);
  await npm(starter, ["test"]);
  await npm(starter, ["run", "build"]);
  await npm(starter, ["exec", "--", "wrangler", "deploy", "--dry-run"]);
  await whileServed(starter, async (url) => {
    if (browserPresent) await seeEachOther(url);
  });
}

async function seeEachOther(url: string): Promise<void> {
  const browser = await launchBrowser();
  try {
    // Two contexts: two people, with nothing in common.
    const open = async (user: string): Promise<Page> => {
      const page = await (await browser.newContext()).newPage();
      await page.goto(`${url}/?user=${user}`);
      await page.getByText(`${user}, online`).waitFor();
      return page;
    };
    const [ada, bob] = [await open("ada"), await open("bob")];
    await ada.getByLabel("New task").fill("Bread");
    await ada.getByRole("button", { name: "Add" }).click();
    await bob.getByRole("checkbox", { name: "Bread" }).check();
    await ada.getByRole("checkbox", { name: "Bread", checked: true }).waitFor();

    // A change of a task that was removed meanwhile is reported.
    await bob.context().setOffline(true);
    await bob.getByText("bob, offline").waitFor();
    await bob.getByRole("checkbox", { name: "Bread" }).uncheck();
    await ada.getByRole("button", { name: "Remove Bread" }).click();
    await bob.context().setOffline(false);
    await bob.getByText("Not done: Somebody has removed this task.").waitFor();

    // A user who cannot sign in gets one message, and the page does not ask again.
    const nobody = await (await browser.newContext()).newPage();
    let asked = 0;
    nobody.on("request", (request) => (asked += Number(request.url().endsWith("/api/token"))));
    await nobody.goto(`${url}/?user=no%20name`);
    await nobody.getByText("You are not signed in: a name has 1 to 40 letters, digits, _ and -").waitFor();
    await nobody.getByText("no name, offline").waitFor();
    // More than the first delays of a client.
    await nobody.waitForTimeout(askedAgainMsMax);
    if (asked !== 1) throw new Error(`a page that is refused has asked ${asked} times for a token`);
  } finally {
    await browser.close();
  }
}
