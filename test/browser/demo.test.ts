import { existsSync, mkdirSync } from "node:fs";
import { join } from "node:path";
import { type Browser, chromium, type Locator, type Page } from "playwright-core";
import { afterAll, beforeAll, describe, expect, onTestFinished, test } from "vitest";
import { projectFolder } from "../../src/tools/wrangler.ts";
import { TestServer } from "../support/server.ts";
import { recordTexts, shownTexts } from "../support/shown-texts.ts";

const executablePath = process.env["CHROMIUM"] ?? "/usr/bin/chromium";
const browserPresent = existsSync(executablePath);
if (!browserPresent) {
  console.warn(`The browser tests are skipped: there is no ${executablePath}. CHROMIUM names another browser.`);
}
/** No sandbox, because tests may run as root; and no attempt to reach a network. */
const browserArguments =
  "--headless --no-sandbox --disable-gpu --disable-quic --no-first-run --disable-background-networking --disable-component-update --disable-sync".split(
    " ",
  );
/** With SCREENSHOTS set, the pictures of the documentation are made again: `npm run pictures`. */
const picturesWanted = process.env["SCREENSHOTS"] !== undefined;

interface Entry {
  id: string;
  name: string;
  children: Entry[];
}

interface StateNode {
  id: string;
  children: StateNode[];
}

interface State {
  files: { tree: StateNode[]; items: Record<string, { name: string }> };
}

/** The visible tree of a pane. As text, so that no bundler changes it. */
const readTree = (title: string) => `(() => {
  const read = (list) => [...(list?.children ?? [])].filter((item) => item.dataset.id).map((item) => ({
    id: item.dataset.id,
    name: item.querySelector(".name").textContent,
    children: read(item.querySelector(":scope > [role=group]")),
  }));
  return read(document.querySelector('[data-pane="${title}"] [role=tree]'));
})()`;

/** Switches the network of the right pane, and stops drawing until `releaseFrames`. */
const holdFrames = `(() => {
  const request = window.requestAnimationFrame;
  const held = [];
  window.requestAnimationFrame = (draw) => held.push(draw);
  window.releaseFrames = () => {
    window.requestAnimationFrame = request;
    for (const draw of held) request(draw);
  };
  document.querySelector('[data-pane="Right"] [role=switch]').click();
})()`;

/** One pane, as a user sees it. */
class Pane {
  readonly #page: Page;
  readonly #title: string;
  readonly #section: Locator;

  constructor(page: Page, title: string) {
    this.#page = page;
    this.#title = title;
    this.#section = page.getByRole("region", { name: `${title} pane` });
  }

  row(name: string): Locator {
    return this.#section.locator(".row", { has: this.#page.getByText(name, { exact: true }) });
  }

  /** Who has changed a row last. */
  editorOf(name: string): Promise<string | null> {
    return this.row(name).locator(".by").textContent();
  }

  text(text: string | RegExp): Locator {
    return this.#section.getByText(text);
  }

  button(name: string | RegExp): Locator {
    return this.#section.getByRole("button", { name, exact: true });
  }

  /** Cursor and head, as "3 of 5". */
  get place(): Locator {
    return this.#section.locator('[data-part="place"]');
  }

  get status(): Locator {
    return this.#section.locator('[data-part="status"]');
  }

  get network(): Locator {
    return this.#section.getByRole("switch", { name: "Network" });
  }

  /** How many drafts are not decided. */
  get unconfirmed(): Locator {
    return this.#section.locator('[data-part="unconfirmed"]');
  }

  get notices(): Locator {
    return this.#section.locator(".notice");
  }

  /** The text of a row about its pending drafts. */
  pending(name: string): Locator {
    return this.row(name).locator(".waits");
  }

  /** Waits until a row shows that these peers have selected it. */
  async hasPeers(name: string, people: readonly string[]): Promise<void> {
    await expect.poll(() => this.row(name).locator(".peer").allTextContents()).toEqual(people);
  }

  async add(type: "folder" | "file", name: string): Promise<void> {
    await this.button(`New ${type}`).click();
    await this.#section.getByRole("textbox", { name: `New ${type}` }).fill(name);
    await this.button("Add").click();
  }

  async rename(from: string, to: string): Promise<void> {
    await this.row(from).click();
    await this.#page.keyboard.press("F2");
    await this.#section.getByLabel("New name").fill(to);
    await this.#page.keyboard.press("Enter");
  }

