import { setTimeout as sleep } from "node:timers/promises";
import { afterAll, beforeAll, expect, test } from "vitest";
import { Random } from "../simulation/random.ts";
import { type InsiemeClient, insiemeClient, until, verified } from "../support/client-load.ts";
import { readDraftIds, readLog, readState } from "../support/log.ts";
import { TestServer } from "../support/server.ts";

const clients = 4;
const draftsEach = 500;
const kills = 20;
/** Drafts of one client in flight: few, so that the run lasts longer than the kills. */
const pendingMax = 16;
/** Verdicts between a restart of the server and the next kill. */
const verdictsToKillMax = 20;
const downMsMax = 200;
const partition = "killed";

const seed = Number(process.env["PARTITA_SEED"] ?? Math.floor(Math.random() * 2 ** 31));
const random = new Random(seed);
const server = new TestServer();

beforeAll(() => server.start());
afterAll(() => server.stop());

interface Outcome {
  draftId: string;
  status: string;
  eventId: number | undefined;
}

/** Submits drafts one after the other; returns their verdicts in the order of submission. */
async function submitAll(client: InsiemeClient, clientId: string, onVerdict: () => void): Promise<Outcome[]> {
  const outcomes: Promise<Outcome>[] = [];
  for (let count = 0; count < draftsEach; count++) {
    const verdict = client.submit("set", { target: `${clientId}.n${count}`, value: count });
    const { key: draftId } = client.pending.at(-1)!;
    outcomes.push(
      verdict.then((final) => {
        onVerdict();
        return { draftId, status: final.status, eventId: final.status === "accepted" ? final.eventId : undefined };
      }),
    );
    await until(client, () => client.pending.length < pendingMax);
  }
  return await Promise.all(outcomes);
}

test("[LC-1] [CL-6] [ID-14] [WP-5] kill -9 of the server, twenty times while four clients submit 2,000 drafts: each gets its verdict, and is in the log once, in the order of its client", async () => {
  console.log(`PARTITA_SEED=${seed}`);
  const names = Array.from({ length: clients }, (_, at) => `client-${at}`);
  const all = names.map((clientId) =>
    insiemeClient({ url: server.url.href, partition, clientId, random: () => random.next() }),
  );
  let killed = 0;
  let verdicts = 0;
  let toKill = verdictsToKillMax;
  let down = false;
  let restarting: Promise<void> = Promise.resolve();
  const killAndRestart = async () => {
    down = true;
    killed++;
    await server.kill();
    await sleep(random.between(0, downMsMax));
    await server.start();
    toKill = verdicts + random.between(0, verdictsToKillMax);
    down = false;
  };
  const onVerdict = () => {
    verdicts++;
    if (!down && killed < kills && verdicts >= toKill) restarting = killAndRestart();
  };
  const outcomes = await Promise.all(all.map((client, at) => submitAll(client, names[at]!, onVerdict)));
  await restarting;
  expect(killed, "kills while verdicts were outstanding").toBe(kills);
  expect(outcomes.flat().filter(({ status }) => status !== "accepted")).toEqual([]);

  const log = await readLog(server.url, partition);
  expect(log).toHaveLength(clients * draftsEach);
  for (const [at, clientId] of names.entries()) {
    const inLog = await readDraftIds(server.url, partition, clientId);
    // The order of the log is the order of submission.
    expect([...inLog].map(([eventId, draftId]) => ({ eventId, draftId, status: "accepted" }))).toEqual(outcomes[at]);
  }
  const { state } = await readState(server.url, partition);
  for (const client of all) {
    await until(client, () => client.status.status === "online" && client.eventId === log.length);
    expect(client.state).toEqual(state);
    expect(await verified(client)).toBe(true);
  }
  await Promise.all(all.map((client) => client.close()));
});
