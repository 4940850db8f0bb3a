import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, describe, expect, it, vi } from "vitest";
import { createClient } from "../../../src/client/index.ts";
import { memoryStore } from "../../../src/client/stores/memory.ts";
import { sqliteStore } from "../../../src/client/stores/sqlite.ts";
import { browserTabs } from "../../../src/client/tabs/browser.ts";
import { tabsSupported } from "../../../src/client/tabs/supported.ts";
import { broadcastChannel } from "../../../src/client/transport/channel.ts";
import type { Message } from "../../../src/client/tabs/messages.ts";
import { insieme } from "../../../src/models/insieme/index.ts";
import { Random } from "../../simulation/random.ts";
import { type Tab, TabsWorld } from "./tabs-world.ts";

/** Enough time to replace a frozen leader and to reconnect. */
const recoveryMs = 60_000;

/** All drafts are committed once and in order; all tabs got their verdicts, and have the state of the server. */
async function agreed(world: TabsWorld, connections = 1): Promise<void> {
  const { marks } = world.state;
  expect(new Set(marks).size, "marks that are in the log once").toBe(marks.length);
  const alive = world.tabs.filter((tab) => !tab.dead && tab.client.status.status !== "closed");
  for (const { tab, mark, contested, verdict } of world.submissions) {
    const committed = marks.includes(mark);
    if (alive.includes(tab)) {
      expect(verdict?.status, `the verdict of ${mark}`).toBe(committed ? "accepted" : "rejected");
      if (verdict?.status === "accepted" && "eventId" in verdict) {
        expect(verdict.event.payload["mark"], "the event of the verdict").toBe(mark);
      }
    }
    if (world.kept.has(mark) && !contested) expect(committed, `${mark}, which was kept, is committed`).toBe(true);
  }
  for (const tab of world.tabs) {
    const own = marks.filter((mark) => mark.startsWith(`${tab.name}-`) && !mark.endsWith("b"));
    const order = own.map((mark) => Number(mark.split("-")[1]));
    expect(order, `the drafts of ${tab.name} in their order`).toEqual(order.toSorted((a, b) => a - b));
  }
  for (const tab of alive) {
    expect(tab.client.status.status, `the status of ${tab.name}`).toBe("online");
    expect(tab.client.pending, `what is pending in ${tab.name}`).toEqual([]);
    expect(tab.client.state, `the state of ${tab.name}`).toEqual(world.state);
  }
  expect(await world.stored(), "what is in the store").toEqual([]);
  expect(world.connections, "connections").toBe(alive.length > 0 ? connections : 0);
}

/** A server that fails on each draft without deciding it. */
const failing: TabsWorld["refuses"] = (type) => (type === "submit_event" ? "draft_failed" : undefined);

/** Seeds from `SEED` on; `SEEDS` is their number. */
const firstSeed = Number(process.env["SEED"] ?? 1);
const seeds = Number(process.env["SEEDS"] ?? 30);
const tabsMax = 6;

const serverOf = (world: TabsWorld) => world.server.client("asks").of("connected")[0].payload as { serverId: string };

/** Tabs open, close, crash and freeze, the network fails, and drafts are submitted all the time. */
async function storm(seed: number): Promise<void> {
  const random = new Random(seed);
  const weather = {
    channelMs: random.pick([0, 3, 30]),
    networkMs: random.pick([1, 10, 100]),
    storeMs: random.pick([0, 5, 50]),
    lockMs: random.pick([0, 3, 30]),
  };
  const world = new TabsWorld({ seed, weather });
  const crashChance = random.pick([0, 0.002, 0.02]);
  let raging = true;
  const dies = (tab: Tab) => {
    if (raging && world.lock.holder === tab && random.chance(crashChance)) tab.crash();
    return true;
  };
  world.channel.before = dies;
  world.channel.behind = dies;
  const often = (most: number) => (random.chance(0.4) ? 0 : random.next() * most);
  const weights = {
    submit: 10,
    batch: often(3),
    open: 2,
    close: often(1),
    crash: often(1),
    freeze: often(2),
    thaw: 2,
    look: often(2),
    cut: often(2),
    network: often(1),
    elsewhere: often(3),
    pass: 4,
  };
  const seats = Array.from({ length: 6 }, (_, at) => `seat ${at}`);
  world.open();
  for (let turn = 0; turn < 120; turn++) {
    const alive = world.tabs.filter(({ dead, client }) => !dead && client.status.status !== "closed");
    const awake = alive.filter(({ frozen }) => !frozen);
    const tab = random.pick([...awake, undefined]);
    switch (random.weighted(weights)) {
      case "submit":
        tab?.submit(random.chance(0.2) ? random.pick(seats) : undefined);
        break;
      case "batch":
        tab?.submitBatch(random.pick(["atomic", "sequential"]));
        break;
      case "open":
        if (alive.length < tabsMax) world.open({ visible: random.chance(0.5) });
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
      case "look":
        tab?.look(random.chance(0.6));
        break;
      case "cut":
        world.cutAll();
        break;
      case "network":
        world.reachable = !world.reachable;
        if (!world.reachable) world.cutAll();
        break;
      case "elsewhere":
        world.happens(world.newMark("e"));
        break;
      case "pass":
        await passed(world, random.pick([1, 10, 100, 5_000]));
    }
    await passed(world, random.between(0, 20));
  }
  raging = false;
  world.reachable = true;
  for (const tab of world.tabs) {
    tab.thaw();
    if (!tab.dead) tab.look(true);
  }
  await passed(world, recoveryMs);
  // The next tab finds the drafts that a tab has stored but not shared.
  world.open();
  await passed(world, recoveryMs);
  await agreed(world);
}

/** Advances the clock, and checks each tab in between: no tab ever shows a draft twice. */
async function passed(world: TabsWorld, ms: number): Promise<void> {
  const end = world.now + ms;
  while (await world.step(end)) {
    for (const { name, marks, dead } of world.tabs) {
      if (dead || new Set(marks).size === marks.length) continue;
      expect.fail(`${name} shows ${marks.join(" ")}`);
    }
  }
  world.now = Math.max(world.now, end);
}