  async move(name: string, folder: string): Promise<void> {
    await this.row(name).click();
    await this.button("Move").click();
    await this.row(folder).click();
    await this.button(`into “${folder}”`).click();
  }

  async expandAll(): Promise<void> {
    const closed = this.#section.locator('[aria-expanded="false"] > .row .twist, .more');
    while ((await closed.count()) > 0) await closed.first().click();
  }

  async tree(): Promise<Entry[]> {
    return await this.#page.evaluate<Entry[]>(readTree(this.#title));
  }
}

/** The client ids of the left and the right pane, which the tab keeps. */
const clients = ["ada-0a1b2c3d", "ben-0a1b2c3d"] as const;

interface Demo {
  page: Page;
  partition: string;
  left: Pane;
  right: Pane;
  /** Messages of the console, and uncaught errors. */
  complaints: string[];
}

describe.runIf(browserPresent)("the demo", () => {
  const server = new TestServer();
  let browser: Browser;
  let partitions = 0;

  beforeAll(async () => {
    await server.start();
    browser = await chromium.launch({
      executablePath,
      args: browserArguments,
    });
  });

  afterAll(async () => {
    await browser?.close();
    await server.stop();
  });

  /**
   * Opens the page in a new window, by default on a new partition, after `prepare`. Without `ids` the
   * page makes its own.
   */
  async function open(
    prepare?: (page: Page) => Promise<void>,
    partition = `demo-${++partitions}`,
    ids: readonly string[] = clients,
  ): Promise<Demo> {
    const page = await browser.newPage({ viewport: { width: 1280, height: 800 } });
    onTestFinished(() => page.close());
    page.setDefaultTimeout(60_000);
    const complaints: string[] = [];
    page.on("pageerror", (error) => complaints.push(String(error)));
    page.on("console", (message) => {
      if (message.type() === "error" || message.type() === "warning") complaints.push(message.text());
    });
    if (ids.length > 0) {
      await page.addInitScript((kept) => sessionStorage.setItem("partita-demo-clients", kept), ids.join(" "));
    }
    await prepare?.(page);
    await page.goto(`${server.url.href}files?partition=${partition}`);
    const demo = { page, partition, left: new Pane(page, "Left"), right: new Pane(page, "Right"), complaints };
    await shows(demo.left.status, "Online");
    await shows(demo.right.status, "Online");
    return demo;
  }

  /** Filters the messages between a pane and the server: those for which `sent` or `received` returns false are dropped. */
  function between(
    clientId: string,
    { sent, received }: { sent?: (frame: string) => boolean; received?: (frame: string) => boolean },
  ): (page: Page) => Promise<void> {
    return (page) =>
      page.routeWebSocket(/\/ws$/, (client) => {
        const upstream = client.connectToServer();
        let watched = false;
        client.onMessage((frame) => {
          const text = String(frame);
          if (text.includes('"type":"connect"')) watched = text.includes(`"clientId":"${clientId}"`);
          if (!watched || (sent?.(text) ?? true)) upstream.send(frame);
        });
        upstream.onMessage((frame) => {
          if (!watched || (received?.(String(frame)) ?? true)) client.send(frame);
        });
      });
  }

  /** The tree of the server. */
  async function serverTree(partition: string): Promise<Entry[]> {
    const response = await fetch(new URL(`/v1/partitions/${partition}/state`, server.url));
    const { state } = (await response.json()) as { state: State };
    const entries = (nodes: StateNode[]): Entry[] =>
      nodes.map(({ id, children }) => ({ id, name: state.files.items[id]!.name, children: entries(children) }));
    return entries(state.files.tree);
  }

  async function headOf(partition: string): Promise<number> {
    const response = await fetch(new URL(`/v1/partitions/${partition}/events?limit=1`, server.url));
    return ((await response.json()) as { currentEventIndex: number }).currentEventIndex;
  }

  /** Checks that both panes show the whole tree of the server. */
  async function agree({ left, right, partition }: Demo): Promise<void> {
    const head = await headOf(partition);
    for (const pane of [left, right]) {
      await shows(pane.place, `${head} of ${head}`);
      await pane.expandAll();
      await expect.poll(() => pane.tree()).toEqual(await serverTree(partition));
    }
  }

  test("[WP-1] [WP-4] [WP-5] one pane adds, renames, moves and deletes items, and the other pane and the server follow", async () => {
    const demo = await open();
    const { page, left, right, complaints } = demo;
    await left.add("folder", "plans");
    await right.row("plans").waitFor();
    await right.add("file", "notes.md");
    await left.row("notes.md").waitFor();
    await left.rename("notes.md", "read me.md");
    await right.row("read me.md").waitFor();
    await right.add("folder", "archive");

    await left.move("read me.md", "plans");
    await right.expandAll();
    await expect.poll(async () => (await right.tree()).map(({ name }) => name)).toEqual(["archive", "plans"]);
    await agree(demo);

    // With the mouse: into a folder, then below a row on the level of the other folder.
    await right.row("plans").dragTo(right.row("archive"));
    await expect.poll(async () => (await left.tree()).map(({ name }) => name)).toEqual(["archive"]);
    await left.expandAll();
    await left.row("plans").dragTo(left.row("archive"), { targetPosition: { x: 60, y: 27 } });
    await expect.poll(async () => (await right.tree()).map(({ name }) => name)).toEqual(["archive", "plans"]);
    // With the keyboard.
    await left.row("plans").click();
    await page.keyboard.press("Alt+ArrowUp");
    await expect.poll(async () => (await right.tree()).map(({ name }) => name)).toEqual(["plans", "archive"]);
    await agree(demo);

    await left.row("plans").click();
    await page.keyboard.press("Delete");
    await left.text("Delete “plans” and 1 item in it?").waitFor();
    await left.button("Delete").click();
    await expect.poll(async () => (await right.tree()).map(({ name }) => name)).toEqual(["archive"]);
    await agree(demo);
    await right.row("archive").click();
    await page.keyboard.press("Delete");
    for (const pane of [left, right]) await pane.text("Nothing here yet.").waitFor();

    const types = ["init", "treePush", "treePush", "treeUpdate", "treePush"];
    types.push("treeMove", "treeMove", "treeMove", "treeMove", "treeDelete", "treeDelete");
    const log = page.locator('[data-part="log"] > li');
    expect(await log.evaluateAll((rows) => rows.map((row) => row.dataset["type"]))).toEqual(types.toReversed());
    expect(await log.locator(".number").allTextContents()).toEqual(types.map((_, at) => String(types.length - at)));
    expect(complaints).toEqual([]);
  });

  test("[WP-5] [WP-6] [WP-7] a disconnected pane stays behind, and catches up when it reconnects", async () => {
    const demo = await open(recordTexts);
    const { left, right, complaints, page } = demo;
    const wasShown = (text: string) => expect.poll(async () => (await shownTexts(page)).behind).toContain(text);
    await left.add("folder", "shared");
    await right.row("shared").waitFor();
    await right.network.click();
    await shows(right.status, "Offline");
    for (const name of ["one", "two", "three"]) await left.add("file", name);
    await left.row("three").waitFor();
    await shows(right.text("3 changes behind"), "3 changes behind");
    await shows(right.place, "2 of 5");
    expect((await right.tree()).map(({ name }) => name)).toEqual(["shared"]);
    await right.network.click();
    await wasShown("caught up 3 changes");
    await agree(demo);

    // More than a page.
    await right.network.click();
    await Promise.all(Array.from({ length: 600 }, (_, at) => push(demo.partition, `many-${at}`)));
    await right.network.click();
    await wasShown("caught up 600 changes");
    expect(complaints).toEqual([]);
    await agree(demo);
  });

  async function push(partition: string, id: string): Promise<void> {
    const response = await fetch(new URL(`/v1/partitions/${partition}/events`, server.url), {
      method: "POST",
      headers: { "idempotency-key": id, "content-type": "application/json" },
      body: JSON.stringify({ type: "treePush", payload: { target: "files", value: { id, name: id, type: "file" } } }),
    });
    expect(response.status).toBe(201);
    // Read it to the end: an unread response closes its connection.
    await response.text();
  }

  test("[CL-1] [CL-2] [WP-4] offline edits are shown as pending, survive a reload, and are committed on reconnect", async () => {
    const demo = await open(undefined, `demo-${++partitions}`, []);
    const { page, left, right, complaints } = demo;
    for (const name of ["gone", "old name", "shelf"]) await left.add(name === "shelf" ? "folder" : "file", name);
    await right.row("shelf").waitFor();
    await right.network.click();
    await shows(right.status, "Offline");

    await right.add("file", "draft");
    await right.rename("old name", "new name");
    await right.move("draft", "shelf");
    await right.row("gone").click();
    await page.keyboard.press("Delete");
    await shows(right.unconfirmed, "4");
    await right.text("4 edits wait for the connection: add “draft”, rename “old name” to “new name”").waitFor();
    await shows(right.pending("new name"), "renamed");
    await shows(right.pending("draft"), "new, moved");
    expect(await right.row("new name").locator("..").getAttribute("aria-label")).toBe(
      "new name, file, pending: renamed",
    );
    expect(await right.row("gone").count()).toBe(0);
    // The closed folder shows its number of pending drafts.
    await right.row("shelf").dblclick();
    await shows(right.pending("shelf"), "2 inside");
    expect(await left.pending("shelf").count()).toBe(0);
    expect((await left.tree()).map(({ name }) => name)).toEqual(["shelf", "old name", "gone"]);
    expect(await headOf(demo.partition)).toBe(4);

    await page.reload();
    await shows(right.status, "Online");
    await shows(right.unconfirmed, "0");
    expect(await headOf(demo.partition)).toBe(8);
    await left.row("new name").waitFor();
    await agree(demo);
    expect((await right.tree()).map(({ name }) => name)).toEqual(["shelf", "new name"]);
    expect(await right.pending("draft").count()).toBe(0);
    expect(complaints).toEqual([]);
  });

  test("[ER-2] [ER-4] [CL-1] edits of an offline pane are decided in order, and a rejection is explained at its item", async () => {
    const demo = await open();
    const { page, left, right, complaints } = demo;
    await left.add("folder", "outer");
    await left.row("outer").click();
    await left.add("folder", "inner");
    await left.row("inner").waitFor();
    await right.expandAll();

    await right.network.click();
    await right.rename("inner", "renamed in vain");
    await right.rename("outer", "kept");
    await left.row("inner").click();
    await page.keyboard.press("Delete");
    await expect.poll(() => left.row("inner").count()).toBe(0);
    await right.network.click();
    // The item is deleted: the notice is below its folder.
    const rejected = right.row("kept").locator("+ .notice");
    await shows(
      rejected,
      /^Rejected: rename “inner” to “renamed in vain”\. “renamed in vain” is not there any more\. NODE_NOT_FOUNDDismiss$/,
    );
    await left.row("kept").waitFor();
    await agree(demo);

    // A draft that the model rejects is not sent.
    await left.row("kept").click();
    await left.add("folder", "below");
    await left.row("below").waitFor();
    const head = await headOf(demo.partition);
    await left.move("kept", "below");
    await shows(
      left.row("kept").locator("+ .notice"),
      /^Rejected: move “kept”\. A folder cannot go into itself.*CYCLE/,
    );
    await left.button("Dismiss").click();
    await expect.poll(() => left.notices.count()).toBe(0);
    expect(await headOf(demo.partition)).toBe(head);
    expect(await right.notices.count()).toBe(1);
    expect(complaints).toEqual([]);
    await agree(demo);
  });

  test("[CL-1] [CL-6] [EC-6] the example conflicts play by themselves, one at a time, end online, and leave nothing behind", async () => {
    const [folder, lost] = await Promise.all([open(recordTexts), open(recordTexts)]);
    const example = ({ page }: Demo, name: string) => page.getByRole("button", { name });
    const names = ["both add the same folder", "one deletes what the other fills"];
    await example(folder, names[0]!).click();
    await example(lost, names[1]!).click();
    // A second example while one plays is refused.
    await shows(folder.right.status, "Offline");
    expect(await example(folder, names[1]!).getAttribute("aria-disabled")).toBe("true");
    await example(folder, names[1]!).click({ force: true });
    for (const demo of [folder, lost]) {
      const { page, left, right } = demo;
      await page.getByText(/^Both have the network again/).waitFor();
      for (const pane of [left, right]) {
        await shows(pane.status, "Online");
        await expect.poll(() => pane.notices.count()).toBe(0);
        await shows(pane.unconfirmed, "0");
      }
      await agree(demo);
      expect(await left.tree()).toEqual([]);
      for (const name of names) expect(await example(demo, name).getAttribute("aria-disabled")).toBe(null);
    }

    const { said, notices } = await shownTexts(folder.page);
    expect(said).toEqual([
      "Both have lost the network, and both add the folder of the trip, with a file in it.",
      "Ada is back first: the folder is now “Trip to Lisbon”.",
      "Ben is back second: this folder is rejected, and the reason is shown. The file is kept, in the folder of Ada.",
      "Both have the network again, and what it left is removed. Now you: use the two switches.",
    ]);
    expect(notices).toContain("Rejected: add “Trip to Porto”. “Trip to Lisbon” was added first. DUPLICATE_IDDismiss");
    // The user did not create the tree, whose draft was rejected, too.
    expect(notices.filter((text) => !text.includes("Trip to Porto"))).toEqual([]);
    // Names, and neither ids nor types.
    expect(await folder.page.locator(".log .what").allTextContents()).toEqual([
      "Ada deleted “Trip to Lisbon”",
      "Ben added “trains.pdf” in “Trip to Lisbon”",
      "Ada added “flights.pdf” in “Trip to Lisbon”",
      "Ada added “Trip to Lisbon” at the top",
      "Ada began with an empty tree",
    ]);
    expect(await folder.page.locator(".here").allTextContents()).toEqual(["Ada is here", "Ben is here"]);
    expect((await shownTexts(lost.page)).notices.at(-1)).toBe(
      "Rejected: add “Ideas”. The folder “Drafts” is not there any more. PARENT_NOT_FOUNDRejected with it: add “first.md”. The folder “Ideas” is not there any more. PARENT_NOT_FOUNDDismiss",
    );
    expect([...folder.complaints, ...lost.complaints]).toEqual([]);
  });

  test("[CL-1] [CL-6] one deletes a folder that the other fills: the notice of the first rejection includes the drafts that fell with it", async () => {
    const demo = await open();
    const { page, left, right, complaints } = demo;
    await left.add("folder", "Drafts");
    await right.row("Drafts").click();
    await right.network.click();
    await shows(right.status, "Offline");
    await right.add("folder", "Ideas");
    await right.row("Ideas").click();
    await right.add("file", "first.md");
    await left.row("Drafts").click();
    await page.keyboard.press("Delete");
    await shows(left.unconfirmed, "0");
    // The page does not draw until the verdicts arrive: so it does not show that both fell together.
    let rejections = 0;
    page.on("websocket", (socket) =>
      socket.on("framereceived", ({ payload }) => {
        rejections += String(payload).split('"type":"event_rejected"').length - 1;
      }),
    );
    await page.evaluate(holdFrames);
    await expect.poll(() => rejections).toBe(2);
    await page.evaluate("releaseFrames()");
    await shows(
      right.notices,
      /^Rejected: add “Ideas”\. The folder “Drafts” is not there any more\. PARENT_NOT_FOUNDRejected with it: add “first\.md”\. The folder “Ideas” is not there any more\. PARENT_NOT_FOUNDDismiss$/,
    );
    await right.button("Dismiss").click();
    await expect.poll(() => right.notices.count()).toBe(0);
    await agree(demo);
    expect(complaints).toEqual([]);
  });

  test("[EC-6] the form opens another tree, and refuses a name that none can have", async () => {
    const { page, left, complaints } = await open();
    await page.getByRole("textbox", { name: "Folder tree" }).fill("other-tree");
    await page.getByRole("button", { name: "Open" }).click();
    await page.waitForURL(/\/files\?partition=other-tree$/);
    await shows(left.status, "Online");
    expect(await page.getByRole("textbox", { name: "Folder tree" }).inputValue()).toBe("other-tree");
    await page.goto(new URL("/files?partition=-no-", server.url).href);
    await page.getByText("No tree can have this name.").waitFor();
    expect(complaints).toEqual([]);
  });

  test("[EC-6] [EC-9] on a phone the network switch, a rejection and the changes are on one screen, and the toolbar is one row", async () => {
    const { page, left, complaints } = await open();
    await page.setViewportSize({ width: 390, height: 844 });
    await left.add("folder", "outer");
    await left.row("outer").click();
    await left.add("folder", "inner");
    await left.move("outer", "inner");
    await left.text("CYCLE").waitFor();
    await page.locator(".work").evaluate((element) => element.scrollIntoView());
    const parts = [left.network, left.notices, page.locator(".log li").first(), page.locator(".log h2")];
    for (const part of parts) {
      const { x, y, width, height } = (await part.boundingBox())!;
      expect(x).toBeGreaterThanOrEqual(0);
      expect(y).toBeGreaterThanOrEqual(0);
      expect(x + width).toBeLessThanOrEqual(390);
      expect(y + height).toBeLessThanOrEqual(844);
    }
    for (const width of [390, 1280]) {
      await page.setViewportSize({ width, height: 844 });
      const tops = await page
        .locator('[data-pane="Left"] [role=toolbar] button')
        .evaluateAll((buttons) => buttons.map((button) => button.getBoundingClientRect().top));
      expect(new Set(tops).size).toBe(1);
    }
    await page.setViewportSize({ width: 390, height: 844 });
    expect(await page.evaluate("document.documentElement.scrollWidth - window.innerWidth")).toBeLessThanOrEqual(0);
    expect(complaints).toEqual([]);
  });

  test("[CL-1] an item shows that its pending draft does not fit any more, until its verdict", async () => {
    let held: (() => void)[] | undefined;
    const demo = await open((page) =>
      page.routeWebSocket(/\/ws$/, (client) => {
        const upstream = client.connectToServer();
        let isRight = false;
        client.onMessage((frame) => {
          const text = String(frame);
          if (text.includes('"type":"connect"')) isRight = text.includes(clients[1]);
          if (isRight && held && text.includes('"type":"submit_event"')) held.push(() => upstream.send(frame));
          else upstream.send(frame);
        });
      }),
    );
    const { page, left, right, complaints } = demo;
    await left.add("folder", "box");
    await left.row("box").click();
    await left.add("file", "leaf");
    await right.expandAll();
    await right.row("leaf").waitFor();
    held = [];
    await right.rename("leaf", "twig");
    await shows(right.pending("twig"), "renamed");
    await left.row("leaf").click();
    await page.keyboard.press("Delete");
    const notice = right.row("box").locator("+ .notice");
    await shows(
      notice,
      /^Does not fit any more: rename “leaf” to “twig”\. “.*” is not there any more\. NODE_NOT_FOUNDIt waits, and the server decides\.$/,
    );
    await shows(right.unconfirmed, "1");
    for (const send of held) send();
    await shows(notice, /^Rejected: rename “leaf” to “twig”\. “.*” is not there any more\. NODE_NOT_FOUNDDismiss$/);
    await shows(right.unconfirmed, "0");
    expect(complaints).toEqual([]);
    await agree(demo);
  });

  test("[MD-12] [CL-11] a pane undoes and redoes its own last changes, and not those of others", async () => {
    const demo = await open();
    const { page, left, right, complaints } = demo;
    const undo = left.button("Undo");
    expect(await undo.isDisabled()).toBe(true);
    await left.add("folder", "box");
    await left.row("box").click();
    await left.add("file", "one");
    await left.rename("one", "uno");
    await right.expandAll();
    await right.row("uno").waitFor();
    await page.keyboard.press("Escape");
    await right.add("file", "theirs");
    await left.row("theirs").waitFor();
    await left.row("box").click();
    await page.keyboard.press("Delete");
    await left.button("Delete").click();
    await expect.poll(() => right.row("box").count()).toBe(0);

    await undo.click();
    await right.expandAll();
    await right.row("uno").waitFor();
    await agree(demo);
    await left.row("box").click();
    await page.keyboard.press("Control+z");
    await right.row("one").waitFor();
    expect(await left.button("Redo").isDisabled()).toBe(false);
    await page.keyboard.press("Control+y");
    await right.row("uno").waitFor();
    await undo.click();
    await right.row("one").waitFor();
    await undo.click();
    await expect.poll(() => right.row("one").count()).toBe(0);
    await undo.click();
    await expect.poll(async () => (await right.tree()).map(({ name }) => name)).toEqual(["theirs"]);
    // But not the creation of the tree, which others may use.
    expect(await undo.isDisabled()).toBe(true);
    expect(await right.button("Undo").isDisabled()).toBe(false);
    expect(complaints).toEqual([]);
    await agree(demo);
  });

  test("[CL-8] a pane shows the selections of others, in this window and in another", async () => {
    const demo = await open();
    const { page, left, right, complaints } = demo;
    await left.add("folder", "box");
    await left.row("box").click();
    await left.add("file", "leaf");
    await right.expandAll();
    await left.row("leaf").click();
    await right.hasPeers("leaf", ["Ada"]);
    expect(await right.row("leaf").locator("..").getAttribute("aria-label")).toBe("leaf, file, selected by Ada");
    await left.hasPeers("leaf", []);
    // If the row is hidden, the mark is on its closed folder.
    await right.row("box").locator(".twist").click();
    await right.hasPeers("box", ["Ada"]);

    const other = await open(undefined, demo.partition, ["cleo-1a2b3c4d", "dov-1a2b3c4d"]);
    await other.right.row("box").click();
    await left.hasPeers("box", ["Ben", "Dov"]);
    await left.text("with Ben, Cleo, Dov").waitFor();
    await other.right.hasPeers("box", ["Ada", "Ben"]);

    // An offline pane is not shown to others, and shows no peers.
    await right.network.click();
    await left.hasPeers("box", ["Dov"]);
    await right.hasPeers("box", []);
    await left.row("leaf").click();
    await page.keyboard.press("Escape");
    await other.right.hasPeers("box", []);
    expect([...complaints, ...other.complaints]).toEqual([]);
  });

  test("[WP-6] a pane that misses a broadcast detects the gap and requests the missing events", async () => {
    let dropNext = false;
    let pulled = 0;
    const demo = await open(
      between(clients[1], {
        sent: (frame) => {
          if (frame.includes('"type":"sync"')) pulled++;
          return true;
        },
        received: (frame) => {
          const drop = dropNext && frame.includes('"type":"broadcast"');
          if (drop) dropNext = false;
          return !drop;
        },
      }),
    );
    const { left, right, complaints } = demo;
    await left.add("file", "first");
    await right.row("first").waitFor();
    dropNext = true;
    await left.add("file", "lost");
    await expect.poll(() => dropNext).toBe(false);
    expect(await right.row("lost").count()).toBe(0);
    await left.add("file", "after it");
    await right.row("after it").waitFor();
    await agree(demo);
    expect(pulled).toBe(1);
    expect(complaints).toEqual([]);
  });

  test("[ID-1] [WP-4] an edit whose verdict was lost is sent again with its id, and counts once", async () => {
    let deaf = false;
    const submitted: string[] = [];
    const demo = await open(
      between(clients[0], {
        sent: (frame) => {
          const { type, payload } = JSON.parse(frame) as { type: string; payload?: { draftId: string } };
          if (type === "submit_event") submitted.push(payload!.draftId);
          return true;
        },
        received: () => !deaf,
      }),
    );
    const { left, right, complaints } = demo;
    await left.add("folder", "first");
    // Before that, none is undecided because it is not drawn yet.
    await left.row("first").waitFor();
    await shows(left.unconfirmed, "0");
    deaf = true;
    await left.add("file", "once");
    await right.row("once").waitFor();
    await shows(left.pending("once"), "new");
    await left.network.click();
    await left.text("1 edit waits for the connection: add “once”.").waitFor();
    deaf = false;
    await left.network.click();
    await expect.poll(() => left.pending("once").count()).toBe(0);
    await shows(left.unconfirmed, "0");
    expect(submitted).toHaveLength(4);
    expect(submitted[3]).toBe(submitted[2]);
    expect(await headOf(demo.partition)).toBe(3);
    expect(complaints).toEqual([]);
    await agree(demo);
  });

  test("[WP-11] a pane drops its state and resyncs if the log was replaced", async () => {
    let serverId: string | undefined;
    const demo = await open(async (page) => {
      await page.routeWebSocket(/\/ws$/, (client) => {
        const upstream = client.connectToServer();
        upstream.onMessage((frame) => {
          const text = String(frame);
          const known = serverId;
          client.send(known ? text.replace(/"serverId":"[^"]*"/, () => `"serverId":"${known}"`) : text);
        });
      });
    });
    const { left, right, complaints } = demo;
    await left.add("folder", "before");
    await right.row("before").waitFor();
    await right.network.click();
    await left.add("folder", "meanwhile");
    await left.row("meanwhile").waitFor();
    serverId = "another-log";
    await right.network.click();
    await right.text("everything was loaded again").waitFor();
    await right.row("meanwhile").waitFor();
    expect(complaints).toEqual([]);
    await agree(demo);
  });

  test("[LC-1] [CL-3] [CL-4] the server is killed: the panes show the time of the next attempt, reconnect automatically, and pending edits count once", async () => {
    const demo = await open();
    const { left, right } = demo;
    await left.add("folder", "before");
    await right.row("before").waitFor();
    await server.kill();
    await left.text(/^next try in \d+ s$/).waitFor();
    await left.add("folder", "while it was away");
    await left.text("1 edit waits for the connection: add “while it was away”.").waitFor();
    await server.start();
    // On a slow machine the server is away for long, and then the next attempt can be 30 s away.
    await right.row("while it was away").waitFor({ timeout: 60_000 });
    expect(await headOf(demo.partition)).toBe(3);
    await agree(demo);
  });

  test("[WP-7] a folder of 750 items shows some, and more on request", async () => {
    const demo = await open();
    await demo.left.add("folder", "first");
    await demo.left.row("first").waitFor();
    for (let from = 0; from < 750; from += 250) {
      await Promise.all(Array.from({ length: 250 }, (_, at) => push(demo.partition, `many-${from + at}`)));
    }
    await shows(demo.right.place, "752 of 752");
    expect(await demo.right.tree()).toHaveLength(200);
    await demo.right.text("Show 500 more of 551").click();
    expect(await demo.right.tree()).toHaveLength(700);
    expect(demo.complaints).toEqual([]);
  });

  test("[MD-13] rows and the log name who did it, by the author that the server gives", async () => {
    const demo = await open();
    const { page, left, right } = demo;
    await left.add("file", "plan.md");
    for (const pane of [left, right]) await expect.poll(() => pane.editorOf("plan.md")).toBe("Ada");
    await right.rename("plan.md", "plans.md");
    for (const pane of [left, right]) await expect.poll(() => pane.editorOf("plans.md")).toBe("Ben");
    await expect.poll(() => page.locator(".log .who").allTextContents()).toEqual(["Ben", "Ada", "Ada"]);
    // A window that opens later reads it from the log.
    const later = await open(undefined, demo.partition, []);
    await expect.poll(() => later.left.editorOf("plans.md")).toBe("Ben");
    expect([...demo.complaints, ...later.complaints]).toEqual([]);
  });

  async function takePictures(): Promise<void> {
    const folder = join(projectFolder, "docs", "images");
    mkdirSync(folder, { recursive: true });
    const home = await browser.newPage({ viewport: { width: 1280, height: 540 } });
    await home.addInitScript((kept) => sessionStorage.setItem("partita-demo-clients", kept), clients.join(" "));
    await home.goto(server.url.href);
    await home.getByText("B2 is Ada’s already.").waitFor();
    // The colour of a seat changes slowly: its end is shown.
    await home.screenshot({ path: join(folder, "landing.png"), animations: "disabled" });
    await home.setViewportSize({ width: 1280, height: 800 });
    await home.goto(new URL("/api", server.url).href);
    await home.locator(".opblock").nth(8).waitFor();
    await home.screenshot({ path: join(folder, "api.png") });
    await home.close();

    const { page, left, right } = await open(undefined, "demo");
    const other = await open(undefined, "demo", ["cleo-1a2b3c4d", "dov-1a2b3c4d"]);
    await left.button("begin with sample files").click();
    await right.row("notes.md").waitFor();
    for (const pane of [left, right]) await pane.row("Garden house").dblclick();
    await left.row("Drawings").dblclick();
    await right.row("Orders").dblclick();
    await other.left.row("Recipes").click();
    await right.network.click();
    await right.rename("permit.pdf", "building permit.pdf");
    await right.row("Orders").click();
    await right.add("file", "tiles.csv");
    await left.row("notes.md").click();
    await left.add("folder", "Photos");
    await left.move("Garden house", "Drawings");
    await left.text("CYCLE").waitFor();
    await left.row("schedule.md").click();
    await page.mouse.move(0, 0);
    // Changed rows are highlighted for a moment.
    await page.waitForTimeout(2_000);
    await page.screenshot({ path: join(folder, "demo.png") });
  }

  test.for(picturesWanted ? ["README"] : [])("[EC-6] the pictures of the %s", takePictures);
});

/** Waits until the element shows the text. */
async function shows(locator: Locator, text: string | RegExp): Promise<void> {
  await expect.poll(() => locator.textContent()).toEqual(typeof text === "string" ? text : expect.stringMatching(text));
}
