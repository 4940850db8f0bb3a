// A shop whose server runs, with somebody who orders: what a fault is injected into.
import { setTimeout as sleep } from "node:timers/promises";
import { fileURLToPath } from "node:url";
import { samplesIn } from "../../support/alerts.ts";
import { TestReceiver } from "../../support/courier/receiver.ts";
import { Issuer } from "../../support/issuer.ts";
import { TestServer } from "../../support/server.ts";

/** How long a fault may take to be seen in the metrics: partitions report every ten seconds, and machines are slow. */
const seenMsMax = 120_000;
const lookMs = 500;
const keepMs = 200;

const main = fileURLToPath(new URL("worker.ts", import.meta.url));

/** The events of a healthy shop. */
const healthyOrders = 5;

export class World {
  readonly server: TestServer;
  /** The endpoint of the shop; only in open development mode, where one on this machine is allowed. */
  readonly receiver = new TestReceiver();
  /** Undefined in open development mode. */
  readonly token: string | undefined;
  readonly #issuer: Issuer | undefined;
  #keys = 0;
  #ending = false;
  readonly #kept: Promise<void>[] = [];

  private constructor(server: TestServer, issuer: Issuer | undefined, token: string | undefined) {
    this.server = server;
    this.#issuer = issuer;
    this.token = token;
  }

  /** A shop in which everything is in order. `folder`: of its data. */
  static async begin(identity: "open" | "verified", folder: string): Promise<World> {
    const keys = { PARTITA_WEBHOOK_KEY: Buffer.alloc(32, 7).toString("base64") };
    const issuer = identity === "verified" ? await Issuer.with("a") : undefined;
    const settings = issuer
      ? { ...issuer.settings, ...keys }
      : { PARTITA_IDENTITY: "open", PARTITA_WEBHOOK_LOOPBACK: "on", ...keys };
    const server = new TestServer({ settings, main, folder });
    await server.start();
    const token = await issuer?.token("a", { sub: "ops", permissions: ["*", "admin:*"] });
    const world = new World(server, issuer, token);
    await world.receiver.start();
    if (!issuer) {
      const { secret } = await world.ask("/v1/endpoints/billing", "PUT", { url: world.receiver.url });
      world.receiver.secret = secret;
      await world.ask("/v1/endpoints/billing/activate", "POST");
    }
    for (const shop of ["shop-1", "shop-2", "shop-3"]) {
      for (let at = 0; at < healthyOrders; at++) await world.order(shop, 1);
    }
    await world.until((samples) => sumOf(samples, "partita_events_total") >= 3 * healthyOrders);
    return world;
  }

  /** Does something again and again, as long as the world lasts: a fault goes on while somebody looks for it. */
  keep(act: () => Promise<unknown>): void {
    const goOn = async (): Promise<void> => {
      for (; !this.#ending; await sleep(keepMs)) await act();
    };
    this.#kept.push(goOn());
  }

  async end(): Promise<void> {
    this.#ending = true;
    await Promise.allSettled(this.#kept);
    await this.receiver.stop();
    await this.server.stop();
    await this.#issuer?.close();
  }

  // An answer as a fault needs it
  async ask(
    path: string,
    method = "GET",
    body?: unknown,
    headers: Readonly<Record<string, string>> = {},
  ): Promise<any> {
    const response = await fetch(new URL(path, this.server.url), {
      method,
      headers: { ...(this.token === undefined ? {} : { authorization: `Bearer ${this.token}` }), ...headers },
      ...(body === undefined ? {} : { body: JSON.stringify(body) }),
    });
    const text = await response.text();
    return { status: response.status, ...(text === "" ? {} : (JSON.parse(text) as object)) };
  }

  /** Orders from a shop. */
  async order(shop: string, count: number, note = ""): Promise<void> {
    const event = { type: "order", payload: { count, note } };
    await this.ask(`/v1/partitions/${shop}/events`, "POST", event, { "idempotency-key": `o${++this.#keys}` });
  }

  /** Adds events to a board, by a client. */
  async flood(board: string, client: string, count: number): Promise<void> {
    const key = `b${++this.#keys}`;
    const events = Array.from({ length: count }, (_, at) => ({
      draftId: `${key}-${at}`,
      event: { type: "set", payload: { target: `t${at % 10}`, value: { at } } },
    }));
    await this.ask(
      `/v1/partitions/${board}/events`,
      "POST",
      { mode: "sequential", events },
      {
        "idempotency-key": key,
        "partita-client-id": client,
      },
    );
  }

  async scrape(): Promise<string> {
    const response = await fetch(new URL("/metrics", this.server.url), {
      headers: this.token === undefined ? {} : { authorization: `Bearer ${this.token}` },
    });
    if (!response.ok) throw new Error(`/metrics answered ${response.status}`);
    return await response.text();
  }

  /**
   * The first scrape that shows something. `nudge`: what happens meanwhile, because a partition reports only while it is
   * used; absent: an order that came already is sent again.
   */
  async until(
    shows: (samples: ReadonlyMap<string, number>) => boolean,
    nudge: () => Promise<unknown> = () => this.#again(),
  ): Promise<string> {
    for (const end = Date.now() + seenMsMax; Date.now() < end; await sleep(lookMs)) {
      await nudge();
      const text = await this.scrape();
      if (shows(samplesIn(text))) return text;
    }
    throw new Error("the metrics do not show it");
  }

  /** Sends the first order of each shop again: it counts once. */
  async #again(): Promise<void> {
    const event = { type: "order", payload: { count: 1, note: "" } };
    const keys = ["o1", `o${healthyOrders + 1}`, `o${2 * healthyOrders + 1}`];
    await Promise.all(
      keys.map((key, at) =>
        this.ask(`/v1/partitions/shop-${at + 1}/events`, "POST", event, { "idempotency-key": key }),
      ),
    );
  }
}

/** The sum of the samples of a name, with these labels. */
export function sumOf(samples: ReadonlyMap<string, number>, name: string, ...labels: readonly string[]): number {
  let sum = 0;
  for (const [series, value] of samples) {
    if (series.startsWith(`${name}{`) && labels.every((label) => series.includes(label))) sum += value;
  }
  return sum;
}

const minutes = 120;
/** From this minute on there is the fault. */
export const faultAt = 60;
export const lastMinute = minutes - 1;

/**
 * Two hours of scrapes, one a minute, made of three: before the fault, when it had begun, and later. Counters grow
 * evenly up to the first, and from there to the last one; gauges go from the second to the last one.
 */
export function timeline(before: string, begun: string, later: string): string[] {
  const [a, b, c] = [samplesIn(before), samplesIn(begun), samplesIn(later)];
  const names = new Set([...a.keys(), ...b.keys(), ...c.keys()]);
  return Array.from({ length: minutes }, (_, minute) => {
    const lines: string[] = [];
    for (const name of names) {
      const isCounter = name.includes("_total{");
      const at = (samples: Samples) => samples.get(name) ?? (isCounter ? 0 : undefined);
      const [one, two, three] = [at(a), at(b), at(c)];
      const share = (minute - faultAt + 1) / (minutes - faultAt);
      if (minute < faultAt) {
        if (one !== undefined) lines.push(`${name} ${isCounter ? (one * (minute + 1)) / faultAt : one}`);
      } else {
        const from = isCounter ? one : two;
        if (from !== undefined && three !== undefined) lines.push(`${name} ${from + (three - from) * share}`);
      }
    }
    return lines.join("\n");
  });
}

type Samples = ReadonlyMap<string, number>;
