import { ChangeSet } from "@codemirror/state";
import { describe, expect, it } from "vitest";
import type { Client } from "../../../src/client/index.ts";
import { textIn } from "../../../src/models/text/index.ts";
import { openText } from "../../../src/text/index.ts";
import { Random } from "../../simulation/random.ts";
import { type Tab, TabsWorld } from "./tabs-world.ts";

type Document = ReturnType<typeof openText>;

function documentOf({ client }: Tab): Document {
  return openText(client as unknown as Client<any, any, any>, { doc: "d" });
}

/** Adds this at the end of the text. */
function type(document: Document, insert: string): void {
  const { length } = document;
  void document.submit(ChangeSet.of({ from: length, insert }, length));
}

/** The text of the server, and how many events it is of. */
function served(world: TabsWorld): string {
  return textIn((world.state as unknown as { texts: never }).texts, "d");
}

async function typing(count: number, seed = 1) {
  const world = new TabsWorld({ hasTexts: true, seed });
  const tabs = await world.opened(count);
  return { world, tabs, documents: tabs.map(documentOf) };
}

/** Waits until all is decided, and checks that each tab shows what the server has, and no draft is left. */
async function agree(world: TabsWorld, expected: string): Promise<void> {
  await world.pass(60_000);
  expect(served(world)).toBe(expected);
  for (const tab of world.tabs) {
    if (tab.dead || tab.client.status.status === "closed") continue;
    expect([tab.name, documentOf(tab).value]).toEqual([tab.name, expected]);
    const { client } = tab;
    expect([client.pending, client.parked, client.rejected]).toEqual([[], [], []]);
  }
  expect(await world.stored()).toEqual([]);
}

/** Seeds from `SEED` on; `SEEDS` is their number. */
const firstSeed = Number(process.env["SEED"] ?? 1);
const seeds = Number(process.env["SEEDS"] ?? 20);

/** Tabs open, close, crash and freeze, and the network fails, while each types letters that nobody else types. */
async function storm(seed: number): Promise<void> {
  const random = new Random(seed);
  const weather = {
    channelMs: random.pick([0, 3, 30]),
    networkMs: random.pick([1, 10, 100]),
    storeMs: random.pick([0, 5, 50]),
    lockMs: random.pick([0, 3, 30]),
  };
  const world = new TabsWorld({ seed, weather, hasTexts: true });
  const documents = new Map<Tab, Document>();
  const kept = new Set<string>();
  let letters = 0;
  const often = (most: number) => (random.chance(0.4) ? 0 : random.next() * most);
  const weights = {
    type: 12,
    open: 1,
    close: often(1),
    crash: often(1),
    freeze: often(1),
    thaw: 1,
    cut: often(2),
    network: often(1.5),
    elsewhere: often(4),
    pass: 4,
  };
  const typeIn = async (tab: Tab) => {
    if (!tab.client.loaded) return;
    const document = documents.get(tab) ?? documentOf(tab);
    documents.set(tab, document);
    const letter = String.fromCodePoint(0x4e00 + letters++);
    const { length } = document;
    void document.submit(ChangeSet.of({ from: random.between(0, length), insert: letter }, length));
    await tab.client.flushed();
    if (!tab.dead) kept.add(letter);
  };
  const elsewhere = () => {
    const connection = world.elsewhere();
    const [{ payload }] = connection.of("connected") as [{ payload: { currentEventIndex: number } }];
    const { length } = served(world);
    const insert = String.fromCodePoint(0x4e00 + letters++);
    kept.add(insert);
    const changes = ChangeSet.of({ from: random.between(0, length), insert }, length).toJSON();
    const more = { expectedEventId: payload.currentEventIndex };
    connection.submit(`e-${letters}`, "edit", { doc: "d", changes }, more);
    world.pump();
  };
  world.open();
  for (let turn = 0; turn < 100; turn++) {
    const alive = world.tabs.filter(({ dead, client }) => !dead && client.status.status !== "closed");
    const awake = alive.filter(({ frozen }) => !frozen);
    const tab = random.pick([...awake, undefined]);
    switch (random.weighted(weights)) {
      case "type":
        if (tab) void typeIn(tab);
        break;
      case "open":
        if (alive.length < 4) world.open({ visible: random.chance(0.5) });
        break;
      case "close":
        tab?.close();
        break;
      case "crash":
        random.pick([...alive, undefined])?.crash();
        break;
      case "freeze":
        tab?.freeze();
        break;
      case "thaw":
        random.pick([...alive.filter(({ frozen }) => frozen), undefined])?.thaw();
        break;
      case "cut":
        world.cutAll();
        break;
      case "network":
        world.reachable = !world.reachable;
        if (!world.reachable) world.cutAll();
        break;
      case "elsewhere":
        elsewhere();
        break;
      case "pass":
        await world.pass(random.pick([1, 10, 100, 5_000]));
    }
    await world.pass(random.between(0, 20));
  }
  world.reachable = true;
  for (const tab of world.tabs) {
    tab.thaw();
    if (!tab.dead) tab.look(true);
  }
  await world.pass(60_000);
  world.open();
  await world.pass(60_000);
  const text = [...served(world)];
  expect(new Set(text).size, "letters that are there once").toBe(text.length);
  // What cannot be mapped, because no tab knows any more what came since, is shown as parked.
  const stored = await world.stored();
  const parked = stored.filter((entry) => entry.parked?.code === "too_stale");
  const shown = new Set([...text, ...JSON.stringify(parked)]);
  expect(
    [...kept].filter((letter) => !shown.has(letter)),
    "letters that were stored, and are lost",
  ).toEqual([]);
  expect(stored.length, "what is left").toBe(parked.length);
  for (const { name, client, dead } of world.tabs) {
    if (dead || client.status.status === "closed") continue;
    expect([name, client.pending.length, client.rejected.length]).toEqual([name, 0, 0]);
    expect([name, client.state]).toEqual([name, world.state]);
  }
}

