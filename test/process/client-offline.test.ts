import { afterAll, beforeAll, expect, test } from "vitest";
import { bounds, type ServerMessage, utf8Length } from "../../src/protocol/index.ts";
import { ChaosProxy } from "../support/chaos-proxy.ts";
import { insiemeClient, type Submitted, until, verified } from "../support/client-load.ts";
import { readDraftIds, readLog, readState } from "../support/log.ts";
import { TestServer } from "../support/server.ts";

const partition = "week";
const drafts = 5_000;
const dayMs = 24 * 60 * 60 * 1_000;
/** Drafts that are older than the 30 days for which the server remembers rejections. */
const forgotten = 20;
/** Nodes that exist before and that the drafts change; other clients delete half of them meanwhile. */
const nodes = 100;
/** Nodes that both sides create. */
const contended = 25;
/** After this number of single drafts follows an atomic batch of the same size. */
const batchEvery = 50;
const batchDrafts = 5;
/** The limit of drafts in flight that the server sends: lower than that of the client. */
const inFlightMax = 32;

const server = new TestServer();
beforeAll(() => server.start());
afterAll(() => server.stop());

/** Counts the drafts in flight on a connection, and lowers the limit that the server sends. */
class Watch {
  inFlightMost = 0;
  frameBytesMost = 0;
  announced = 0;
  readonly #inFlight = new Set<string>();

  readonly meddler = () => (frame: string, direction: "up" | "down") => {
    if (direction === "up") this.#up(frame);
    else for (const message of [JSON.parse(frame) as ServerMessage | ServerMessage[]].flat()) this.#down(message);
    return { frames: [frame.replace(/"inFlightMax":\d+/, `"inFlightMax":${inFlightMax}`)] };
  };

  #up(frame: string): void {
    type Sent = { type: string; payload?: { draftId?: string; batchId?: string } };
    for (const { type, payload } of [JSON.parse(frame) as Sent | Sent[]].flat()) {
      if (type === "submit_event" || type === "submit_events") {
        this.#inFlight.add((payload!.draftId ?? payload!.batchId)!);
      }
    }
    this.inFlightMost = Math.max(this.inFlightMost, this.#inFlight.size);
    this.frameBytesMost = Math.max(this.frameBytesMost, utf8Length(frame));
  }

  #down({ type, payload }: ServerMessage): void {
    if (type === "connected") this.announced = payload.limits!["inFlightMax"]!;
    if (type === "event_accepted" || type === "event_rejected") this.#inFlight.delete(payload.draftId);
    if (type === "events_result") this.#inFlight.delete(payload.batchId);
  }
}

