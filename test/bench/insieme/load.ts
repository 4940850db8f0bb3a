// The process of the load: runs the jobs that it is sent, one after the other.
import { setTimeout as sleep } from "node:timers/promises";
import { cpuSeconds } from "../machine.ts";
import { type Project, Speaker } from "./speaker.ts";

/** Writers that each keep `inFlight` messages of `batch` events unanswered, and readers that get each event. */
export interface StreamJob {
  kind: "stream";
  project: Project;
  /** Of the server's process. */
  pid: number;
  writers: number;
  inFlight: number;
  batch: number;
  /** The text in each event; absent: a short one. */
  value?: string;
  readers: number;
  warmupEvents: number;
  measureEvents: number;
}

/** One event at a time. */
export interface PingJob {
  kind: "ping";
  project: Project;
  warmup: number;
  count: number;
}

export interface StreamResult {
  seconds: number;
  committed: number;
  /** Events times readers. */
  deliveries: number;
  /** CPU time, in seconds. */
  serverCpu: number;
  loadCpu: number;
}

/** A job fails after this time without progress. */
const stallMsMax = 30_000;
/** Events that are committed, and not delivered to all readers: beyond that no more are sent, so that the deliveries are measured. */
const undeliveredMax = 2_000;

async function openAll(project: Project, count: number, name: string): Promise<Speaker[]> {
  const speakers: Speaker[] = [];
  for (let at = 0; at < count; at++) speakers.push(await Speaker.open(project, `${name}${at}`));
  return speakers;
}

async function stream(job: StreamJob): Promise<StreamResult> {
  const readers = await openAll(job.project, job.readers, "reader");
  const writers = await openAll(job.project, job.writers, "writer");
  let sent = 0;
  let committed = 0;
  let deliveries = 0;
  let failure: Error | undefined;
  let open = true;
  const inFlight = writers.map(() => 0);
  const undelivered = () => (readers.length === 0 ? 0 : sent - Math.floor(deliveries / readers.length));
  const top = (at: number) => {
    if (!open) return;
    while (inFlight[at]! < job.inFlight && undelivered() < undeliveredMax) {
      inFlight[at]!++;
      sent += job.batch;
      writers[at]!.submit(job.batch, job.value);
    }
  };
  for (const speaker of [...writers, ...readers]) speaker.onEnd = (reason) => (failure ??= new Error(reason));
  writers.forEach((writer, at) => {
    writer.onResult = (count) => {
      inFlight[at]!--;
      committed += count;
      top(at);
    };
  });
  let turn = 0;
  for (const reader of readers) {
    reader.onBroadcast = () => {
      deliveries++;
      if (deliveries % readers.length === 0) top(turn++ % writers.length);
    };
  }
  const moment = () => ({
    at: performance.now(),
    committed,
    deliveries,
    serverCpu: cpuSeconds(job.pid),
    loadCpu: cpuSeconds(process.pid),
  });
  const until = async (done: () => boolean) => {
    let seen = -1;
    let seenAt = performance.now();
    while (!done()) {
      await sleep(2);
      if (failure) throw failure;
      if (committed + deliveries !== seen) {
        seen = committed + deliveries;
        seenAt = performance.now();
      } else if (performance.now() - seenAt > stallMsMax) {
        throw new Error(`no progress: ${sent} sent, ${committed} committed, ${deliveries} deliveries`);
      }
    }
  };
  writers.forEach((_, at) => top(at));
  await until(() => committed >= job.warmupEvents);
  const from = moment();
  await until(() => committed - from.committed >= job.measureEvents);
  const to = moment();
  open = false;
  await until(() => committed === sent && deliveries === committed * readers.length);
  for (const speaker of [...writers, ...readers]) speaker.close();
  return {
    seconds: (to.at - from.at) / 1_000,
    committed: to.committed - from.committed,
    deliveries: to.deliveries - from.deliveries,
    serverCpu: to.serverCpu - from.serverCpu,
    loadCpu: to.loadCpu - from.loadCpu,
  };
}

/** The times from submitting to the answer, in milliseconds. */
async function ping({ project, warmup, count }: PingJob): Promise<number[]> {
  const speaker = await Speaker.open(project, "pinger");
  const times: number[] = [];
  for (let at = 0; at < warmup + count; at++) {
    const sent = performance.now();
    await new Promise<void>((resolve, reject) => {
      speaker.onEnd = (reason) => reject(new Error(reason));
      speaker.onResult = () => resolve();
      speaker.submit(1);
    });
    times.push(performance.now() - sent);
  }
  speaker.close();
  return times.slice(warmup);
}

export type Report = { result: StreamResult | number[] } | { error: string };

process.on("message", (job: StreamJob | PingJob) => {
  (job.kind === "stream" ? stream(job) : ping(job))
    .then(
      (result): Report => ({ result }),
      (error: unknown): Report => ({ error: error instanceof Error ? (error.stack ?? error.message) : String(error) }),
    )
    .then((report) => process.send!(report))
    .catch(() => process.exit(1));
});
