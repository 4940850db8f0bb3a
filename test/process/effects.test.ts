import { setTimeout as sleep } from "node:timers/promises";
import { fileURLToPath } from "node:url";
import { afterAll, beforeAll, expect, test } from "vitest";
import type { NumberedEvent } from "../../src/protocol/index.ts";
import { nodeName } from "../simulation/effects/model.ts";
import { Random } from "../simulation/random.ts";
import { readLog } from "../support/log.ts";
import { TestServer } from "../support/server.ts";

const partitions = 20;
const eventsEach = 25;
const effectsMax = 3;
const kills = 30;
/** Events between a restart of the server and the next kill. */
const eventsToKillMax = 15;
const downMsMax = 100;

const seed = Number(process.env["PARTITA_SEED"] ?? Math.floor(Math.random() * 2 ** 31));
const random = new Random(seed);
const server = new TestServer({ main: fileURLToPath(new URL("effects/worker.ts", import.meta.url)) });

beforeAll(() => server.start());
afterAll(() => server.stop());

/** An answer of a server that runs; undefined: it does not, or has ended meanwhile. */
async function ask(path: string, init?: RequestInit): Promise<Response | undefined> {
  try {
    const response = await fetch(new URL(path, server.url), init);
    return response.status === 503 ? undefined : response;
  } catch {
    return undefined;
  }
}

/** Submits until there is a verdict. */
async function submit(partition: string, key: string, body: object): Promise<void> {
  const init = {
    method: "POST",
    headers: { "idempotency-key": key, "content-type": "application/json" },
    body: JSON.stringify(body),
  };
  for (;;) {
    const response = await ask(`v1/partitions/${partition}/events`, init);
    if (response?.status === 201) return;
    if (response) throw new Error(`${response.status}: ${await response.text()}`);
    await sleep(20);
  }
}

test("[TX-12] [TX-15] twenty partitions submit to each other while workerd is killed thirty times: each effect is in the log of its receiver once, and in the order of its sender", async () => {
  console.log(`PARTITA_SEED=${seed}`);
  /** The tokens that each pair has sent, in order. */
  const sent = new Map<string, string[]>();
  const progress = { submitted: 0, ended: false };
  const names = Array.from({ length: partitions }, (_, at) => nodeName(at));
  const drive = async (name: string) => {
    for (let count = 0; count < eventsEach; count++) {
      const tell = Array.from({ length: random.between(1, effectsMax) }, (_, n) => {
        const to = random.pick(names.filter((other) => other !== name));
        const token = `${name}.${count}.${n}`;
        const pair = `${name} ${to}`;
        sent.set(pair, [...(sent.get(pair) ?? []), token]);
        return { to, token, answered: false, hops: 0 };
      });
      await submit(name, `d-${count}`, { type: "tell", payload: { tell, post: [], buy: [], end: [] } });
      progress.submitted++;
    }
  };
  const killing = async () => {
    for (let killed = 0; killed < kills; killed++) {
      const until = progress.submitted + random.between(1, eventsToKillMax);
      while (progress.submitted < until && !progress.ended) await sleep(5);
      await server.kill();
      await sleep(random.between(0, downMsMax));
      await server.start();
    }
  };
  const killed = killing();
  await Promise.all(names.map(drive));
  progress.ended = true;
  await killed;

  // What waits is delivered without a request: by alarms.
  for (const name of names) {
    for (;;) {
      const response = await ask(`v1/partitions/${name}/usage`);
      const { usage } = response
        ? ((await response.json()) as { usage: Record<string, { used: number }> })
        : { usage: undefined };
      expect(usage?.["deadLetters"]?.used ?? 0).toBe(0);
      if (usage?.["effects"]?.used === 0) break;
      await sleep(200);
    }
  }
  const logs = new Map<string, NumberedEvent[]>();
  for (const name of names) logs.set(name, await readLog(server.url, name));
  let effects = 0;
  for (const name of names) {
    for (const other of names) {
      const tokens = sent.get(`${other} ${name}`) ?? [];
      const received = logs
        .get(name)!
        .filter(({ event }) => event.type === "told" && event.clientId === `partition:${other}`)
        .map(({ event }) => (event.payload as { token: string }).token);
      expect(received).toEqual(tokens);
      effects += tokens.length;
    }
  }
  expect(progress.submitted).toBe(partitions * eventsEach);
  console.log(`${effects} effects of ${progress.submitted} events, ${kills} kills`);
});