test("[CL-2] [CL-6] [CL-13] [ID-14] a week offline, 5,000 drafts: all are decided in order, within the limit of drafts in flight, and rejected drafts are reported", async () => {
  const watch = new Watch();
  const proxy = new ChaosProxy(server.url, watch.meddler);
  await proxy.start();
  const others = insiemeClient({ url: server.url.href, partition, clientId: "others", random: () => 0.5 });
  await others.submit("init", { value: { docs: {} } });
  const nodeOf = (id: string, by = "others") => ({ target: "docs", value: { id, by } });
  await Promise.all(Array.from({ length: nodes }, (_, at) => others.submit("treePush", nodeOf(`node-${at}`))));

  let behindMs = 40 * dayMs;
  const client = insiemeClient({
    url: proxy.url,
    partition,
    clientId: "away",
    random: () => 0.5,
    ports: { now: () => Date.now() - behindMs },
  });
  await until(client, () => client.status.status === "online");
  expect(client.eventId).toBe(1 + nodes);
  client.pause();

  const counts = { rejected: 0, expired: 0, parked: 0 };
  const progress: number[] = [];
  client.on("rejected", () => counts.rejected++);
  client.on("expired", () => counts.expired++);
  client.on("parked", () => counts.parked++);
  const outcomes: Promise<Submitted>[] = [];
  const keep = (verdict: Promise<Submitted["verdict"]>) => {
    const { mode, drafts: queued } = client.pending.at(-1)!;
    outcomes.push(verdict.then((final) => ({ mode, drafts: queued, verdict: final })));
  };
  for (let count = 0; count < forgotten; count++) keep(client.submit("set", { target: `old.n${count}`, value: count }));
  behindMs = 7 * dayMs;
  for (let count = 0; count < drafts;) {
    if (count < nodes)
      keep(client.submit("treeUpdate", { target: "docs", value: { count }, options: { id: `node-${count}` } }));
    else if (count < nodes + contended) keep(client.submit("treePush", nodeOf(`both-${count - nodes}`, "away")));
    else if (count % batchEvery === 0) {
      const batch = Array.from({ length: batchDrafts }, (_, at) => ({
        type: "set",
        payload: { target: `notes.n${count + at}`, value: count },
      }));
      keep(client.submitBatch("atomic", batch));
      count += batchDrafts - 1;
    } else keep(client.submit("set", { target: `notes.n${count}`, value: "x".repeat(count % 200) }));
    count++;
    behindMs -= (7 * dayMs) / drafts;
  }
  behindMs = 0;
  const undecided = client.pending.length;
  expect(client.pending.flatMap((entry) => entry.drafts)).toHaveLength(forgotten + drafts);
  expect(client.pending.filter(({ failure }) => failure)).toEqual([]);

  // Meanwhile.
  for (let at = 0; at < nodes; at += 2)
    void others.submit("treeDelete", { target: "docs", options: { id: `node-${at}` } });
  for (let at = 0; at < contended; at++) void others.submit("treePush", nodeOf(`both-${at}`));
  await until(others, () => others.pending.length === 0);

  client.on("progress", (event) => progress.push(event.undecided));
  client.resume();
  const submitted = await Promise.all(outcomes);
  await until(client, () => client.pending.length === 0);

  const refused = nodes / 2 + contended;
  // What was never sent does not expire, whatever the clock of the device has said.
  expect(counts).toEqual({ rejected: refused, expired: 0, parked: 0 });
  const statuses = submitted.map(({ verdict }) => verdict.status);
  expect(statuses.slice(0, forgotten)).toEqual(Array.from({ length: forgotten }, () => "accepted"));
  const expected = (count: number) =>
    (count < nodes && count % 2 === 0) || (count >= nodes && count < nodes + contended) ? "rejected" : "accepted";
  expect(statuses.slice(forgotten)).toEqual(Array.from({ length: undecided - forgotten }, (_, at) => expected(at)));

  // Each is in the log once, in the order of the queue.
  const inLog = await readDraftIds(server.url, partition, "away");
  const accepted = submitted.filter(({ verdict }) => verdict.status === "accepted").flatMap((entry) => entry.drafts);
  expect([...inLog.values()]).toEqual(accepted.map(({ draftId }) => draftId));
  expect(accepted).toHaveLength(forgotten + drafts - refused);

  expect(progress.length).toBeGreaterThan(undecided / inFlightMax / 2);
  expect(progress).toEqual(progress.toSorted((a, b) => b - a));
  expect(progress.at(-1)).toBe(0);
  expect(watch.announced).toBeGreaterThan(inFlightMax);
  expect(watch.inFlightMost).toBeLessThanOrEqual(inFlightMax);
  expect(watch.inFlightMost).toBeGreaterThan(inFlightMax / 2);
  expect(watch.frameBytesMost).toBeLessThanOrEqual(bounds.frameBytesMax);

  const log = await readLog(server.url, partition);
  await until(client, () => client.status.status === "online" && client.eventId === log.length);
  expect(client.state).toEqual((await readState(server.url, partition)).state);
  expect(await verified(client)).toBe(true);
  await Promise.all([client.close(), others.close()]);
  await proxy.stop();
});
