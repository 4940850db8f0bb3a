import { afterAll, beforeAll, expect, test } from "vitest";
import { patientClient, until } from "../support/client-load.ts";
import { readLog } from "../support/log.ts";
import { TestServer } from "../support/server.ts";

const clients = 1_000;
/** Clients that have submitted a draft while the server was down. */
const writers = 100;
/** The first window of the backoff, which doubles with each failure. */
const windowMs = 250;
/** A window is checked if at least this many clients have chosen a delay in it. */
const choicesMin = 500;
const partition = "storm";

const server = new TestServer();
beforeAll(() => server.start());
afterAll(() => server.stop());

test("[LC-5] [CL-3] [ID-14] 1,000 clients that lose the server at the same time all reconnect, spread over the backoff window, and their drafts count once", async () => {
  /** The delays after one failure, after two, and so on. */
  const delays: number[][] = [];
  /** The times of attempts since the drop. */
  const attempts: number[] = [];
  let droppedAt = Number.POSITIVE_INFINITY;
  const all = Array.from({ length: clients }, (_, at) => {
    let failures = 0;
    return patientClient(
      { url: server.url.href, partition, at },
      {
        attempt: () => attempts.push(Date.now() - droppedAt),
        delay: (ms) => (delays[failures++] ??= []).push(ms),
      },
    );
  });
  const online = () => Promise.all(all.map((client) => until(client, () => client.status.status === "online")));
  await online();
  await all[0]!.submit("init", { value: { docs: {} } });
  await Promise.all(all.map((client) => until(client, () => client.eventId === 1)));
  expect(delays).toEqual([]);
  attempts.length = 0;

  droppedAt = Date.now();
  const down = Promise.all(all.map((client) => until(client, () => client.status.status !== "online")));
  await server.kill();
  await down;
  const verdicts = all.slice(0, writers).map((client, at) => client.submit("set", { target: `n${at}`, value: at }));
  await server.start();
  const backMs = Date.now() - droppedAt;
  expect((await Promise.all(verdicts)).filter(({ status }) => status !== "accepted")).toEqual([]);
  await Promise.all(all.map((client) => until(client, () => client.eventId === 1 + writers)));
  await online();
  const allBackMs = Date.now() - droppedAt;
  expect(await readLog(server.url, partition)).toHaveLength(1 + writers);
  await Promise.all(all.map((client) => client.close()));

  console.log(`the server was back after ${backMs} ms, all clients were after ${allBackMs} ms`);
  for (const [failures, chosen] of delays.entries()) {
    const most = windowMs * 2 ** failures;
    const counts = histogram(chosen, most / 10, 10);
    console.log(`delays after ${failures + 1} failures, of 0 to ${most} ms, in tenths: ${counts.join(" ")}`);
  }
  console.log(
    `attempts in each 100 ms since the drop: ${histogram(attempts, 100, 60)
      .join(" ")
      .replace(/( 0)+$/, "")}`,
  );

  expect(delays[0], "clients that waited before their first attempt").toHaveLength(clients);
  for (const [failures, chosen] of delays.entries()) {
    const most = windowMs * 2 ** failures;
    expect(Math.max(...chosen)).toBeLessThanOrEqual(most);
    if (chosen.length < choicesMin) continue;
    for (const count of histogram(chosen, most / 10, 10)) {
      expect(count).toBeGreaterThan(chosen.length / 20);
      expect(count).toBeLessThan(chosen.length / 5);
    }
  }
});

/** The number of values in each interval; the last one includes its upper bound. */
function histogram(values: readonly number[], step: number, steps: number): number[] {
  const counts = Array.from({ length: steps }, () => 0);
  for (const value of values) counts[Math.min(Math.floor(value / step), steps - 1)]!++;
  return counts;
}
