import { type ChildProcess, fork } from "node:child_process";
import { once } from "node:events";
import { fileURLToPath } from "node:url";
import type { Address } from "./connection.ts";
import type { Stream } from "./frames.ts";

/** A closed loop: each publisher keeps `inFlight` drafts in flight. */
export interface StreamJob {
  kind: "stream";
  address: Address;
  /** The process id of the server's workerd: its CPU time is told. */
  pid: number;
  publishers: number;
  /** Drafts of each publisher that are not answered yet or, where there are subscribers, not delivered to all of them. */
  inFlight: number;
  subscribers: number;
  /** The credit that subscribers ask for, in bytes; absent: none, they are sent everything. */
  credit?: number;
  stream: Stream;
  /** Makes the tree first: for a partition that is empty. */
  makeTree: boolean;
  /** Events before those that are measured. */
  warmupEvents: number;
  measureEvents: number;
}

/** What was measured, without the warm-up. */
export interface StreamResult {
  seconds: number;
  accepted: number;
  /** Events given to subscribers, each counted for each. */
  deliveries: number;
  /** The frames that brought them: the fewer, the more events are joined. */
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

/** No job takes so long. */
const jobMsMax = 120_000;

/** The load generator, a process of its own, so that it shares neither CPU time nor memory with what measures beside it. */
export class LoadGenerator {
  readonly #child: ChildProcess = fork(fileURLToPath(new URL("generator.ts", import.meta.url)), {
    execArgv: ["--disable-warning=ExperimentalWarning"],
  });
  readonly #ended = once(this.#child, "exit").then(() => [{ error: "the load generator ended" }]);

  run(job: StreamJob): Promise<StreamResult>;
  run(job: PingJob): Promise<PingResult>;
  /** Does one job; the next only after it. */
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
