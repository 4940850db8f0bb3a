import { readdirSync, readFileSync, writeFileSync } from "node:fs";
import { setTimeout as sleep } from "node:timers/promises";
import { residentMiB } from "../bench/machine.ts";

/** A process is at rest when it uses less CPU time than this in one pause, twice. */
const restMsMax = 0.3;
const restPauseMs = 15;
/** Work that goes on for longer than this is not waited for. */
const settleMsMax = 3_000;

/** What a stretch of time cost a process. */
export interface Cost {
  cpuMs: number;
  /** The peak of the memory above that at the beginning. */
  growthMiB: number;
}

/** Measures the CPU time and the memory of a process, by Linux's /proc. */
export class Meter {
  readonly #pid: number;

  constructor(pid: number) {
    this.#pid = pid;
  }

  /** The CPU time of all threads, in milliseconds: in nanoseconds where `cpuSeconds` counts hundredths of a second. */
  get cpuMs(): number {
    let nanoseconds = 0;
    for (const thread of readdirSync(`/proc/${this.#pid}/task`)) {
      try {
        nanoseconds += Number(readFileSync(`/proc/${this.#pid}/task/${thread}/schedstat`, "utf8").split(" ")[0]);
      } catch {
        // The thread has ended since.
      }
    }
    return nanoseconds / 1e6;
  }

  get residentMiB(): number {
    return residentMiB(this.#pid);
  }

  /** The most memory since the last `resetPeak`. */
  get peakMiB(): number {
    const [, kib] = /^VmHWM:\s+(\d+) kB$/m.exec(readFileSync(`/proc/${this.#pid}/status`, "utf8")) ?? [];
    return Number(kib) / 1_024;
  }

  resetPeak(): void {
    // 5: the peak of the resident set (proc(5), clear_refs).
    writeFileSync(`/proc/${this.#pid}/clear_refs`, "5");
  }

  /** Resolves when the process is at rest: work that follows an answer belongs to its cost. */
  async settle(): Promise<void> {
    const until = performance.now() + settleMsMax;
    let last = this.cpuMs;
    for (let calm = 0; calm < 2 && performance.now() < until;) {
      await sleep(restPauseMs);
      const now = this.cpuMs;
      calm = now - last < restMsMax ? calm + 1 : 0;
      last = now;
    }
  }

  /** Measures `body`, from rest to rest. */
  async measure<T>(body: () => Promise<T>): Promise<{ result: T; cost: Cost }> {
    await this.settle();
    this.resetPeak();
    const before = { cpuMs: this.cpuMs, residentMiB: this.residentMiB };
    const result = await body();
    await this.settle();
    const cost = { cpuMs: this.cpuMs - before.cpuMs, growthMiB: this.peakMiB - before.residentMiB };
    return { result, cost };
  }
}
