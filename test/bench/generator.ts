// The process of the load generator: runs the jobs of load.ts, one after the other.
import { setTimeout as sleep } from "node:timers/promises";
import { type Address, Connection } from "./connection.ts";
import { countAccepted, frameAt, isBroadcast, lastEventOf, makeTree, packed, type Wishes } from "./frames.ts";
import type { Job, PingJob, PingResult, Report, StreamJob, StreamResult } from "./load.ts";
import { cpuSeconds } from "./machine.ts";

/** A job fails after this time without progress. */
const stallMsMax = 15_000;
/** The most connections that are opened at once. */
const openingMax = 25;

async function openAll(address: Address, count: number, name: string, wishes: Wishes = {}): Promise<Connection[]> {
  const connections: Connection[] = [];
  while (connections.length < count) {
    const clients = Array.from({ length: Math.min(openingMax, count - connections.length) }, (_, at) =>
      Connection.open(address, `${name}${connections.length + at}`, wishes),
    );
    connections.push(...(await Promise.all(clients)));
  }
  return connections;
}

async function prepare(job: Job): Promise<void> {
  if (!job.makeTree) return;
  const connection = await Connection.open(job.address, "maker");
  await connection.submit(makeTree());
  connection.close();
}

async function ping({ address, stream, warmup, count }: PingJob): Promise<PingResult> {
  const connection = await Connection.open(address, "pinger");
  const times: number[] = [];
  for (let at = 0; at < warmup + count; at++) {
    const frame = frameAt(stream, at);
    const sent = performance.now();
    await connection.submit(frame);
    times.push(performance.now() - sent);
  }
  connection.close();
  return { times: times.slice(warmup) };
}

/** The counters of a stream at one moment. */
interface Moment {
  at: number;
  accepted: number;
  deliveries: number;
  frames: number;
  serverCpu: number;
  generatorCpu: number;
}

async function stream(job: StreamJob): Promise<StreamResult> {
  const { address, inFlight, warmupEvents, measureEvents } = job;
  const wishes: Wishes = job.credit === undefined ? {} : { credit: job.credit };
  const subscribers = await openAll(address, job.subscribers, "reader", wishes);
  const publishers = await openAll(address, job.publishers, "writer");
  let sent = 0;
  let accepted = 0;
  let deliveries = 0;
  let frames = 0;
  let pauseMs = 0;
  let lastAt = performance.now();
  let open = true;
  let failure: Error | undefined;
  const fail = (reason: string) => (failure ??= new Error(reason));
  const moment = (): Moment => ({
    at: performance.now(),
    accepted,
    deliveries,
    frames,
    serverCpu: cpuSeconds(job.pid),
    generatorCpu: cpuSeconds(process.pid),
  });

  const waiting = publishers.map(() => 0);
  const top = (at: number) => {
    if (!open) return;
    // With subscribers, the loop waits for the deliveries: the received events are measured.
    const undelivered = subscribers.length === 0 ? 0 : accepted - Math.floor(deliveries / subscribers.length);
    const drafts: string[] = [];
    while (waiting[at]! < inFlight && sent - accepted + undelivered < inFlight * publishers.length) {
      drafts.push(frameAt(job.stream, sent++));
      waiting[at]!++;
    }
    if (drafts.length > 0) publishers[at]!.send(job.packed === true ? packed(drafts) : drafts);
  };
  publishers.forEach((publisher, at) => {
    publisher.onEnd = fail;
    publisher.onFrame = (frame) => {
      const count = countAccepted(frame);
      if (count === 0) {
        // Only broadcasts of the other publishers' events are expected.
        if (!isBroadcast(frame)) fail(frame.toString().slice(0, 500));
        return;
      }
      const now = performance.now();
      pauseMs = Math.max(pauseMs, now - lastAt);
      lastAt = now;
      waiting[at]! -= count;
      accepted += count;
      top(at);
    };
  });
  for (const subscriber of subscribers) {
    let cursor = publishers[0]!.head;
    let turn = 0;
    subscriber.onEnd = fail;
    subscriber.onFrame = (frame) => {
      const last = lastEventOf(frame);
      if (last === undefined) return;
      frames++;
      deliveries += last - cursor;
      cursor = last;
      if (sent - Math.floor(deliveries / subscribers.length) < inFlight * publishers.length) {
        top(turn++ % publishers.length);
      }
    };
  }

  const until = async (done: () => boolean) => {
    let seen = -1;
    let seenAt = performance.now();
    while (!done()) {
      await sleep(2);
      if (failure) throw failure;
      if (accepted + deliveries !== seen) {
        seen = accepted + deliveries;
        seenAt = performance.now();
      } else if (performance.now() - seenAt > stallMsMax) {
        throw new Error(`no progress: ${sent} sent, ${accepted} accepted, ${deliveries} deliveries`);
      }
    }
  };

  publishers.forEach((_, at) => top(at));
  await until(() => accepted >= warmupEvents);
  const from = moment();
  pauseMs = 0;
  lastAt = from.at;
  await until(() => accepted - from.accepted >= measureEvents);
  const to = moment();
  const longest = pauseMs;
  open = false;
  await until(() => accepted === sent && deliveries === accepted * subscribers.length);
  const checker = await Connection.open(address, "checker");
  const grown = checker.head - publishers[0]!.head;
  checker.close();
  // Others may write there too, but every accepted event must be there.
  if (grown < accepted) throw new Error(`${accepted} accepted, but the log grew by ${grown}`);
  for (const connection of [...publishers, ...subscribers]) connection.close();
  return {
    seconds: (to.at - from.at) / 1_000,
    accepted: to.accepted - from.accepted,
    deliveries: to.deliveries - from.deliveries,
    frames: to.frames - from.frames,
    pauseMs: longest,
    serverCpu: to.serverCpu - from.serverCpu,
    generatorCpu: to.generatorCpu - from.generatorCpu,
  };
}

process.on("message", (job: Job) => {
  prepare(job)
    .then((): Promise<StreamResult | PingResult> => (job.kind === "stream" ? stream(job) : ping(job)))
    .then(
      (result): Report => ({ result }),
      (error: unknown): Report => ({ error: error instanceof Error ? (error.stack ?? error.message) : String(error) }),
    )
    .then((report) => process.send!(report))
    .catch(() => process.exit(1));
});
