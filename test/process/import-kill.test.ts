import { rmSync } from "node:fs";
import { setTimeout as sleep } from "node:timers/promises";
import { afterAll, beforeAll, expect, test } from "vitest";
import type { NumberedEvent } from "../../src/protocol/index.ts";
import { draftIdOf, nodeIdOf, targetDraft } from "../../src/tools/import/drafts.ts";
import { importEntries } from "../../src/tools/import/run.ts";
import { Tally } from "../../src/tools/import/tally.ts";
import { verifyImport } from "../../src/tools/import/verify.ts";
import { walk } from "../../src/tools/import/walk.ts";
import { temporaryFolder, TestServer } from "../support/server.ts";
import { growTree, seeded } from "../support/tree.ts";

const entriesMin = 10_000;
const kills = 6;
/** The longest delay before the kill, and between the kill and the restart. */
const killDelayMs = 30;
const downMs = 300;
const partition = "killed";

const seed = Number(process.env["PARTITA_SEED"] ?? Math.floor(Math.random() * 2 ** 32));
const random = seeded(seed);
const folder = temporaryFolder("partita-tree-");
const server = new TestServer();

beforeAll(async () => {
  growTree(folder, entriesMin, random);
  await server.start();
});

afterAll(async () => {
  await server.stop();
  rmSync(folder, { recursive: true, force: true });
});

/** The whole log over HTTP, as it is now. */
async function readLog(): Promise<NumberedEvent[]> {
  const log: NumberedEvent[] = [];
  for (let more = true; more;) {
    const response = await fetch(
      new URL(`v1/partitions/${partition}/events?since=${log.length}&limit=1000`, server.url),
    );
    const page = (await response.json()) as { events: NumberedEvent[]; hasMore: boolean };
    log.push(...page.events);
    more = page.hasMore;
  }
  return log;
}

test("[LC-1] [WP-4] [ID-5] [ID-11] [TX-8] kill -9 of the server, several times during an import, loses no acknowledged event, duplicates none, skips no id", async () => {
  console.log(`PARTITA_SEED=${seed}`);
  const { entries } = await walk(folder);
  expect(entries.length).toBeGreaterThanOrEqual(entriesMin);

  const acknowledged: { draftId: string; eventId: number }[] = [];
  const importInto = async (onAccepted: () => void) => {
    const tally = new Tally(entries.length);
    await importEntries({
      url: server.url,
      partition,
      entries,
      connections: 4,
      window: 64,
      tally,
      onAccepted: (draftId, eventId) => {
        acknowledged.push({ draftId, eventId });
        onAccepted();
      },
    });
    return tally;
  };

  // The server is killed after each of these numbers of acceptances; all are well before the end.
  const moments = Array.from({ length: kills }, () => Math.floor((0.02 + 0.8 * random()) * entries.length)).toSorted(
    (a, b) => a - b,
  );
  let finished = false;
  let killedInTime = 0;
  let killing = Promise.resolve();
  const killAndRestart = async () => {
    await sleep(random() * killDelayMs);
    if (!finished) killedInTime++;
    await server.kill();
    await sleep(random() * downMs);
    await server.start();
  };
  const tally = await importInto(() => {
    if (acknowledged.length < (moments[0] ?? Number.POSITIVE_INFINITY)) return;
    moments.shift();
    killing = killing.then(killAndRestart);
    killing.catch((e) => console.log("KILLING", e));
  });
  finished = true;
  await killing;

  expect(killedInTime, "kills while the import ran").toBe(kills);
  expect(tally.lost, "connections lost").toBeGreaterThanOrEqual(kills);
  const log = await readLog();
  expect(
    log.findIndex(({ eventId }, index) => eventId !== index + 1),
    "the first place where ids are not 1, 2, 3 …",
  ).toBe(-1);

  // Every acknowledged event is in the log, with the acknowledged id.
  const draftIdOfNode = new Map(entries.map(({ path }) => [nodeIdOf(path), draftIdOf(path)]));
  const draftIds = log.map(({ event }) => {
    const { value } = event.payload as { value: { id?: string } };
    return event.type === "set" ? targetDraft.draftId : draftIdOfNode.get(value.id!);
  });
  const notInLog = () => acknowledged.filter(({ draftId, eventId }) => draftIds[eventId - 1] !== draftId);
  expect(notInLog(), "acknowledged, but not in the log").toEqual([]);

  // One event for the target, and one for each path; none was rejected as its own duplicate.
  expect(tally).toMatchObject({ committed: entries.length + 1, replayed: 0, rejected: 0, skipped: 0 });
  expect(log).toHaveLength(entries.length + 1);
  expect(new Set(draftIds).size, "drafts in the log").toBe(log.length);

  // Fold, state and folder are equal, and again after a kill without load.
  expect((await verifyImport(server.url, partition, entries)).differences).toEqual([]);
  await server.restart();
  expect(await verifyImport(server.url, partition, entries)).toEqual({
    eventIndex: log.length,
    nodes: entries.length,
    differences: [],
  });

  // Once more: every draft gets its first verdict, and nothing is committed.
  acknowledged.length = 0;
  const second = await importInto(() => {});
  expect(second).toMatchObject({ committed: 0, replayed: entries.length + 1, rejected: 0, lost: 0 });
  expect(notInLog()).toEqual([]);
  expect(await readLog()).toEqual(log);
});
