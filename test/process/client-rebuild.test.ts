import { rmSync } from "node:fs";
import { afterAll, expect, test } from "vitest";
import { insiemeClient, until } from "../support/client-load.ts";
import { readState } from "../support/log.ts";
import { lastValue, watch, writeOldPartition } from "../support/rebuild.ts";
import { temporaryFolder, TestServer } from "../support/server.ts";

const partition = "long";
const eventsTotal = 400_000;
const folder = temporaryFolder("partita-rebuild-");
const server = new TestServer({ folder });

afterAll(async () => {
  await server.stop();
  rmSync(folder, { recursive: true, force: true });
});

test("[LC-1] [LC-5] [MD-5] [CL-3] a long log under a new version of the model, killed in the middle: it is folded from what was stored, and clients wait and go on by themselves", async () => {
  writeOldPartition(folder, partition, eventsTotal);
  await server.start();
  const client = insiemeClient({ url: server.url.href, partition, clientId: "waiting", random: Math.random });
  const problems = new Set<string | undefined>();
  client.on("status", ({ problem }) => problems.add(problem?.code));
  const verdict = client.submit("set", { target: "own", value: 1 });

  const before = await watch(server, partition, (eventId) => eventId > eventsTotal / 4);
  await server.restart();
  const after = await watch(server, partition);
  // It has stored what it folded in the first run, and goes on from there.
  expect(before.positions.at(-1)!).toBeGreaterThan(eventsTotal / 4);
  expect(after.positions[0]!).toBeGreaterThan(eventsTotal / 8);
  for (const { positions } of [before, after]) expect(positions).toEqual(positions.toSorted((a, b) => a - b));
  console.log("until the kill", { ...before, positions: before.positions.length });
  console.log("after it", { ...after, positions: after.positions.length });

  expect(await verdict).toMatchObject({ status: "accepted", eventId: eventsTotal + 1 });
  await until(client, () => client.status.status === "online");
  expect(problems).toContain("rebuilding");
  const { state, eventIndex } = await readState(server.url, partition);
  const [key, value] = lastValue(eventsTotal);
  expect(eventIndex).toBe(eventsTotal + 1);
  expect((state as Record<string, unknown>)[key]).toContain(value);
  expect(client.state).toEqual(state);
  await client.close();
});
