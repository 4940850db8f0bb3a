/**
 * A worker of a queue of jobs, for Node and Workers: claims what it can do, runs a function for it, and reports what came
 * of it.
 *
 * @module partita/models/jobs/worker
 */
import { platformPorts } from "../client/transport/platform.ts";
import { type Ports, uuidv7 } from "../client/transport/ports.ts";
import type { JsonObject } from "../protocol/index.ts";
import { Loop, type WorkerPorts } from "./loop.ts";
import type { JobsClient, Task, Worker } from "./types.ts";

export type { JobsClient, Task, Worker } from "./types.ts";

/** Does a job. What it returns is the result in the log. A throw is a failure: the job is tried again later, see `Unrecoverable`. */
// A handler without a result returns nothing.
// oxlint-disable-next-line typescript/no-invalid-void-type
export type Handler = (task: Task) => Promise<JsonObject | undefined | void>;

/** Thrown by a handler: to try the job again is useless. It becomes a dead letter. */
export class Unrecoverable extends Error {
  override name = "Unrecoverable";
}

/** How a worker works. */
export interface WorkOptions {
  /** What it can do: it is given jobs whose tags are all among these. Default: jobs without tags only. */
  tags?: readonly string[];
  /** Jobs that it does at once. Default: 1. */
  concurrency?: number;
  /** Jobs that it claims besides, so that the next one begins at once. Default: 0. They are given back when it stops. */
  ahead?: number;
  /** The length of its lease, in seconds, from 60 on. Default: 60. After that time without a sign of life its jobs are given to others. */
  seconds?: number;
  /** The beginning of its name, which is in the log. Default: `worker`. */
  name?: string;
  /** Clock, timers and randomness, for tests and simulations. */
  ports?: WorkerPorts & Pick<Ports, "bytes">;
}

/**
 * Works on the jobs of a queue, until it is stopped or its client is closed. Each job is done at least once: a worker that
 * ends or loses its connection for longer than its lease loses its jobs to others, and what it reports of them later is
 * rejected. `Task.idempotencyKey` makes what a handler does elsewhere happen once.
 *
 * Give the client a store in memory: a claim of a process that has ended must not be sent by the next one.
 *
 * @example
 * const client = createClient({ url, partition: "jobs:thumbnails", model: jobs, token, store: memoryStore() });
 * const worker = work(client, { tags: ["images"], concurrency: 4 }, async ({ payload, signal }) => {
 *   await makeThumbnail(payload.file, { signal });
 * });
 * process.on("SIGTERM", () => void worker.stop().then(() => client.close()));
 */
export function work(client: JobsClient, options: WorkOptions, handler: Handler): Worker {
  const { ports = platformPorts, name = "worker", tags = [], concurrency = 1, ahead = 0, seconds = 60 } = options;
  // The end of a UUIDv7 is random.
  const unique = `${name}-${uuidv7(ports).slice(-12)}`;
  return new Loop(client, { name: unique, tags, concurrency, ahead, seconds }, ports, async (task) => {
    try {
      return { result: (await handler(task)) ?? undefined };
    } catch (error) {
      return {
        error: String((error as { message?: unknown } | undefined)?.message ?? error),
        retry: !(error instanceof Unrecoverable),
      };
    }
  });
}
