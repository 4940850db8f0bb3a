import { describe, expect, it } from "vitest";
import { jobsEffects } from "../../src/models/jobs/effects.ts";
import { jobs } from "../../src/models/jobs/index.ts";
import { testPartition } from "../../src/testing/index.ts";
import { type Handler, Unrecoverable, work, type WorkOptions } from "../../src/worker/index.ts";

const lease = 60_000;

async function queue() {
  const partition = testPartition(jobs, { effects: jobsEffects, now: 1_700_000_000_000 });
  const app = (await partition.connect("app")).client;
  const device = await partition.connect("machine");
  const types = async () => (await partition.log()).map(({ event }) => event.type);
  const begin = (handler: Handler, options: WorkOptions = {}) =>
    work(device.client, { ports: device.ports, ...options }, handler);
  const enqueue = async (...names: string[]) => {
    for (const job of names) await app.submit("enqueue", { job, payload: { of: job } });
  };
  return { partition, app, device, types, begin, enqueue };
}

/** A handler that a test ends. */
function open() {
  const ends = new Map<string, { done: () => void; fail: (error: Error) => void }>();
  const aborted: string[] = [];
  const handler: Handler = ({ job, signal }) =>
    new Promise((resolve, reject) => {
      signal.addEventListener("abort", () => aborted.push(job));
      ends.set(job, { done: () => resolve(undefined), fail: reject });
    });
  return { handler, ends, aborted };
}

describe("a worker", () => {
  it("[JB-2] claims as much as it can do, reports it, and claims the next", async () => {
    const { begin, enqueue, partition, types, app } = await queue();
    await enqueue("a", "b", "c", "d");
    const { handler, ends } = open();
    const worker = begin(handler, { concurrency: 2, ahead: 1 });
    await partition.advance(100);
    expect([...ends.keys()]).toEqual(["a", "b"]);
    expect(worker.running).toBe(2);
    expect(app.state.counts).toMatchObject({ running: 3, ready: 1 });
    ends.get("a")!.done();
    await partition.advance(100);
    expect([...ends.keys()]).toEqual(["a", "b", "c"]);
    expect(await types()).toEqual(["enqueue", "enqueue", "enqueue", "enqueue", "claim", "complete", "claim"]);
    expect(app.state.counts).toMatchObject({ running: 3, ready: 0 });
  });

  it("[JB-2] gives a sign of life in the second half of its lease, and keeps a long job", async () => {
    const { begin, enqueue, partition, types, app } = await queue();
    await enqueue("long");
    const { handler, ends, aborted } = open();
    begin(handler);
    await partition.advance(lease / 2 - 100);
    expect(await types()).toEqual(["enqueue", "claim"]);
    await partition.advance(5 * lease);
    const all = await types();
    expect(all.filter((type) => type === "heartbeat").length).toBeLessThanOrEqual(11);
    expect(aborted).toEqual([]);
    ends.get("long")!.done();
    await partition.advance(100);
    expect(app.state.jobs).toEqual({});
  });

  it("[JB-2] that is cut off loses its job to another, is asked to end, and reports nothing that counts", async () => {
    const { begin, enqueue, partition, device, app, types } = await queue();
    await enqueue("a");
    const first = open();
    begin(first.handler);
    await partition.advance(100);
    device.cut();
    await partition.advance(lease + 100);
    // By its own clock it could not renew its lease.
    expect(first.aborted).toEqual(["a"]);
    const other = await partition.connect("other");
    const second = open();
    work(other.client, { ports: other.ports }, second.handler);
    await partition.advance(1_000);
    expect([...second.ends.keys()]).toEqual(["a"]);
    first.ends.get("a")!.done();
    device.restore();
    await partition.advance(1_000);
    expect((await types()).includes("complete")).toBe(false);
    second.ends.get("a")!.done();
    await partition.advance(100);
    expect(app.state.jobs).toEqual({});
    expect((await types()).filter((type) => type === "complete")).toHaveLength(1);
  });

  it("[JB-6] is asked to end a job that is cancelled", async () => {
    const { begin, enqueue, partition, app, types } = await queue();
    await enqueue("a");
    const { handler, aborted, ends } = open();
    begin(handler);
    await partition.advance(100);
    await app.submit("cancel", { job: "a" });
    await partition.advance(100);
    expect(aborted).toEqual(["a"]);
    ends.get("a")!.fail(new Error("aborted"));
    await partition.advance(100);
    expect(await types()).toEqual(["enqueue", "claim", "cancel"]);
  });

  it("[JB-6] stops cleanly: it gives back what has not begun, and waits for what has", async () => {
    const { begin, enqueue, partition, app } = await queue();
    await enqueue("a", "b", "c");
    const { handler, ends } = open();
    const worker = begin(handler, { ahead: 1 });
    await partition.advance(100);
    let stopped = false;
    const stopping = worker.stop().then(() => (stopped = true));
    await partition.advance(100);
    expect(stopped).toBe(false);
    expect(app.state.counts).toMatchObject({ running: 1, ready: 2 });
    ends.get("a")!.done();
    await partition.advance(100);
    await stopping;
    expect(app.state.jobs).toMatchObject({ b: { phase: "ready", attempts: 0 }, c: { phase: "ready" } });
    expect(app.state.workers).toEqual({});
  });

  it("[JB-4] reports failures, those that are final, and results that cannot be sent", async () => {
    const { begin, enqueue, partition, app } = await queue();
    await enqueue("fails", "useless", "large");
    begin(async ({ job }) => {
      if (job === "fails") throw new Error("not now");
      if (job === "useless") throw new Unrecoverable("never");
      return { text: "x".repeat(20_000) };
    });
    await partition.advance(1_000);
    expect(app.state.jobs).toMatchObject({
      fails: { phase: "later", error: "not now" },
      useless: { phase: "dead", error: "never" },
      large: { phase: "dead", error: "Its result cannot be sent." },
    });
  });

  it("[JB-2] [ID-13] a job has one idempotency key for all its attempts", async () => {
    const { begin, enqueue, partition } = await queue();
    await enqueue("a");
    const keys: string[] = [];
    begin(async ({ idempotencyKey, attempt }) => {
      keys.push(idempotencyKey);
      if (attempt < 3) throw new Error("again");
    });
    await partition.advance(5 * 60_000);
    expect(keys).toEqual(["room/a/1", "room/a/1", "room/a/1"]);
  });

  it("[JB-2] claims at most once while others are faster, and is not slow for it", async () => {
    const { partition, enqueue, types } = await queue();
    const devices = await Promise.all([1, 2, 3, 4].map((n) => partition.connect(`machine-${n}`)));
    for (const { client, ports } of devices) work(client, { ports }, async () => undefined);
    await partition.advance(1_000);
    const rejected: unknown[] = [];
    for (const { client } of devices) client.on("rejected", (event) => rejected.push(event));
    for (let n = 0; n < 10; n++) {
      await enqueue(`job-${n}`);
      await partition.advance(500);
    }
    expect((await types()).filter((type) => type === "complete")).toHaveLength(10);
    expect(rejected.length).toBeLessThanOrEqual(15);
  });
});
