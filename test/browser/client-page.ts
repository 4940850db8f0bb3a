// The page for the tests of the client: `page.evaluate` calls its functions.
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

/** The results of one client. */
const loads: ClientLoad[] = [];

/** Clients that edit a tree, see `ClientLoad`. */
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
    // If no server listens, Chromium delays the next attempts by up to five seconds each.
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
  /** Resolves when nothing is pending and the client is online. */
  async settled(): Promise<void> {
    await until(client, () => client.status.status === "online" && client.pending.length === 0);
  },
  verified: () => verified(client),
  /** The number of entries that another reader of the database finds. */
  async stored(url: string, partition: string): Promise<number> {
    const store = await indexedDbStore()(`${new URL(url).host}/${partition}/`);
    const { entries } = await store.load();
    await store.close();
    return entries.length;
  },
};

let lastTick = 0;
let gaps: number[] = [];

/** Measures whether the page responds: the gaps between the ticks of a timer. */
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
  /** The longest gap since the last call. */
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
