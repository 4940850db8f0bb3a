// Faults of a shop, each with the way from its alert to its cause.
import { readdirSync } from "node:fs";
import { join } from "node:path";
import { DatabaseSync } from "node:sqlite";
import { sumOf, type World } from "./world.ts";

/** A page of the console. */
interface ShownAt {
  /** Its address, as `~/limits`; of a partition that the alert or a page before has named. */
  hash: string;
  /** A name to choose in it before it shows that. */
  choose?: string;
  shows: RegExp;
}

export interface Fault {
  /** What is wrong, in words. */
  cause: string;
  identity: "open" | "verified";
  alert: string;
  /** Injects it, and returns a scrape that shows it. */
  inject(world: World, folder: string): Promise<string>;
  /** It goes on. Returns a later scrape. */
  goesOn(world: World): Promise<string>;
  /** The pages that lead to the cause, which the section of the runbook names. */
  console: readonly ShownAt[];
}

const isHot = (samples: ReadonlyMap<string, number>) =>
  sumOf(samples, "partita_partition_events_per_second", 'partition="board-1"') > 110;
const waiting = (samples: ReadonlyMap<string, number>) => sumOf(samples, "partita_effects");
const rejected = 5_000;
/** Bytes of the log that the tenant is given. */
const logBytes = 200_000;

/** The faults, by name. */
export const faults: Readonly<Record<string, Fault>> = {
  endpoint: {
    cause: "The endpoint billing does not answer.",
    identity: "open",
    alert: "PartitaEndpointFails",
    async inject(world) {
      await world.receiver.stop();
      return await world.until(
        (samples) => sumOf(samples, "partita_endpoints_failing") > 0,
        () => world.order("shop-1", 1),
      );
    },
    goesOn: (world) => world.scrape(),
    console: [{ hash: "~/endpoints", choose: "billing", shows: /Nothing delivered since/ }],
  },
  hot: {
    cause: "The client crawler floods board-1.",
    identity: "open",
    alert: "PartitaHotPartition",
    async inject(world) {
      world.keep(() => Promise.all([1, 2, 3].map(() => world.flood("board-1", "crawler", 100))));
      return await world.until(isHot);
    },
    goesOn: (world) => world.until(isHot),
    console: [
      { hash: "", shows: /board-1 [\d.]+ events a second/ },
      { hash: "board-1/log", shows: /crawler/ },
    ],
  },
  damaged: {
    cause: "The event 3 of shop-2 is damaged on the disk.",
    identity: "verified",
    alert: "PartitaQuarantine",
    async inject(world, folder) {
      await world.server.kill();
      damage(folder, "shop-2", 3);
      await world.server.start();
      return await world.until(
        (samples) => sumOf(samples, "partita_refusals_total", 'code="quarantined"') > 0,
        () => world.order("shop-2", 1),
      );
    },
    async goesOn(world) {
      const before = await world.scrape();
      const count = (text: string) => Number(/^partita_refusals_total\{.*code="quarantined"\} (\d+)$/m.exec(text)?.[1]);
      return await world.until(
        (samples) => sumOf(samples, "partita_refusals_total", 'code="quarantined"') > count(before),
        () => world.order("shop-2", 1),
      );
    },
    console: [
      { hash: "", shows: /shop-2 quarantined/ },
      { hash: "shop-2/health", shows: /Event 3 |event 3\b/ },
    ],
  },
  limit: {
    cause: "Somebody has set the limit of logs to 200,000 bytes, because of the bill.",
    identity: "verified",
    alert: "PartitaBoundAt90Percent",
    async inject(world) {
      await world.ask("/v1/limits", "PUT", { logBytes }, { "partita-reason": "the%20bill" });
      return await world.until(
        (samples) => sumOf(samples, "partita_fullness", 'bound="log_bytes"', 'partition="shop-3"') > 0.9,
        () => world.order("shop-3", 1, "x".repeat(8_000)),
      );
    },
    goesOn: (world) => world.scrape(),
    console: [
      { hash: "shop-3/health", shows: /Log bytes/ },
      { hash: "~/limits", shows: /logBytes\s*200,000\s*the tenant/ },
      { hash: "~/actions", shows: /the bill/ },
    ],
  },
  paused: {
    cause: "Somebody has paused the effects of the tenant for a migration, and has forgotten it.",
    identity: "verified",
    alert: "PartitaOutboxGrows",
    async inject(world) {
      await world.ask("/v1/limits", "PUT", { effects: "paused" }, { "partita-reason": "migration%20of%20the%20stock" });
      return await world.until(
        (samples) => waiting(samples) > 20,
        () => world.order("shop-1", 1),
      );
    },
    goesOn: (world) =>
      world.until(
        (samples) => waiting(samples) > 160,
        () => Promise.all(Array.from({ length: 8 }, () => world.order("shop-1", 1))),
      ),
    console: [
      { hash: "~/limits", shows: /Effects: paused/ },
      { hash: "~/actions", shows: /migration of the stock/ },
    ],
  },
  rejected: {
    cause: "An order over 5,000 pieces is not accepted by the stock.",
    identity: "verified",
    alert: "PartitaDeadLetters",
    async inject(world) {
      await world.order("shop-1", rejected);
      return await world.until((samples) => sumOf(samples, "partita_effects_total", 'result="dead"') > 0);
    },
    async goesOn(world) {
      await world.order("shop-1", rejected);
      return await world.until((samples) => sumOf(samples, "partita_effects_total", 'result="dead"') > 1);
    },
    console: [{ hash: "~/letters", choose: "shop-1", shows: /There are not so many in stock\./ }],
  },
};

/** Damages an event in the file of a partition, whose server does not run. */
function damage(folder: string, partition: string, eventId: number): void {
  for (const name of readdirSync(folder, { recursive: true, encoding: "utf8" })) {
    if (!name.endsWith(".sqlite")) continue;
    const database = new DatabaseSync(join(folder, name));
    try {
      if (!isOf(database, partition)) continue;
      database.exec(
        `DROP TRIGGER events_are_not_changed; UPDATE events SET payload = x'7b' WHERE event_id = ${eventId}`,
      );
      return;
    } finally {
      database.close();
    }
  }
  throw new Error(`no file is that of ${partition}`);
}

/** Whether a database is that of a shop: the drafts of the second one have these keys. */
function isOf(database: DatabaseSync, partition: string): boolean {
  try {
    const [row] = database.prepare("SELECT draft_id FROM events WHERE event_id = 1").all();
    return row?.["draft_id"] === firstKeys[partition];
  } catch {
    return false;
  }
}

/** The keys of the first order of each shop. */
const firstKeys: Readonly<Record<string, string>> = { "shop-1": "o1", "shop-2": "o6", "shop-3": "o11" };
