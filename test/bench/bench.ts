import { rmSync } from "node:fs";
import { temporaryFolder, TestServer } from "../support/server.ts";
import type { Address } from "./connection.ts";
import { FloorServer } from "./floor/server.ts";
import type { Stream } from "./frames.ts";
import { LoadGenerator, type PingJob, type StreamJob, type StreamResult } from "./load.ts";
import type { Spread } from "./stats.ts";

/** One line of the result. */
export interface Row {
  what: string;
  partita: string;
  floor: string;
  /** The value that is compared with the bound: a ratio, or a figure with its unit. */
  value: Spread;
  unit: "×" | "ms" | "MiB" | "k/s" | "$";
  /** Undefined: there is no bound, and the figure is only reported. */
  bound: { atLeast: number } | { atMost: number } | undefined;
  note: string;
}

/** Events of about 300 bytes, each a new node. */
export const pushes: Stream = { event: "push", prefix: "n" };

/** Both servers, the load generator, and how long to measure. */
export class Bench {
  /** Where Partita's data is. */
  readonly folder = temporaryFolder("partita-bench-");
  readonly partita = new TestServer({ folder: this.folder });
  readonly floor = new FloorServer();
  readonly generator = new LoadGenerator();
  readonly quick: boolean;
  #partitions = 0;

  constructor(quick: boolean) {
    this.quick = quick;
  }

  /** How often each side is measured. */
  get runs(): number {
    return this.quick ? 2 : 5;
  }

  /** The same where the result is a ratio to a floor: on a shared machine a single one is off by up to a third. */
  get runsBesideFloor(): number {
    return this.quick ? 2 : 11;
  }

  /** The number of events, or a part of it in a quick run. */
  events(full: number): number {
    return this.quick ? Math.ceil(full / 4) : full;
  }

  async start(): Promise<void> {
    await this.partita.start();
    await this.floor.start();
  }

  async stop(): Promise<void> {
    this.generator.stop();
    await this.partita.stop();
    await this.floor.stop();
    rmSync(this.folder, { recursive: true, force: true });
  }

  /** A partition that was never used. */
  fresh(): Address {
    return { server: this.partita.url.origin, partition: `bench-${this.#partitions++}` };
  }

  /** A floor that was never used; its modes: floor/worker.js. */
  freshFloor(mode: "each" | "turn" | "answers"): Address {
    return { server: this.floor.url.origin, partition: `${mode}-${this.#partitions++}` };
  }

  /** The default: 8 connections with 64 drafts in flight push into an empty tree. */
  stream(address: Address, job: Partial<StreamJob> & Pick<StreamJob, "measureEvents">): Promise<StreamResult> {
    const pid = job.pid ?? (address.server === this.partita.url.origin ? this.partita : this.floor).pid;
    return this.generator.run({
      kind: "stream",
      address,
      publishers: 8,
      inFlight: 64,
      subscribers: 0,
      stream: pushes,
      makeTree: true,
      warmupEvents: 0,
      ...job,
      pid,
    });
  }

  /** One event at a time. */
  async ping(address: Address, job: Pick<PingJob, "count">): Promise<number[]> {
    const { times } = await this.generator.run({
      kind: "ping",
      address,
      stream: pushes,
      makeTree: true,
      warmup: 500,
      ...job,
    });
    return times;
  }

  /** Runs the `bodies` in turn, `runs` times. Returns the results of each. */
  async alternate<T>(bodies: readonly (() => Promise<T>)[], runs = this.runs): Promise<T[][]> {
    const results = bodies.map((): T[] => []);
    for (let run = 0; run < runs; run++) {
      for (const [at, body] of bodies.entries()) results[at]!.push(await body());
    }
    return results;
  }
}

/** A readable number: three digits, with thousands separators. */
export function figure(value: number): string {
  return value.toLocaleString("en", { maximumSignificantDigits: Math.abs(value) >= 1_000 ? 4 : 3 });
}

/** How busy each side was, in cores: this shows which side limits the figure. */
export function saturation(results: readonly StreamResult[]): string {
  const cores = (of: "serverCpu" | "generatorCpu") =>
    figure(results.reduce((sum, { [of]: cpu, seconds }) => sum + cpu / seconds, 0) / results.length);
  return `workerd ${cores("serverCpu")} cores, generator ${cores("generatorCpu")}`;
}
