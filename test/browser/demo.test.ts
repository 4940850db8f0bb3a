import { existsSync, mkdirSync } from "node:fs";
import { join } from "node:path";
import { type Browser, chromium, type Locator, type Page } from "playwright-core";
import { afterAll, beforeAll, describe, expect, onTestFinished, test } from "vitest";
import { projectFolder } from "../../src/tools/wrangler.ts";
import { TestServer } from "../support/server.ts";

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
/** With SCREENSHOTS set, the pictures of the README are taken anew. */
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

/** The tree that a pane shows, as far as its folders are open; the type checker knows no DOM here. */
const readTree = (title: string) => `(() => {
  const read = (list) => [...(list?.children ?? [])].filter((item) => item.dataset.id).map((item) => ({
    id: item.dataset.id,
    name: item.querySelector(".name").textContent,
    children: read(item.querySelector(":scope > [role=group]")),
  }));
  return read(document.querySelector('[data-pane="${title}"] [role=tree]'));
})()`;

/** One pane, as its user sees it. */
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

  text(text: string | RegExp): Locator {
    return this.#section.getByText(text);
  }

  button(name: string | RegExp): Locator {
    return this.#section.getByRole("button", { name, exact: true });
  }

  /** Cursor and head, as "3 / 5". */
  get place(): Locator {
    return this.#section.locator('[data-part="place"]');
  }

  get status(): Locator {
    return this.#section.locator('[data-part="status"]');
  }

  async add(type: "folder" | "file", name: string): Promise<void> {
    await this.button(`New ${type}`).click();
    await this.#section.getByLabel(`New ${type}`).fill(name);
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

interface Demo {
  page: Page;
  partition: string;
  left: Pane;
  right: Pane;
  /** What the console was given, and what was thrown. */
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

  /** Opens the page, by default on a partition of its own; `prepare` comes before that. */
  async function open(prepare?: (page: Page) => Promise<void>, partition = `demo-${++partitions}`): Promise<Demo> {
    const page = await browser.newPage({ viewport: { width: 1280, height: 800 } });
    onTestFinished(() => page.close());
    page.setDefaultTimeout(10_000);
    const complaints: string[] = [];
    page.on("pageerror", (error) => complaints.push(String(error)));
    page.on("console", (message) => {
      if (message.type() === "error" || message.type() === "warning") complaints.push(message.text());
    });
    await prepare?.(page);
    await page.goto(`${server.url.href}?partition=${partition}`);
    const demo = { page, partition, left: new Pane(page, "Left"), right: new Pane(page, "Right"), complaints };
    await shows(demo.left.status, "Connected");
    await shows(demo.right.status, "Connected");
    return demo;
  }

  /** The tree as the server has it. */
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

  /** Both panes show the server's tree, wholly. */
  async function agree({ left, right, partition }: Demo): Promise<void> {
    const head = await headOf(partition);
    for (const pane of [left, right]) {
      await shows(pane.place, `${head} / ${head}`);
      await pane.expandAll();
      await expect.poll(() => pane.tree()).toEqual(await serverTree(partition));
    }
  }

  test("[WP-1] [WP-4] [WP-5] what one pane adds, renames, moves and deletes, the other shows, and the server has", async () => {
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

    // By the mouse: into a folder, then below a row of the other folder's level.
    await right.row("plans").dragTo(right.row("archive"));
    await expect.poll(async () => (await left.tree()).map(({ name }) => name)).toEqual(["archive"]);
    await left.expandAll();
    await left.row("plans").dragTo(left.row("archive"), { targetPosition: { x: 60, y: 27 } });
    await expect.poll(async () => (await right.tree()).map(({ name }) => name)).toEqual(["archive", "plans"]);
    // By the keyboard.
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

    const types = ["set", "treePush", "treePush", "treeUpdate", "treePush"];
    types.push("treeMove", "treeMove", "treeMove", "treeMove", "treeDelete");
    const log = page.locator('[data-part="log"] > li');
    expect(await log.locator(".type").allTextContents()).toEqual(types.toReversed());
    expect(await log.locator(".number").allTextContents()).toEqual(types.map((_, at) => String(types.length - at)));
    expect(complaints).toEqual([]);
  });

  test("[WP-5] [WP-6] [WP-7] a pane that was cut stays behind, and catches up when it reconnects", async () => {
    const demo = await open();
    const { left, right, complaints } = demo;
    await left.add("folder", "shared");
    await right.row("shared").waitFor();
    await right.button("Cut connection").click();
    await shows(right.status, "Cut");
    for (const name of ["one", "two", "three"]) await left.add("file", name);
    await left.row("three").waitFor();
    await shows(right.text("3 events behind"), "3 events behind");
    await shows(right.place, "2 / 5");
    expect((await right.tree()).map(({ name }) => name)).toEqual(["shared"]);
    await right.button("Reconnect").click();
    await right.text("caught up 3 events").waitFor();
    await agree(demo);

    // More than a page.
    await right.button("Cut connection").click();
    await Promise.all(Array.from({ length: 600 }, (_, at) => push(demo.partition, `many-${at}`)));
    await right.button("Reconnect").click();
    await right.text("caught up 600 events").waitFor();
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
    // Read to its end: a response that is dropped closes its connection.
    await response.text();
  }

  test("[ER-2] [ER-4] [WP-12] edits of a cut pane wait, are decided in order, and a refusal is explained where it belongs", async () => {
    const demo = await open();
    const { page, left, right, complaints } = demo;
    await left.add("folder", "outer");
    await left.row("outer").click();
    await left.add("folder", "inner");
    await left.row("inner").waitFor();
    await right.expandAll();

    await right.button("Cut connection").click();
    await right.rename("inner", "renamed in vain");
    await right.rename("outer", "kept");
    await right.text(/2 edits wait for the connection: rename “inner”/).waitFor();
    await left.row("inner").click();
    await page.keyboard.press("Delete");
    await expect.poll(() => left.row("inner").count()).toBe(0);
    await right.button("Reconnect").click();
    const refused = right.text("Refused: rename “inner” to “renamed in vain”.").locator("..");
    await shows(refused, /There is no node "inner~[0-9a-f]{8}"\. NODE_NOT_FOUND$/);
    await left.row("kept").waitFor();
    await agree(demo);

    // The row is there: the refusal is below it.
    await left.row("kept").click();
    await left.add("folder", "below");
    await left.row("below").waitFor();
    await left.move("kept", "below");
    await shows(left.row("kept").locator("+ .notice"), /^Refused: move “kept”\. A node cannot go into itself.*CYCLE/);
    await left.button("Dismiss").click();
    await expect.poll(() => left.text("Refused").count()).toBe(0);
    expect(complaints).toEqual([]);
    await agree(demo);
  });

  test("[WP-6] a pane that misses a broadcast sees the hole and pulls the range", async () => {
    let dropNext = false;
    let pulled = 0;
    const demo = await open(async (page) => {
      let sockets = 0;
      await page.routeWebSocket(/\/ws$/, (client) => {
        const upstream = client.connectToServer();
        // The panes connect before the log does: left, right.
        const isRight = ++sockets === 2;
        client.onMessage((frame) => {
          if (isRight && String(frame).includes('"type":"sync"')) pulled++;
          upstream.send(frame);
        });
        upstream.onMessage((frame) => {
          const drop = isRight && dropNext && String(frame).includes('"type":"broadcast"');
          if (drop) dropNext = false;
          else client.send(frame);
        });
      });
    });
    const { left, right, complaints } = demo;
    await left.add("file", "first");
    await right.row("first").waitFor();
    dropNext = true;
    await left.add("file", "lost");
    await left.row("lost").waitFor();
    expect(await right.row("lost").count()).toBe(0);
    await left.add("file", "after it");
    await right.row("after it").waitFor();
    await agree(demo);
    expect(pulled).toBe(1);
    expect(complaints).toEqual([]);
  });

  test("[ID-1] [WP-4] an edit whose verdict was lost is sent again under its id, and counts once", async () => {
    let deaf = false;
    const submitted: string[] = [];
    const demo = await open(async (page) => {
      let sockets = 0;
      await page.routeWebSocket(/\/ws$/, (client) => {
        const upstream = client.connectToServer();
        const isLeft = ++sockets === 1;
        client.onMessage((frame) => {
          const { type, payload } = JSON.parse(String(frame)) as { type: string; payload?: { draftId: string } };
          if (type === "submit_event") submitted.push(payload!.draftId);
          upstream.send(frame);
        });
        upstream.onMessage((frame) => {
          if (!(isLeft && deaf)) client.send(frame);
        });
      });
    });
    const { left, right, complaints } = demo;
    await left.add("folder", "first");
    await left.row("first").waitFor();
    deaf = true;
    await left.add("file", "once");
    await right.row("once").waitFor();
    expect(await left.row("once").count()).toBe(0);
    await left.button("Cut connection").click();
    await left.text("1 edit waits for the connection: add “once”.").waitFor();
    await left.button("Reconnect").click();
    await left.row("once").waitFor();
    await expect.poll(() => submitted.length).toBe(4);
    expect(submitted[3]).toBe(submitted[2]);
    await expect.poll(() => left.text("1 edit waits").isVisible()).toBe(false);
    expect(await headOf(demo.partition)).toBe(3);
    expect(complaints).toEqual([]);
    await agree(demo);
  });

  test("[WP-11] a pane that finds another log under the name drops its state and resyncs", async () => {
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
    await right.button("Cut connection").click();
    await left.add("folder", "meanwhile");
    await left.row("meanwhile").waitFor();
    serverId = "another-log";
    await right.button("Reconnect").click();
    // The state at the head came at once: nothing was caught up event by event.
    await right.row("meanwhile").waitFor();
    expect(await right.text(/caught up/).count()).toBe(0);
    expect(complaints).toEqual([]);
    await agree(demo);
  });

  test("[LC-1] [WP-4] the server is killed: the panes come back by themselves, and what waited is there once", async () => {
    const demo = await open();
    const { left, right } = demo;
    await left.add("folder", "before");
    await right.row("before").waitFor();
    await server.kill();
    await shows(left.status, "Reconnecting");
    await left.add("folder", "while it was away");
    await left.text("1 edit waits for the connection: add “while it was away”.").waitFor();
    await server.start();
    await right.row("while it was away").waitFor({ timeout: 30_000 });
    expect(await headOf(demo.partition)).toBe(3);
    await agree(demo);
  });

  test("[WP-7] a folder of 750 shows some, and more when asked", async () => {
    const demo = await open();
    await demo.left.add("folder", "first");
    await demo.left.row("first").waitFor();
    for (let from = 0; from < 750; from += 250) {
      await Promise.all(Array.from({ length: 250 }, (_, at) => push(demo.partition, `many-${from + at}`)));
    }
    await shows(demo.right.place, "752 / 752");
    expect(await demo.right.tree()).toHaveLength(200);
    await demo.right.text("Show 500 more of 551").click();
    expect(await demo.right.tree()).toHaveLength(700);
    expect(demo.complaints).toEqual([]);
  });

  async function takePictures(): Promise<void> {
    const folder = join(projectFolder, "docs", "images");
    mkdirSync(folder, { recursive: true });
    const { page, left, right } = await open(undefined, "demo");
    await left.button("begin with sample files").click();
    await right.row("notes.md").waitFor();
    for (const pane of [left, right]) {
      await pane.row("Garden house").dblclick();
      await pane.row("Orders").dblclick();
    }
    await left.row("Drawings").dblclick();
    await right.button("Cut connection").click();
    await right.rename("permit.pdf", "building permit.pdf");
    await left.row("notes.md").click();
    await left.add("folder", "Photos");
    await left.move("Garden house", "Drawings");
    await left.text("CYCLE").waitFor();
    await page.mouse.move(0, 0);
    // The rows that changed light up for a moment.
    await page.waitForTimeout(2_000);
    await page.screenshot({ path: join(folder, "demo.png") });
    await page.setViewportSize({ width: 390, height: 844 });
    await page.screenshot({ path: join(folder, "demo-narrow.png") });
  }

  test.for(picturesWanted ? ["README"] : [])("the pictures of the %s", takePictures);
});

/** Waits until the element shows the text. */
async function shows(locator: Locator, text: string | RegExp): Promise<void> {
  await expect.poll(() => locator.textContent()).toEqual(typeof text === "string" ? text : expect.stringMatching(text));
}
