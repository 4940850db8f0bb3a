import { type ChildProcess, fork } from "node:child_process";
import { once } from "node:events";
import { fileURLToPath } from "node:url";
import type { Address } from "./connection.ts";
import type { Stream } from "./frames.ts";

/** A closed loop: each publisher keeps `inFlight` drafts in flight. */
export interface StreamJob {
  kind: "stream";
  address: Address;
  /** The process id of the server's workerd, to measure its CPU time. */
  pid: number;
  publishers: number;
  /** The most drafts of each publisher that are not answered or, with subscribers, not delivered to all of them. */
  inFlight: number;
  subscribers: number;
  /** Whether the drafts that a publisher sends at once are an array in one frame, as the client library sends them. */
  packed?: boolean;
  /** The credit of subscribers, in bytes; absent: no flow control. */
  credit?: number;
  stream: Stream;
  /** Creates the tree first, for an empty partition. */
  makeTree: boolean;
  /** Events before the measurement. */
  warmupEvents: number;
  measureEvents: number;
}

/** The results, without the warm-up. */
export interface StreamResult {
  seconds: number;
  accepted: number;
  /** Deliveries: events times subscribers. */
  deliveries: number;
  /** The frames of the deliveries: fewer frames mean more events per frame. */
  frames: number;
  /** The longest time without a verdict. */
  pauseMs: number;
  /** CPU time, in seconds. */
  serverCpu: number;
  generatorCpu: number;
}

/** One event at a time over one connection. */
export interface PingJob {
  kind: "ping";
  address: Address;
  stream: Stream;
  makeTree: boolean;
  warmup: number;
  count: number;
}

/** The times from sending a draft to its verdict, in milliseconds. */
export interface PingResult {
  times: number[];
}

export type Job = StreamJob | PingJob;
export type Report = { result: StreamResult | PingResult } | { error: string };

/** The time limit of a job. */
const jobMsMax = 120_000;

/** The load generator, in a separate process, so that it shares neither CPU time nor memory with the measuring process. */
export class LoadGenerator {
  readonly #child: ChildProcess = fork(fileURLToPath(new URL("generator.ts", import.meta.url)), {
    execArgv: ["--disable-warning=ExperimentalWarning"],
  });
  readonly #ended = once(this.#child, "exit").then(() => [{ error: "the load generator ended" }]);

  run(job: StreamJob): Promise<StreamResult>;
  run(job: PingJob): Promise<PingResult>;
  /** Runs one job; jobs do not overlap. */
  async run(job: Job): Promise<StreamResult | PingResult> {
    this.#child.send(job);
    const answer = once(this.#child, "message", { signal: AbortSignal.timeout(jobMsMax) });
    const [report] = (await Promise.race([answer, this.#ended])) as [Report];
    if ("error" in report) throw new Error(`${job.kind} on ${job.address.partition}: ${report.error}`);
    return report.result;
  }

  stop(): void {
    this.#child.kill("SIGKILL");
  }
}