describe("several tabs", () => {
  it("[CL-5] share one connection: one leads, and each tab shows all drafts at once and gets its own verdicts", async () => {
    const world = new TabsWorld();
    const [first, second, third] = await world.opened(3);
    expect(world.lock.holder).toBe(first);
    expect(world.connections).toBe(1);
    const marks = [first!.submit(), second!.submit(), third!.submit("window")];
    expect(second!.marks).toEqual([marks[1]]);
    // One message to the leader and one from it; the server has not got the draft yet.
    await world.pass(3);
    for (const tab of world.tabs) expect(tab.marks.toSorted()).toEqual(marks.toSorted());
    expect(world.state.marks).toEqual([]);
    await world.pass(1_000);
    await agreed(world);
    expect(world.submissions.map(({ verdict }) => verdict?.status)).toEqual(["accepted", "accepted", "accepted"]);
    expect([...world.submits.values()]).toEqual([1, 1, 1]);
    expect(world.tabs.map(({ client }) => client.clientId)).toEqual(Array(3).fill(first!.client.clientId));
  });
  it("[CL-5] a later tab gets the state from the leader, also offline, and opens no connection", async () => {
    const world = new TabsWorld();
    const [first] = await world.opened(1);
    for (let note = 0; note < 5; note++) first!.submit();
    await world.pass(1_000);
    world.reachable = false;
    world.cutAll();
    const pending = first!.submit();
    await world.pass(100);
    const late = world.open();
    await world.pass(100);
    expect(late.marks).toEqual(first!.marks);
    expect(late.marks.at(-1)).toBe(pending);
    expect(late.client.eventId).toBe(5);
    expect(late.client.status.status).toBe("offline");
    expect(late.client.status).toEqual(first!.client.status);
    world.reachable = true;
    await world.pass(recoveryMs);
    await agreed(world);
  });

  it("[CL-5] sends drafts in order that a tab submits before it knows the leader", async () => {
    const world = new TabsWorld();
    const first = world.open();
    first.submit();
    first.submit();
    await world.pass(1);
    const second = world.open();
    const marks = [second.submit(), second.submit(), second.submit()];
    for (let ms = 0; ms < 8; ms++) {
      marks.push(second.submit());
      await world.pass(1);
    }
    await world.pass(1_000);
    expect(world.state.marks.filter((mark) => marks.includes(mark))).toEqual(marks);
    expect(new Set(world.submits.values())).toEqual(new Set([1]));
    await agreed(world);
  });

  describe.each(["close", "crash", "freeze"] as const)("when the leader ends by %s", (end) => {
    const delays = Array.from({ length: 20 }, (_, ms) => ms);

    it.each(delays)("[CL-5] [CL-6] %i ms after a draft in each tab, nothing is lost or duplicated", async (ms) => {
      const world = new TabsWorld();
      const [leader, second, third] = await world.opened(3);
      const resets: string[] = [];
      for (const tab of [second!, third!]) tab.client.on("reset", ({ why }) => resets.push(why));
      leader!.submit();
      second!.submit();
      second!.submitBatch("atomic");
      third!.submit();
      third!.submit("door");
      second!.submit("door");
      await world.pass(ms);
      leader![end]();
      second!.submit();
      await world.pass(ms);
      third!.submit();
      await world.pass(recoveryMs);
      expect([second, third]).toContain(world.lock.holder);
      expect(resets.length).toBeLessThanOrEqual(2);
      if (end === "freeze") {
        leader!.thaw();
        await world.pass(recoveryMs);
        expect(leader!.reports).not.toContain("closed closed");
        leader!.submit();
        await world.pass(1_000);
      }
      await agreed(world);
      for (const { tab, verdict } of world.submissions) if (tab !== leader) expect(verdict).toBeDefined();
    });

    it.each(delays)(
      "[CL-5] [CL-2] %i ms after drafts that were queued offline, they are sent in order by the next leader",
      async (ms) => {
        const world = new TabsWorld();
        const [leader, second, third] = await world.opened(3);
        world.reachable = false;
        world.cutAll();
        await world.pass(100);
        const marks: string[] = [];
        for (const tab of [second!, third!, leader!]) {
          marks.push(tab.submit());
          await world.pass(10);
        }
        world.reachable = true;
        // The leader reconnects at a random time: it may end before, while or after it sends.
        while (leader!.client.status.status !== "online") await world.step(world.now + recoveryMs);
        await world.pass(ms);
        leader![end]();
        await world.pass(recoveryMs);
        leader!.thaw();
        await world.pass(recoveryMs);
        await agreed(world);
        expect(world.state.marks).toEqual(marks);
      },
    );
  });

  it("[CL-5] a visible tab replaces a frozen leader; a hidden tab does not", async () => {
    const world = new TabsWorld();
    const [leader, hidden] = await world.opened(2);
    hidden!.look(false);
    leader!.freeze();
    await world.pass(recoveryMs);
    expect(world.lock.holder).toBe(leader);
    hidden!.look(true);
    await world.pass(10_000);
    expect(world.lock.holder).toBe(hidden);
    const mark = hidden!.submit();
    await world.pass(100);
    expect(world.state.marks).toEqual([mark]);
    // It still has a connection: it does not know yet that it has lost the lock.
    expect(world.connections).toBe(2);
    leader!.thaw();
    await world.pass(100);
    expect(leader!.reports.filter((status) => status.startsWith("closed"))).toEqual([]);
    await agreed(world);
    hidden!.close();
    await world.pass(1_000);
    expect(world.lock.holder).toBe(leader);
    leader!.submit();
    await world.pass(100);
    await agreed(world);
  });

  it.each([80, 6_000])(
    "[CL-5] of several tabs that replace the leader at once, one leads, with a store that takes up to %i ms",
    async (storeMs) => {
      const world = new TabsWorld({ weather: { channelMs: 1, networkMs: 5, storeMs, lockMs: 1 } });
      const [leader] = await world.opened(1);
      await world.pass(recoveryMs);
      for (const tab of [world.open(), world.open(), world.open()]) tab.submit();
      await world.pass(recoveryMs);
      leader!.freeze();
      await world.pass(recoveryMs);
      for (const tab of world.tabs.slice(1)) tab.submit();
      leader!.thaw();
      await world.pass(recoveryMs);
      await agreed(world);
    },
  );

  it("[CL-5] a tab that got its welcome from a former leader finds the new leader", async () => {
    const world = new TabsWorld();
    const [leader, second] = await world.opened(2);
    world.lock.lossMs = 1_000;
    leader!.freeze();
    await world.pass(10_000);
    expect(world.lock.holder).toBe(second);
    leader!.thaw();
    await world.pass(10);
    // Both leaders answer, and the wrong one first.
    const answered: string[] = [];
    world.channel.behind = (tab, { kind }) => {
      if (kind === "welcome") answered.push(tab.name);
    };
    const late = world.open({ visible: false });
    await world.pass(100);
    expect(answered).toEqual([leader!.name, second!.name]);
    late.submit();
    await world.pass(1_500);
    second!.submit();
    await world.pass(100);
    await agreed(world);
    expect(world.lock.holder).toBe(second);
  });

  it("[CL-5] an offer to an earlier leader does not overtake the offers before it", async () => {
    const world = new TabsWorld();
    const [leader, second, third] = await world.opened(3);
    leader!.freeze();
    third!.look(false);
    third!.submit();
    world.channel.behind = (tab, message) => {
      // The next leader receives this offer, but was not the leader when the first one was sent.
      if (tab === second && message.kind === "lead") third!.submit();
    };
    await world.pass(10_000);
    expect(world.lock.holder).toBe(second);
    leader!.thaw();
    await world.pass(1_000);
    await agreed(world);
  });

  it("[CL-5] a tab that becomes visible makes its leader reconnect at once", async () => {
    const world = new TabsWorld();
    const [leader, second] = await world.opened(2);
    world.reachable = false;
    world.cutAll();
    do await world.pass(1_000);
    while ((leader!.client.status.retryAt ?? 0) < world.now + 5_000);
    world.reachable = true;
    second!.look(true);
    await world.pass(100);
    expect(second!.client.status.status).toBe("online");
    // It has missed nothing, and does not get the state again.
    const given: string[] = [];
    world.channel.behind = (_, message) => {
      if (message.kind === "welcome") given.push(...message.items.map(({ kind }) => kind));
    };
    second!.look(true);
    await world.pass(100);
    expect(given).toEqual(["status"]);
  });

  it("[CL-5] a leader that answers is not replaced, also after a long time", async () => {
    const world = new TabsWorld();
    const [leader, second, third] = await world.opened(3);
    leader!.look(false);
    third!.look(false);
    const asking = new Set<Tab>();
    world.channel.behind = (tab, { kind }) => {
      if (kind === "beat") asking.add(tab);
    };
    await world.pass(10 * 60_000);
    expect(world.lock.holder).toBe(leader);
    expect([...asking]).toEqual([second]);
    await agreed(world);
  });

  it("[CL-5] a frozen tab gets missed items when it thaws, and asks for lost ones", async () => {
    const world = new TabsWorld();
    const [leader, second, third] = await world.opened(3);
    const waiting = second!.submit();
    let lost = 0;
    world.channel.hears = (tab, message) => {
      if (tab !== second || message.kind !== "item") return message;
      lost++;
      return undefined;
    };
    leader!.submit();
    third!.submit();
    await world.pass(100);
    expect(lost).toBeGreaterThan(0);
    expect(second!.client.pending.map(({ drafts }) => drafts[0]!.payload["mark"])).toEqual([waiting]);
    world.channel.hears = (_, message) => message;
    const submits = world.submits.size;
    third!.submit();
    await world.pass(100);
    await agreed(world);
    expect(world.submits.size).toBe(submits + 1);
    expect(new Set(world.submits.values())).toEqual(new Set([1]));
  });

  it("[CL-5] [CL-2] a tab gets a verdict that was not passed on from the next leader, without a request to the server", async () => {
    const world = new TabsWorld();
    const [leader, second, third] = await world.opened(3);
    world.channel.hears = (tab, message) =>
      tab === third && message.kind === "item" && message.item.kind === "verdict" ? undefined : message;
    third!.submit();
    await world.pass(100);
    expect(world.submissions[0]!.verdict).toBeUndefined();
    world.channel.hears = (_, message) => message;
    leader!.crash();
    await world.pass(1_000);
    expect(world.lock.holder).toBe(second);
    await agreed(world);
    expect([...world.submits.values()]).toEqual([1]);
  });

  it("[CL-5] [CL-2] a verdict that no tab received comes again from the server", async () => {
    const world = new TabsWorld();
    const [leader, second, third] = await world.opened(3);
    world.channel.hears = (_, message) =>
      message.kind === "item" && message.item.kind === "verdict" ? undefined : message;
    third!.submit();
    await world.pass(100);
    expect(second!.client.pending).toHaveLength(1);
    world.channel.hears = (_, message) => message;
    leader!.crash();
    await world.pass(1_000);
    await agreed(world);
    expect([...world.submits.values()]).toEqual([2]);
  });

  it("[CL-5] the other tabs send the drafts of a closed tab", async () => {
    const world = new TabsWorld();
    const [leader, second] = await world.opened(2);
    world.reachable = false;
    world.cutAll();
    const marks = [second!.submit(), second!.submit()];
    await world.pass(100);
    second!.crash();
    await world.pass(100);
    expect(leader!.marks).toEqual(marks);
    world.reachable = true;
    await world.pass(recoveryMs);
    expect(world.state.marks).toEqual(marks);
    await agreed(world);
  });

  it("[CL-5] [CL-2] the next leader sends entries that only the store has, but not parked ones", async () => {
    const world = new TabsWorld();
    const [leader, second, third] = await world.opened(3);
    world.refuses = failing;
    third!.submit();
    await world.pass(100);
    world.refuses = () => undefined;
    expect(second!.client.parked).toHaveLength(1);
    // It reaches only the store.
    world.channel.before = (tab) => tab !== third;
    const kept = third!.submit();
    await world.pass(2);
    third!.crash();
    leader!.crash();
    world.channel.before = () => true;
    await world.pass(1_000);
    expect(world.lock.holder).toBe(second);
    expect(world.state.marks).toEqual([kept]);
    expect(second!.client.parked).toHaveLength(1);
    expect((await world.stored()).map(({ parked }) => parked?.code)).toEqual(["draft_failed"]);
  });

  it("[CL-5] [CL-2] an entry that only the store has stays there if the server fails on it", async () => {
    const world = new TabsWorld();
    const [leader, second, third] = await world.opened(3);
    world.channel.before = (tab) => tab !== third;
    const kept = third!.submit();
    await world.pass(2);
    third!.crash();
    leader!.crash();
    world.channel.before = () => true;
    world.refuses = failing;
    await world.pass(1_000);
    expect(second!.client.parked).toEqual([]);
    world.refuses = () => undefined;
    world.open();
    await world.pass(1_000);
    expect(world.state.marks).toEqual([kept]);
    await agreed(world);
  });

  it("[CL-5] a parked entry is parked in each tab, and any tab can retry or discard it", async () => {
    const world = new TabsWorld();
    await world.opened(3);
    const [leader, second, third] = world.tabs;
    world.refuses = failing;
    const mark = second!.submit();
    second!.submit();
    await world.pass(100);
    expect(world.submissions.map(({ verdict }) => verdict?.status)).toEqual(["parked", "parked"]);
    expect(world.tabs.map(({ client }) => client.parked.length)).toEqual([2, 2, 2]);
    world.refuses = () => undefined;
    const [retried, given] = third!.client.parked;
    leader!.client.discard(given!.key);
    leader!.client.pause();
    await world.pass(100);
    third!.client.retry(retried!.key);
    await world.pass(100);
    expect(world.tabs.map(({ client }) => client.parked)).toEqual([[], [], []]);
    expect(world.tabs.map(({ client }) => client.pending.length)).toEqual([1, 1, 1]);
    leader!.client.resume();
    await world.pass(100);
    expect(world.state.marks).toEqual([mark]);
    expect(world.tabs.map(({ marks }) => marks)).toEqual([[mark], [mark], [mark]]);
    expect(await world.stored()).toEqual([]);
  });

  it("[CL-5] a parked entry that is retried while the leader is frozen is parked in no tab", async () => {
    const world = new TabsWorld();
    const [leader, second, third] = await world.opened(3);
    world.refuses = failing;
    const mark = third!.submit();
    await world.pass(100);
    world.refuses = () => undefined;
    leader!.freeze();
    second!.client.retry(second!.client.parked[0]!.key);
    await world.pass(10_000);
    leader!.thaw();
    await world.pass(1_000);
    expect(world.state.marks).toEqual([mark]);
    expect([leader, second, third].map((tab) => tab!.client.parked)).toEqual([[], [], []]);
    expect([leader, second, third].map((tab) => tab!.marks)).toEqual([[mark], [mark], [mark]]);
  });

  it("[CL-5] a follower withdraws a draft that was not sent, and stops waiting for one that was", async () => {
    const world = new TabsWorld();
    const [, second, third] = await world.opened(3);
    const statuses: string[] = [];
    const submit = () => {
      const stop = new AbortController();
      const draft = { signal: stop.signal };
      void second!.client
        .submit("note", { mark: `s-${statuses.length}` }, draft)
        .then(({ status }) => statuses.push(status));
      return stop;
    };
    const sent = submit();
    await world.pass(3);
    sent.abort();
    await world.pass(100);
    expect(statuses).toEqual(["undecided"]);
    world.reachable = false;
    world.cutAll();
    await world.pass(10);
    const queued = submit();
    await world.pass(10);
    expect(third!.client.pending).toHaveLength(1);
    queued.abort();
    await world.pass(10);
    expect(statuses).toEqual(["undecided", "withdrawn"]);
    expect(third!.client.pending).toEqual([]);
    world.reachable = true;
    await world.pass(recoveryMs);
    expect(world.state.marks).toEqual(["s-0"]);
    await agreed(world);
  });

  it("[CL-5] requests to a former leader end when the next one leads", async () => {
    const world = new TabsWorld();
    const [leader, second] = await world.opened(2);
    leader!.freeze();
    const stop = new AbortController();
    let status = "";
    void second!.client
      .submit("note", { mark: "x" }, { signal: stop.signal })
      .then((verdict) => (status = verdict.status));
    await world.pass(1);
    stop.abort();
    const verified = second!.client.verify();
    await world.pass(recoveryMs);
    expect(await verified).toBeUndefined();
    expect(status).toBe("undecided");
    expect(world.state.marks).toEqual(["x"]);
  });

  it("[CL-5] any tab pauses and resumes the connection, and the next leader keeps that", async () => {
    const world = new TabsWorld();
    const [leader, second] = await world.opened(2);
    second!.client.pause();
    await world.pass(100);
    expect(world.connections).toBe(0);
    expect(leader!.client.status.reason).toBe("paused");
    expect(second!.client.status.reason).toBe("paused");
    const late = world.open();
    await world.pass(100);
    const mark = second!.submit();
    leader!.close();
    await world.pass(100);
    second!.crash();
    await world.pass(recoveryMs);
    expect(world.lock.holder).toBe(late);
    expect(world.connections).toBe(0);
    expect(late.marks).toEqual([mark]);
    late.client.resume();
    await world.pass(1_000);
    expect(world.state.marks).toEqual([mark]);
    await agreed(world);
  });

  it("[CL-5] a welcome from before a pause does not end the pause", async () => {
    const world = new TabsWorld();
    const [leader, second, third] = await world.opened(3);
    second!.look(true);
    second!.client.pause();
    await world.pass(100);
    leader!.crash();
    await world.pass(recoveryMs);
    expect(world.lock.holder).toBe(second);
    expect(world.connections).toBe(0);
    second!.crash();
    await world.pass(recoveryMs);
    expect(world.lock.holder).toBe(third);
    expect(world.connections).toBe(0);
  });

  it("[CL-5] a late message of an earlier leader is followed only for a short time", async () => {
    const world = new TabsWorld();
    const leads: Message[] = [];
    world.channel.behind = (_, message) => {
      if (message.kind === "lead") leads.push(message);
    };
    const [leader, second, third] = await world.opened(3);
    third!.look(false);
    leader!.close();
    await world.pass(100);
    expect(world.lock.holder).toBe(second);
    world.channel.repeat(third!, leads[0]!);
    third!.submit();
    await world.pass(5_000);
    await agreed(world);
    expect(world.lock.holder).toBe(second);
  });

  it("[CL-5] shows the presence of the tab that set it last, until that tab clears it", async () => {
    const world = new TabsWorld();
    const elsewhere = world.elsewhere();
    const shown = () => {
      const present = new Map<string, unknown>();
      for (const { payload } of elsewhere.of("presence")) {
        for (const { peerId, state } of payload.peers) present.set(peerId, state);
        for (const peerId of payload.gone ?? []) present.delete(peerId);
      }
      return [...present.values()];
    };
    const later = async () => {
      await world.pass(500);
      world.server.elapse(world.now - world.server.now);
      world.pump();
      await world.pass(50);
    };
    const [leader, second, third] = await world.opened(3, { presence: true });
    leader!.client.setPresence({ at: "leader" });
    await later();
    expect(shown()).toEqual([{ at: "leader" }]);
    second!.client.setPresence({ at: "second" });
    await later();
    expect(shown()).toEqual([{ at: "second" }]);
    second!.client.setPresence(null);
    await later();
    expect(shown()).toEqual([{ at: "leader" }]);
    second!.client.setPresence({ at: "second again" });
    leader!.crash();
    await later();
    expect(shown()).toEqual([{ at: "second again" }]);
    third!.client.setPresence({ at: "third" });
    await later();
    expect(shown()).toEqual([{ at: "third" }]);
    third!.close();
    await later();
    expect(shown()).toEqual([{ at: "second again" }]);
    elsewhere.send("presence", { state: { at: "elsewhere" } });
    await later();
    expect(second!.client.peers.map(({ state }) => state)).toEqual([{ at: "elsewhere" }]);
    // Neither a new tab nor a tab without presence changes the presence of another tab.
    second!.client.setPresence(null);
    const late = world.open({ presence: true });
    late.client.setPresence({ at: "late" });
    await later();
    second!.client.setPresence(null);
    const another = world.open({ presence: true });
    await later();
    expect(shown()).toEqual([{ at: "late" }]);
    expect(another.client.peers).toEqual(second!.client.peers);
    expect(late.client.peers).toEqual(second!.client.peers);
  });

  it("[CL-5] [CL-6] a follower verifies its own state, and corrects it", async () => {
    const world = new TabsWorld();
    const [leader, second] = await world.opened(2);
    leader!.submit();
    await world.pass(100);
    const verify = async (tab: Tab) => {
      const verified = tab.client.verify();
      await world.pass(100);
      return verified;
    };
    expect(await verify(second!)).toBe(true);
    // The follower folds an event that is not in the log.
    world.channel.hears = (tab, message) => {
      if (tab === second && message.kind === "item" && message.item.kind === "events") {
        for (const { event } of message.item.events) event.payload["mark"] = "wrong";
      }
      return message;
    };
    world.happens("right");
    await world.pass(100);
    world.channel.hears = (_, message) => message;
    expect([leader!.marks.at(-1), second!.marks.at(-1)]).toEqual(["right", "wrong"]);
    expect(await verify(leader!)).toBe(true);
    expect(await verify(second!)).toBe(false);
    await agreed(world);
    expect(await verify(second!)).toBe(true);
  });

  it.each(Array.from({ length: 24 }, (_, ms) => ms))(
    "[CL-5] [CL-6] verify of a follower reports no difference if an event arrives %i ms later",
    async (ms) => {
      const world = new TabsWorld();
      const [leader, second] = await world.opened(2);
      leader!.submit();
      await world.pass(100);
      const verified = second!.client.verify();
      await world.pass(ms);
      world.happens("meanwhile");
      await world.pass(100);
      expect([true, undefined]).toContain(await verified);
      await agreed(world);
    },
  );

  it("[CL-5] a follower asks for the state if it cannot fold an event", async () => {
    const world = new TabsWorld();
    const [leader, second] = await world.opened(2);
    world.channel.hears = (tab, message) => {
      if (tab === second && message.kind === "item" && message.item.kind === "events") {
        for (const { event } of message.item.events) event.type = "unheard of";
      }
      return message;
    };
    world.happens("right");
    await world.pass(100);
    expect(leader!.marks).toEqual(["right"]);
    await agreed(world);
  });

  it("[CL-5] [WP-11] a tab that missed that the log was replaced, and is ahead of its leader, gets the state when events meet its own", async () => {
    const world = new TabsWorld();
    const [leader, second] = await world.opened(2);
    for (let count = 0; count < 4; count++) world.happens(world.newMark("lost"));
    await world.pass(100);
    expect([leader!.client.eventId, second!.client.eventId]).toEqual([4, 4]);
    const { serverId } = serverOf(world);
    world.channel.hears = (tab, message) =>
      tab === second && message.kind === "item" && message.item.kind === "reset" ? undefined : message;
    world.restoreLog();
    for (let count = 0; count < 2; count++) world.happens(world.newMark("restored"));
    await world.pass(recoveryMs);
    expect(serverOf(world).serverId).toBe(serverId);
    expect([leader!.client.eventId, second!.client.eventId]).toEqual([2, 4]);
    world.channel.hears = (_, message) => message;
    for (let count = 0; count < 3; count++) {
      world.happens(world.newMark("later"));
      await world.pass(100);
    }
    for (const tab of world.tabs) expect(tab.marks).toEqual(world.state.marks);
    expect(second!.client.eventId).toBe(5);
  });

  it("[CL-5] a replaced log resets the state of each tab once", async () => {
    const world = new TabsWorld();
    await world.opened(2);
    for (const tab of world.tabs) tab.submit();
    await world.pass(100);
    const resets: string[] = [];
    for (const { client } of world.tabs) client.on("reset", ({ why }) => resets.push(why));
    // A verdict that was not delivered belongs to the old log.
    world.channel.hears = (tab, message) =>
      tab === world.tabs[1] && message.kind === "item" && message.item.kind === "verdict" ? undefined : message;
    const waiting = world.tabs[1]!.submit();
    await world.pass(100);
    world.channel.hears = (_, message) => message;
    world.replaceLog();
    await world.pass(10);
    const marks = world.tabs.map((tab) => tab.submit());
    // The listener reads the state at once, with the pending drafts in it.
    let shown: readonly string[] = [];
    world.tabs[0]!.client.on("reset", () => (shown = world.tabs[0]!.marks));
    await world.pass(recoveryMs);
    expect(resets).toEqual(["log_replaced", "log_replaced"]);
    expect(shown).toContain(marks[0]);
    world.tabs[1]!.look(true);
    await world.pass(100);
    expect(world.state.marks.toSorted()).toEqual([...marks, waiting].toSorted());
    for (const tab of world.tabs) expect(tab.marks).toEqual(world.state.marks);
  });

  it("[CL-5] a tab whose connection ends for good hands over to another tab", async () => {
    const world = new TabsWorld();
    const old = world.open();
    world.refuses = (type, tab) => (tab === old && type === "connect" ? "forbidden" : undefined);
    await world.pass(100);
    expect(old.client.status).toMatchObject({ status: "closed", reason: "refused" });
    const next = world.open();
    const mark = next.submit();
    await world.pass(100);
    expect(world.lock.holder).toBe(next);
    expect(world.state.marks).toEqual([mark]);
    expect(old.client.status.status).toBe("closed");
  });

  it("[CL-5] with drafts in memory only, each tab works alone", async () => {
    const world = new TabsWorld();
    world.durable = false;
    const tabs = await world.opened(2);
    expect(world.lock.holder).toBeUndefined();
    expect(world.connections).toBe(2);
    for (const tab of tabs) tab.submit();
    await world.pass(100);
    expect(world.channel.posted).toBe(0);
    expect(tabs[0]!.marks).toEqual(world.state.marks);
    expect(tabs[1]!.marks).toEqual(world.state.marks);
  });

  it("[CL-5] [CL-2] a tab with a failed store keeps its drafts in the queue of the others", async () => {
    const world = new TabsWorld();
    const [leader, second, third] = await world.opened(3);
    world.reachable = false;
    world.cutAll();
    const stored = third!.submit();
    await world.pass(10);
    second!.storeFails = true;
    const unstored = second!.submit();
    const more = third!.submit();
    await world.pass(10);
    expect(second!.client.durable).toBe(false);
    expect((await world.stored()).map(({ drafts }) => drafts[0]!.payload["mark"])).toEqual([stored, more]);
    leader!.crash();
    await world.pass(100);
    expect(world.lock.holder).toBe(second);
    world.reachable = true;
    await world.pass(recoveryMs);
    expect(world.state.marks.toSorted()).toEqual([stored, unstored, more].toSorted());
    await agreed(world);
  });

  it("[CL-13] [CL-5] a tab counts as not sent what its leader has not marked", async () => {
    const world = new TabsWorld();
    const [leader, second] = await world.opened(2);
    world.reachable = false;
    world.cutAll();
    await world.pass(10);
    second!.submit();
    await world.pass(20);
    expect((await world.stored()).map((entry) => entry.sentAt)).toEqual([0]);
    const key = second!.client.pending[0]!.key;
    leader!.crash();
    await world.pass(100);
    expect(world.lock.holder).toBe(second);
    const withdrawn = second!.client.withdraw(key);
    await world.pass(100);
    expect(await withdrawn).toBe(true);
    world.reachable = true;
    await world.pass(recoveryMs);
    expect(world.state.marks).toEqual([]);
  });

  it("[CL-13] [CL-5] a tab works alone where the browser allows no channel", async () => {
    const world = new TabsWorld();
    await world.opened(2);
    const alone = world.open({ hasChannel: false });
    const own = alone.submit();
    await world.pass(recoveryMs);
    const other = world.tabs[1]!.submit();
    await world.pass(recoveryMs);
    expect(world.state.marks).toEqual([own, other]);
    await agreed(world, 2);
    expect(alone.client.durable).toBe(true);
  });

  it("[CL-13] [CL-5] what one tab withdraws is not sent by another one that works alone, and what is queued is sent once", async () => {
    const world = new TabsWorld();
    world.reachable = false;
    const first = world.open({ hasChannel: false });
    await world.pass(100);
    const [kept, withdrawn] = [first.submit(), first.submit()];
    await world.pass(100);
    const second = world.open({ hasChannel: false });
    await world.pass(recoveryMs);
    expect(second.client.pending).toHaveLength(2);
    const { key } = first.client.pending.find(({ drafts }) => drafts[0]!.payload["mark"] === withdrawn)!;
    const answered = first.client.withdraw(key);
    await world.pass(100);
    expect(await answered).toBe(true);
    world.reachable = true;
    await world.pass(recoveryMs);
    expect(world.state.marks).toEqual([kept]);
    for (const { client } of [first, second]) expect([client.pending, client.eventId]).toEqual([[], 1]);
  });

  it("[CL-13] [CL-5] a tab that works alone does not withdraw what another one has sent", async () => {
    for (const isDecided of [true, false]) {
      const world = new TabsWorld();
      world.reachable = false;
      const first = world.open({ hasChannel: false });
      await world.pass(100);
      const mark = first.submit();
      await world.pass(100);
      const second = world.open({ hasChannel: false });
      await world.pass(100);
      second.client.pause();
      const { key } = second.client.pending[0]!;
      world.reachable = true;
      if (isDecided) await world.pass(recoveryMs);
      else {
        while ((await world.stored())[0]!.sentAt === 0) await world.pass(1);
        first.crash();
      }
      expect(second.client.pending).toHaveLength(1);
      const withdrawn = second.client.withdraw(key);
      await world.pass(100);
      expect(await withdrawn).toBe(false);
      second.client.resume();
      await world.pass(recoveryMs);
      expect(world.state.marks).toEqual([mark]);
      expect([second.client.pending, second.client.eventId]).toEqual([[], 1]);
    }
  });

  it("[CL-13] [CL-5] of a tab that withdraws a draft and one that works alone and is about to send it, one comes first", async () => {
    /** One tab withdraws the draft `afterMs` after the other has begun to connect. Returns its answer, and what came of it. */
    const race = async (afterMs: number) => {
      const world = new TabsWorld();
      world.reachable = false;
      const first = world.open({ hasChannel: false });
      await world.pass(100);
      first.submit();
      await world.pass(100);
      const second = world.open({ hasChannel: false });
      await world.pass(100);
      first.client.pause();
      world.reachable = true;
      const { key } = first.client.pending[0]!;
      for (let ms = 0; ms < recoveryMs && second.client.status.status !== "connecting"; ms++) await world.pass(1);
      await world.pass(afterMs);
      const withdrawn = first.client.withdraw(key);
      await world.pass(recoveryMs);
      first.client.resume();
      await world.pass(recoveryMs);
      for (const { client } of [first, second]) expect([client.pending, await world.stored()]).toEqual([[], []]);
      return { withdrawn: await withdrawn, isInLog: world.state.marks.length === 1 };
    };
    const results = [];
    for (let afterMs = 0; afterMs < 30; afterMs++) results.push(await race(afterMs));
    expect(results.filter(({ withdrawn, isInLog }) => withdrawn === isInLog)).toEqual([]);
    expect(new Set(results.map(({ withdrawn }) => withdrawn))).toEqual(new Set([true, false]));
  });

  it("[CL-13] [CL-5] [CL-6] what a tab that works alone has had accepted is never reported as withdrawn to the tab that waits for it", async () => {
    const world = new TabsWorld();
    const [own] = await world.opened(1);
    own!.client.pause();
    const mark = own!.submit();
    await world.pass(10);
    // It knows the draft from the store, and leads.
    const leader = world.open();
    await world.pass(100);
    own!.freeze();
    await world.pass(10_000);
    expect(world.lock.holder).toBe(leader);
    own!.thaw();
    await world.pass(100);
    const alone = world.open({ hasChannel: false });
    await world.pass(recoveryMs);
    expect([world.state.marks, await world.stored()]).toEqual([[mark], []]);
    expect(own!.client.pending).toHaveLength(1);
    own!.client.resume();
    await world.pass(recoveryMs);
    expect(world.submissions.map(({ verdict }) => verdict?.status)).toEqual(["accepted"]);
    expect(world.state.marks).toEqual([mark]);
    for (const { client } of [own!, leader, alone]) expect([client.pending, client.eventId]).toEqual([[], 1]);
  });

  it("[CL-13] [CL-5] a tab that missed that a draft was withdrawn does not send it when it leads", async () => {
    const world = new TabsWorld();
    world.reachable = false;
    const [leader] = await world.opened(1);
    const marks = [leader!.submit(), leader!.submit()];
    await world.pass(100);
    // It has both from the store.
    const [second] = await world.opened(1);
    world.channel.hears = (tab, message) =>
      tab === second && message.kind === "item" && message.item.kind === "verdict" ? undefined : message;
    const withdrawn = leader!.client.withdraw(leader!.client.pending[1]!.key);
    await world.pass(100);
    expect([await withdrawn, second!.marks]).toEqual([true, marks]);
    leader!.crash();
    await world.pass(100);
    expect([world.lock.holder, second!.marks]).toEqual([second, [marks[0]]]);
    world.reachable = true;
    await world.pass(recoveryMs);
    expect([world.state.marks, second!.client.pending, await world.stored()]).toEqual([[marks[0]], [], []]);
  });

  it("[CL-13] [CL-5] a tab that hears of a withdrawal before its welcome does not send the draft when it leads", async () => {
    const world = new TabsWorld();
    world.reachable = false;
    const [leader, second] = await world.opened(2);
    leader!.submit();
    second!.submit();
    await world.pass(100);
    expect(second!.marks).toHaveLength(2);
    world.channel.hears = (tab, message) => (tab === second && message.kind === "welcome" ? undefined : message);
    second!.look(true);
    await world.pass(100);
    const { pending } = leader!.client;
    const withdrawn = Promise.all(pending.map(({ key }) => leader!.client.withdraw(key)));
    await world.pass(100);
    expect(await withdrawn).toEqual([true, true]);
    leader!.crash();
    world.reachable = true;
    await world.pass(recoveryMs);
    expect([world.lock.holder, world.state.marks, second!.client.pending]).toEqual([second, [], []]);
    expect(world.submissions[1]!.verdict?.status).toBe("withdrawn");
  });

  it("[CL-13] [CL-5] a tab whose channel breaks does not send what it knows from another one that has withdrawn it", async () => {
    const world = new TabsWorld();
    world.reachable = false;
    const [leader, second] = await world.opened(2);
    leader!.submit();
    await world.pass(100);
    expect(second!.client.pending).toHaveLength(1);
    world.channel.hears = (tab, message) => (tab === second && message.kind === "item" ? undefined : message);
    const withdrawn = leader!.client.withdraw(leader!.client.pending[0]!.key);
    await world.pass(100);
    expect(await withdrawn).toBe(true);
    second!.channelThrows = true;
    const own = second!.submit();
    world.reachable = true;
    await world.pass(recoveryMs);
    expect([world.state.marks, second!.client.pending, second!.marks]).toEqual([[own], [], [own]]);
  });

  it("[CL-13] [CL-5] the next leader sends what the store does not have yet, also of a tab that has ended", async () => {
    const world = new TabsWorld();
    world.reachable = false;
    const [leader, second] = await world.opened(2);
    const { storage } = world;
    const open = async (scope: string) => {
      const store = await storage(scope);
      const append = store.append.bind(store);
      store.append = (entry) => new Promise((resolve) => world.after(1_000, () => resolve(append(entry))));
      return store;
    };
    world.storage = Object.assign(open, storage);
    const third = world.open();
    await world.pass(100);
    const mark = third.submit();
    await world.pass(100);
    void third.client.close();
    leader!.crash();
    await world.pass(100);
    expect([world.lock.holder, await world.stored()]).toEqual([second, []]);
    await world.pass(1_000);
    world.reachable = true;
    await world.pass(recoveryMs);
    expect([world.state.marks, second!.client.pending]).toEqual([[mark], []]);
  });

  it("[CL-13] [CL-5] a draft of another tab that was accepted is not reported as withdrawn to a tab that leads meanwhile", async () => {
    const world = new TabsWorld();
    world.reachable = false;
    const [leader] = await world.opened(1);
    const mark = leader!.submit();
    await world.pass(100);
    const [second] = await world.opened(1);
    world.channel.hears = (tab, message) => {
      if (message.kind === "ask") return undefined;
      return tab === second && message.kind === "item" ? undefined : message;
    };
    const withdrawn = second!.client.withdraw(second!.client.pending[0]!.key);
    world.reachable = true;
    await world.pass(recoveryMs);
    expect([world.state.marks, await world.stored(), second!.marks]).toEqual([[mark], [], [mark]]);
    leader!.crash();
    await world.pass(recoveryMs);
    expect([world.lock.holder, await withdrawn, second!.client.pending]).toEqual([second, false, []]);
    expect(world.state.marks).toEqual([mark]);
  });

  it("[CL-13] [CL-5] a tab whose store has failed withdraws by its leader what was not sent", async () => {
    const world = new TabsWorld();
    const [leader, second] = await world.opened(2);
    world.reachable = false;
    world.cutAll();
    await world.pass(10);
    second!.storeFails = true;
    second!.submit();
    await world.pass(100);
    expect([second!.client.durable, leader!.client.pending.length]).toEqual([false, 1]);
    const withdrawn = second!.client.withdraw(second!.client.pending[0]!.key);
    await world.pass(100);
    expect(await withdrawn).toBe(true);
    world.reachable = true;
    await world.pass(recoveryMs);
    expect(world.state.marks).toEqual([]);
  });

  it("[CL-13] [CL-5] a tab without a channel has one engine, and every draft of two such tabs is decided", async () => {
    const world = new TabsWorld();
    world.reachable = false;
    const first = world.open({ hasChannel: false });
    await world.pass(100);
    const marks = [first.submit(), first.submit()];
    await world.pass(100);
    const second = world.open({ hasChannel: false });
    marks.push(second.submit());
    await world.pass(recoveryMs);
    world.reachable = true;
    await world.pass(recoveryMs);
    expect(world.state.marks.toSorted()).toEqual(marks.toSorted());
    expect(world.connections).toBe(2);
    for (const { client, reports } of [first, second]) {
      expect([client.pending, client.eventId]).toEqual([[], 3]);
      expect(reports.filter((report) => report.includes("protocol_error"))).toEqual([]);
    }
    // What it waited for is its turn now.
    first.close();
    await world.pass(recoveryMs);
    expect(world.connections).toBe(1);
  });

  it.each([
    ["the leader", 0, true],
    ["a tab that follows", 1, true],
    ["a tab that follows, with a connection", 1, false],
  ])("[CL-13] [CL-5] if the channel of %s throws, it works alone, and nothing is lost", async (_, at, isOffline) => {
    const world = new TabsWorld();
    const tabs = await world.opened(3);
    if (isOffline) {
      world.reachable = false;
      world.cutAll();
    }
    const marks = tabs.map((tab) => tab.submit());
    await world.pass(10);
    tabs[at]!.channelThrows = true;
    marks.push(...tabs.map((tab) => tab.submit()));
    world.reachable = true;
    await world.pass(recoveryMs);
    marks.push(...tabs.map((tab) => tab.submit()));
    await world.pass(recoveryMs);
    expect(world.state.marks.toSorted()).toEqual(marks.toSorted());
    await agreed(world, 2);
  });

  it("[CL-5] only the leader saves the base", async () => {
    const world = new TabsWorld();
    await world.opened(3);
    world.tabs[1]!.submit();
    await world.pass(recoveryMs);
    expect(world.tabs.map(({ bases }) => bases)).toEqual([1, 0, 0]);
  });

  it("[CL-5] [LC-5] the tabs reconnect once when the server restarts", async () => {
    const world = new TabsWorld();
    await world.opened(4);
    world.reachable = false;
    world.cutAll();
    for (const tab of world.tabs) tab.submit();
    await world.pass(5_000);
    world.reachable = true;
    const before = world.dials;
    await world.pass(recoveryMs);
    expect(world.dials - before).toBe(1);
    await agreed(world);
  });

  it.each(["before", "behind"] as const)("[CL-5] [CL-2] the leader may crash %s any message", async (when) => {
    let messages = 0;
    for (let at = 0; at === 0 || at <= messages; at++) {
      const world = new TabsWorld();
      const [leader, second, third] = await world.opened(3);
      let said = 0;
      world.channel[when] = (tab) => {
        if (tab === leader && ++said === at) leader!.crash();
        return true;
      };
      leader!.submit();
      second!.submitBatch("sequential");
      await world.pass(2);
      third!.submit("door");
      const late = world.open();
      late.submit();
      await world.pass(3);
      second!.submit("door");
      world.cutAll();
      leader!.submit();
      await world.pass(50);
      third!.submit();
      void second!.client.verify();
      await world.pass(recoveryMs);
      await agreed(world);
      // The number of messages without a crash.
      if (at === 0) messages = said;
    }
    expect(messages).toBeGreaterThan(20);
  });

  it.each(Array.from({ length: seeds }, (_, at) => firstSeed + at))(
    "[CL-5] [CL-2] after random faults with seed %i all tabs agree",
    async (seed) => {
      await storm(seed);
    },
  );
});

