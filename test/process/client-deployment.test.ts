import { fileURLToPath } from "node:url";
import { afterAll, beforeAll, expect, test } from "vitest";
import { canonicalJson } from "../../src/protocol/canonical.ts";
import { bounds, type Json } from "../../src/protocol/index.ts";
import { type InsiemeClient, patientClient, until } from "../support/client-load.ts";
import { readLog } from "../support/log.ts";
import { TestServer, workerModules } from "../support/server.ts";

/** `npm run deployment` has 1,000. */
const clients = Number(process.env["PARTITA_CLIENTS"] ?? 40);
/** Drafts of each client around each outage, one after the other. */
const drafts = 4;
/** The first window of the backoff, which doubles with each failure, and the longest. */
const windowMs = 250;
const windowMsMax = 30_000;
const partition = "deployment";
const nextBuild = fileURLToPath(new URL("deployment/worker.ts", import.meta.url));

const server = new TestServer();
beforeAll(async () => {
  await server.start();
  // Built before a deployment, and not while clients wait for it.
  await workerModules(nextBuild);
});
afterAll(() => server.stop());

/** A time that a client waits before it connects, in milliseconds, and whether the server has said how long at least. */
interface Delay {
  ms: number;
  isTold: boolean;
}

/** A client that submits, and what was measured of it. */
class Device {
  readonly client: InsiemeClient;
  /** Of its verdicts. */
  readonly statuses: string[] = [];
  /** The delays since it was online. */
  delays: Delay[] = [];
  /** Those of all outages: after one failure, after two, and so on. */
  readonly allDelays: Delay[][] = [];
  attempts = 0;
  /** When it was online again. */
  backAt: number | undefined;
  readonly #at: number;
  #submitted = 0;
  #online = false;

  constructor(at: number) {
    this.#at = at;
    this.client = patientClient(
      { url: server.url.href, partition, at },
      { attempt: () => this.attempts++, delay: (ms, isTold) => this.delays.push({ ms, isTold }) },
    );
    this.client.on("status", ({ status }) => {
      const wasOnline = this.#online;
      this.#online = status === "online";
      // It can be held, too, while it is online.
      if (wasOnline || !this.#online) return;
      this.backAt = Date.now();
      this.allDelays.push(this.delays);
      this.delays = [];
    });
  }

  async submit(accepted: () => void): Promise<void> {
    for (let count = 0; count < drafts; count++) {
      const target = `n-${this.#at}-${this.#submitted++}`;
      const { status } = await this.client.submit("set", { target, value: count });
      this.statuses.push(status);
      accepted();
    }
  }
}

/** All submit; after a quarter of the verdicts `interrupt` runs. Returns when all have all verdicts, and are online. */
async function outage(name: string, devices: readonly Device[], interrupt: () => Promise<void>) {
  let [accepted, readyAt, firstAt] = [0, Number.POSITIVE_INFINITY, 0];
  let isQuarter: () => void = () => {};
  const quarter = new Promise<void>((resolve) => (isQuarter = resolve));
  const submitted = devices.map((device) =>
    device.submit(() => {
      if (++accepted === Math.ceil((clients * drafts) / 4)) isQuarter();
      if (firstAt === 0 && Date.now() >= readyAt) firstAt = Date.now();
    }),
  );
  await quarter;
  for (const device of devices) Object.assign(device, { attempts: 0, backAt: undefined });
  await interrupt();
  readyAt = Date.now();
  await Promise.all(submitted);
  await Promise.all(devices.map(({ client, backAt }) => backAt ?? until(client, () => isBack(client))));
  const waits = devices.map(({ backAt }) => Math.max(0, backAt! - readyAt)).toSorted((a, b) => a - b);
  const at = (share: number) => waits[Math.ceil(waits.length * share) - 1];
  const attempts = devices.reduce((sum, device) => sum + device.attempts, 0);
  console.log(
    `${name}: ${clients} clients are back ${at(0.5)} ms (median), ${at(0.99)} ms (p99), ${at(1)} ms (last) after the server; ` +
      `the first commit after ${firstAt === 0 ? "-" : firstAt - readyAt} ms; ${(attempts / clients).toFixed(1)} attempts a client`,
  );
}

const isBack = (client: InsiemeClient) => client.status.status === "online";

test(
  `[LC-5] [LC-1] [LC-13] [ID-1] ${clients} clients that submit go through two deployments and a drain: nothing is lost, nothing is done twice, and they come back spread over time`,
  {
    // Time decides nothing: a busy machine needs a minute for a hundred.
    timeout: 240_000 + clients * 1_000,
  },
  async () => {
    const devices = Array.from({ length: clients }, (_, at) => new Device(at));
    await Promise.all(devices.map(({ client }) => until(client, () => isBack(client))));
    await devices[0]!.client.submit("init", { value: {} });
    await Promise.all(devices.map(({ client }) => until(client, () => client.eventId === 1)));
    for (const { allDelays } of devices) allDelays.length = 0;
    const build = async () => (await fetch(new URL("build", server.url))).text();

    await outage("another build", devices, () => server.deploy(nextBuild));
    expect(await build()).toBe("next");
    await outage("a drain", devices, async () => {
      const drain = new URL(`v1/partitions/${partition}/drain`, server.url);
      expect((await fetch(drain, { method: "POST", body: JSON.stringify({ seconds: 1 }) })).status).toBe(200);
    });
    await outage("the first build again", devices, () => server.deploy(undefined));
    expect(await build()).not.toBe("next");

    const all = clients * drafts * 3;
    expect(devices.flatMap(({ statuses }) => statuses)).toEqual(Array.from({ length: all }, () => "accepted"));
    const log = await readLog(server.url, partition);
    expect(log.map(({ eventId }) => eventId)).toEqual(Array.from({ length: all + 1 }, (_, at) => at + 1));
    const targets = log.slice(1).map(({ event }) => event.payload["target"]);
    const expected = devices.flatMap((_, at) => Array.from({ length: drafts * 3 }, (__, count) => `n-${at}-${count}`));
    expect(targets.toSorted()).toEqual(expected.toSorted());
    await Promise.all(devices.map(({ client }) => until(client, () => client.eventId === all + 1)));
    const states = new Set(devices.map(({ client }) => canonicalJson(client.state as Json)));
    expect(states.size).toBe(1);

    for (const { allDelays } of devices) {
      // Each outage has ended its connection, and it has waited before each attempt.
      expect(allDelays).toHaveLength(3);
      for (const delays of allDelays) expect(delays.length).toBeGreaterThan(0);
      // Attempts that fail soon after another one are failures in a row. A drain says itself when to come back.
      let failures = 0;
      for (const [outageAt, delays] of allDelays.entries())
        for (const { ms, isTold } of delays) {
          const most = Math.min(windowMs * 2 ** failures++, windowMsMax);
          // Of many who come back some get a turn.
          const turn = isTold ? bounds.catchUpWaitMsMax : 0;
          if (outageAt !== 1) expect(ms).toBeLessThanOrEqual(most + turn);
        }
    }
    // They do not come back at the same time.
    for (const outageAt of [0, 1, 2]) {
      const first = new Set(devices.map(({ allDelays }) => allDelays[outageAt]![0]!.ms));
      expect(first.size).toBeGreaterThan(Math.min(clients, windowMs) / 3);
    }
    await Promise.all(devices.map(({ client }) => client.close()));
  },
);
