// What the tests of the client have in a page: `page.evaluate` calls it.
import { indexedDbStore } from "../../src/client/index.ts";
import {
  type ClientReport,
  ClientLoad,
  hastyTiming,
  type InsiemeClient,
  insiemeClient,
  type LoadOptions,
  until,
  verified,
} from "../support/client-load.ts";

/** What one client went through. */
const loads: ClientLoad[] = [];

/** Clients that edit a tree, as `ClientLoad` says. */
const load = {
  async submit(all: LoadOptions[]): Promise<void> {
    loads.push(...all.map((options) => new ClientLoad(options)));
    await Promise.all(loads.map((one) => one.submit()));
  },
  async settled(): Promise<void> {
    await Promise.all(loads.map((one) => one.settled()));
  },
  async reports(eventId: number): Promise<ClientReport[]> {
    await Promise.all(loads.map((one) => one.caughtUp(eventId)));
    return await Promise.all(loads.map((one) => one.report()));
  },
  conditions: () => loads.map((one) => one.condition),
};

let client: InsiemeClient;

/** One client, with a queue in IndexedDB. */
const one = {
  /** Resolves when its queue is loaded. */
  async open(url: string, partition: string): Promise<void> {
    // Where nobody listens, Chromium itself holds the next attempts back, for up to five seconds each.
    const timing = { ...hastyTiming, connectMs: 10_000 };
    client = insiemeClient({ url, partition, clientId: "one", random: () => 0.5, store: indexedDbStore(), timing });
    await until(client, () => client.durable);
  },
  /** Submits that many values; returns the ids of the drafts. */
  submit(from: number, count: number): string[] {
    return Array.from({ length: count }, (_, at) => {
      void client.submit("set", { target: `notes.n${from + at}`, value: from + at });
      return client.pending.at(-1)!.key;
    });
  },
  undecided: () => client.pending.length,
  head: () => client.eventId,
  text: () => JSON.stringify(client.state),
  /** When nothing waits, and the connection says that all is here. */
  async settled(): Promise<void> {
    await until(client, () => client.status.status === "online" && client.pending.length === 0);
  },
  verified: () => verified(client),
  /** How many entries another reader of the database finds. */
  async stored(url: string, partition: string): Promise<number> {
    const store = await indexedDbStore()(`${new URL(url).host}/${partition}/`);
    const { entries } = await store.load();
    await store.close();
    return entries.length;
  },
};

let lastTick = 0;
let gaps: number[] = [];

/** Whether the page can do anything else: gaps between the ticks of a timer. */
const ticks = {
  start(): void {
    gaps = [];
    lastTick = performance.now();
    const tick = () => {
      const now = performance.now();
      gaps.push(now - lastTick);
      lastTick = now;
      setTimeout(tick, 0);
    };
    tick();
  },
  /** Of the time since the last call. */
  take(): { ms: number; count: number; longestMs: number; p99Ms: number } {
    const sorted = gaps.toSorted((a, b) => a - b);
    gaps = [];
    return {
      ms: sorted.reduce((sum, gap) => sum + gap, 0),
      count: sorted.length,
      longestMs: sorted.at(-1) ?? 0,
      p99Ms: sorted[Math.floor(sorted.length * 0.99)] ?? 0,
    };
  },
};

export const clientPage = { load, one, ticks };
Object.assign(globalThis, { clientPage });