describe("the browser implementation of tabs", () => {
  afterEach(() => vi.unstubAllGlobals());

  const events = () => ({ held: vi.fn(), lost: vi.fn() });
  const turn = () => new Promise<void>((resolve) => setImmediate(resolve));

  /** The used part of `navigator.locks`, with one lock that `request` controls. */
  function stubLocks(request: (name: string, options: LockOptions, held: () => unknown) => Promise<unknown>) {
    const spy = vi.fn(request);
    vi.stubGlobal("navigator", { locks: { request: spy } });
    return spy;
  }

  it("[CL-5] are not supported without Web Locks or BroadcastChannel", () => {
    vi.stubGlobal("navigator", {});
    expect(tabsSupported()).toBe(false);
    stubLocks(async () => {});
    expect(tabsSupported()).toBe(true);
    vi.stubGlobal("BroadcastChannel", undefined);
    expect(tabsSupported()).toBe(false);
  });

  it("[CL-5] each tab leads itself if the browser refuses locks", async () => {
    stubLocks(() => Promise.reject(new DOMException("no", "SecurityError")));
    const { held, lost } = events();
    browserTabs("x", broadcastChannel).lock(false, { held, lost });
    await turn();
    expect(held).toHaveBeenCalledOnce();
    expect(lost).not.toHaveBeenCalled();
  });

  it("[CL-5] reports a stolen lock, and nothing after it was released", async () => {
    let steal = () => {};
    stubLocks(
      (_, __, held) =>
        new Promise((resolve, reject) => {
          steal = () => reject(new DOMException("stolen", "AbortError"));
          void Promise.resolve(held()).then(resolve);
        }),
    );
    const stolen = events();
    browserTabs("x", broadcastChannel).lock(false, stolen);
    steal();
    await turn();
    expect(stolen.held).toHaveBeenCalledOnce();
    expect(stolen.lost).toHaveBeenCalledOnce();
    const released = events();
    const letGo = browserTabs("x", broadcastChannel).lock(false, released);
    letGo();
    steal();
    await turn();
    expect(released.lost).not.toHaveBeenCalled();
  });

  it("[CL-5] stops waiting for a released lock, and does not hold it if it is granted late", async () => {
    let grant = () => {};
    const request = stubLocks((_, options, held) => {
      grant = () => void held();
      return new Promise((_resolve, reject) => {
        options.signal!.addEventListener("abort", () => reject(new DOMException("no", "AbortError")));
      });
    });
    const { held, lost } = events();
    browserTabs("x", broadcastChannel).lock(false, { held, lost })();
    grant();
    await turn();
    expect(held).not.toHaveBeenCalled();
    expect(lost).not.toHaveBeenCalled();
    expect(request.mock.calls[0]![1].signal!.aborted).toBe(true);
    void browserTabs("x", broadcastChannel).lock(true, { held, lost });
    // A stealing request may have no signal.
    expect(request.mock.calls[1]![1]).toEqual({ steal: true });
  });

  it("[CL-5] is the default with the default store, and optional with another store", async () => {
    const request = stubLocks(() => new Promise(() => {}));
    const folder = mkdtempSync(join(tmpdir(), "tabs-"));
    const options = { url: "ws://127.0.0.1:9", partition: "room", model: insieme };
    const names = async (...all: Parameters<typeof createClient>[0][]) => {
      const clients = all.map((one) => createClient(one));
      // It waits for a lock, or connects alone.
      const begun = () => clients.filter(({ status }) => status.reason !== "new").length + request.mock.calls.length;
      await expect.poll(begun).toBe(clients.length);
      await Promise.all(clients.map((client) => client.close()));
      return request.mock.calls.splice(0).map(([name]) => name);
    };
    const store = sqliteStore(join(folder, "queue.sqlite"));
    // Memory is not shared.
    expect(await names(options as never, { ...options, store: memoryStore(), tabs: true } as never)).toEqual([]);
    expect(await names({ ...options, store } as never)).toEqual([]);
    const [one, two, ...others] = await names(
      { ...options, store, tabs: true } as never,
      { ...options, store, tabs: true } as never,
      { ...options, store, tabs: true, principal: "ada" } as never,
      { ...options, store, tabs: true, presence: true } as never,
      { ...options, store, tabs: true, partition: "another" } as never,
    );
    expect(one).toBe(two);
    expect(new Set([one, ...others]).size).toBe(4);
    rmSync(folder, { recursive: true });
  });
});