describe("typing in tabs", () => {
  it("[CL-1] [CL-4] a tab that opens does not send what another one holds", async () => {
    const { world, tabs, documents } = await typing(2);
    world.reachable = false;
    world.cutAll();
    await world.pass(100);
    type(documents[1]!, "one ");
    type(documents[1]!, "two ");
    await world.pass(100);
    world.open();
    await world.pass(1_000);
    type(documents[1]!, "three ");
    tabs[1]!.freeze();
    world.reachable = true;
    await world.pass(60_000);
    expect(served(world)).toBe("one ");
    tabs[1]!.thaw();
    await agree(world, "one two three ");
  });

  it("[CL-1] [CL-4] goes on with what a tab has held that has ended", async () => {
    for (const ends of ["crash", "close"] as const) {
      const { world, tabs, documents } = await typing(2);
      world.reachable = false;
      world.cutAll();
      await world.pass(100);
      type(documents[0]!, "lead ");
      type(documents[1]!, "one ");
      type(documents[1]!, "two ");
      await world.pass(500);
      tabs[1]![ends]();
      await world.pass(1_000);
      type(documents[0]!, "more ");
      world.reachable = true;
      await world.pass(60_000);
      const words = served(world).split(" ").toSorted();
      expect(words).toEqual(["", "lead", "more", "one", "two"]);
      await agree(world, served(world));
    }
  });

  it("[CL-2] [CL-10] what was typed offline is there after a reload, and is merged with what came meanwhile", async () => {
    const { world, tabs, documents } = await typing(1);
    type(documents[0]!, "start ");
    await world.pass(5_000);
    world.reachable = false;
    world.cutAll();
    await world.pass(100);
    type(documents[0]!, "one ");
    type(documents[0]!, "two ");
    await world.pass(100);
    tabs[0]!.crash();
    await world.pass(100);
    const elsewhere = world.elsewhere();
    let length = served(world).length;
    // Past what the server maps a draft over.
    for (let eventId = 1; eventId <= 1_100; eventId++) {
      const changes = ChangeSet.of({ from: 0, insert: "." }, length++).toJSON();
      elsewhere.submit(`e-${eventId}`, "edit", { doc: "d", changes }, { expectedEventId: eventId });
    }
    world.pump();
    const again = world.open();
    await world.pass(1_000);
    expect(documentOf(again).value).toBe("start one two ");
    world.reachable = true;
    await agree(world, `${".".repeat(1_100)}start one two `);
  });

  it("[CL-1] [CL-2] sends the rest of a large paste, whenever its tab ends, and merges it with what came meanwhile", async () => {
    // Each letter stands for a draft that is too large to be composed with others.
    const paste = [..."abcde"].map((letter) => letter.repeat(8_000)).join("");
    const decided = new Set<number>();
    for (let endMs = 4; endMs <= 60; endMs += 4) {
      const { world, tabs, documents } = await typing(1);
      await world.pass(5_000);
      type(documents[0]!, paste);
      await world.pass(endMs);
      tabs[0]!.crash();
      await world.pass(100);
      const [{ payload }] = world.elsewhere().of("connected") as [{ payload: { currentEventIndex: number } }];
      decided.add(payload.currentEventIndex);
      const changes = ChangeSet.of({ from: 0, insert: "> " }, served(world).length).toJSON();
      world.elsewhere().submit("e", "edit", { doc: "d", changes }, { expectedEventId: payload.currentEventIndex });
      world.pump();
      world.open();
      await world.pass(60_000);
      expect(served(world).replaceAll(/(.)\1+/g, "$1"), `${endMs} ms`).toBe("> abcde");
      await agree(world, `> ${paste}`);
    }
    expect([...decided].toSorted()).toEqual([1, 2, 3, 4, 5]);
  });

  it("[CL-1] [CL-4] does not send what was made on a draft that is not there any more, also not when it is tried again", async () => {
    const { world, tabs, documents } = await typing(1);
    type(documents[0]!, "start ");
    await world.pass(5_000);
    world.reachable = false;
    world.cutAll();
    await world.pass(100);
    // As long as before: so what is made on it fits without it, at another place of the text.
    void documents[0]!.submit(ChangeSet.of({ from: 0, to: 5, insert: "other" }, 6));
    type(documents[0]!, "two ");
    await world.pass(100);
    tabs[0]!.crash();
    const [one, two] = await world.stored();
    await (await world.storage("server/room/ada")).remove([one!.key]);
    const changes = ChangeSet.of({ from: 0, insert: "new " }, served(world).length).toJSON();
    world.elsewhere().submit("e-1", "edit", { doc: "d", changes }, { expectedEventId: 1 });
    world.pump();
    world.reachable = true;
    for (let start = 1; start <= 2; start++) {
      const tab = world.open();
      const { client } = tab;
      await world.pass(60_000);
      expect(client.parked.map(({ key }) => key)).toEqual([two!.key]);
      void client.retry(two!.key);
      await world.pass(5_000);
      expect(client.parked.map(({ key }) => key)).toEqual([two!.key]);
      expect(client.pending).toEqual([]);
      expect(world.submits.get(two!.key)).toBeUndefined();
      expect(served(world)).toBe("new start ");
      tab.close();
      await world.pass(1_000);
    }
  });

  // In the first, an entry is parked and its tab begins again; in the second, three drafts were made one on the other.
  it.each([...new Set([323, 345, ...Array.from({ length: seeds }, (_, at) => firstSeed + at)])])(
    "[CL-1] [CL-2] [CL-4] each letter is there once, whatever becomes of its tab (seed %i)",
    storm,
  );
});
