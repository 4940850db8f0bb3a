import { describe, expect, it } from "vitest";
import { jobs } from "../../src/models/jobs/index.ts";
import type { Jobs } from "../../src/models/jobs/state.ts";
import { ModelSteps } from "../support/model-steps.ts";

const app = "app";
const lease = 60_000;

class QueueSteps extends ModelSteps {
  constructor() {
    super(jobs);
  }

  /** Enqueues a job, and returns why not. */
  enqueue(job: string, more: object = {}): string[] {
    return this.codes(app, "enqueue", { job, payload: { of: job }, ...more });
  }

  /** The names of the jobs that a claim gives, in their order. */
  claim(worker: string, max = 1, tags: string[] = []): string[] {
    const before = this.#fence;
    const codes = this.codes(worker, "claim", { worker, max, tags });
    if (codes.length > 0) return codes;
    return Object.entries(this.queue.jobs)
      .filter(([, { phase, fence = 0 }]) => phase === "running" && fence > before)
      .toSorted(([, one], [, other]) => one.fence! - other.fence!)
      .map(([id]) => id);
  }

  end(type: "complete" | "fail" | "release", job: string, more: object = {}): string[] {
    const { worker = "none", fence = 1 } = this.queue.jobs[job] ?? {};
    return this.codes(worker, type, { job, fence, ...more });
  }

  pass(ms: number): void {
    this.now += ms;
    expect(this.codes("timer", "tick", {})).toEqual([]);
  }

  get queue(): Jobs {
    return this.plain<Jobs>();
  }

  get #fence(): number {
    return this.queue.fence;
  }
}

describe("jobs: claims and leases", () => {
  it("[JB-2] gives each job to one worker, and what is completed to nobody", () => {
    const steps = new QueueSteps();
    for (const job of ["a", "b", "c"]) expect(steps.enqueue(job)).toEqual([]);
    expect(steps.claim("w1", 2)).toEqual(["a", "b"]);
    expect(steps.claim("w2", 2)).toEqual(["c"]);
    expect(steps.claim("w2")).toEqual(["NO_JOB"]);
    for (const job of ["a", "b", "c"]) expect(steps.end("complete", job)).toEqual([]);
    const { jobs: open, workers, bytes, counts, leased } = steps.queue;
    expect({ open, workers, bytes, leased }).toEqual({ open: {}, workers: {}, bytes: 0, leased: 0 });
    expect(counts).toEqual({ after: 0, later: 0, ready: 0, running: 0, dead: 0 });
    expect(steps.enqueue("a")).toEqual(["JOB_EXISTS"]);
  });

  it("[JB-2] gives a job back whose lease is lost, and rejects what is said under the old fence", () => {
    const steps = new QueueSteps();
    steps.enqueue("a");
    steps.enqueue("b");
    expect(steps.claim("w1")).toEqual(["a"]);
    const { fence } = steps.queue.jobs["a"]!;
    steps.pass(lease - 1);
    expect(steps.claim("w2", 2)).toEqual(["b"]);
    steps.pass(1);
    // It comes back to the front of those that wait.
    steps.enqueue("c");
    expect(steps.claim("w3", 1)).toEqual(["a"]);
    expect(steps.codes("w1", "complete", { job: "a", fence })).toEqual(["LEASE_LOST"]);
    expect(steps.codes("w1", "fail", { job: "a", fence, error: "late" })).toEqual(["LEASE_LOST"]);
    expect(steps.codes("w1", "heartbeat", { worker: "w1" })).toEqual(["LEASE_LOST"]);
    expect(steps.queue.jobs["a"]!.fence).toBeGreaterThan(fence!);
    expect(steps.codes("w1", "complete", { job: "a", fence: steps.queue.jobs["a"]!.fence })).toEqual(["NOT_YOUR_JOB"]);
    expect(steps.end("complete", "a")).toEqual([]);
  });

  it("[JB-2] accepts a heartbeat past half of the lease only, and it renews all jobs of the worker", () => {
    const steps = new QueueSteps();
    for (const job of ["a", "b"]) steps.enqueue(job);
    steps.claim("w1", 2);
    steps.now += lease / 2 - 1;
    expect(steps.codes("w1", "heartbeat", { worker: "w1" })).toEqual(["TOO_EARLY"]);
    steps.now += 1;
    expect(steps.codes("w1", "heartbeat", { worker: "w1" })).toEqual([]);
    steps.pass(lease - 1);
    expect(steps.queue.counts).toMatchObject({ running: 2 });
    steps.pass(1);
    expect(steps.queue.counts).toMatchObject({ running: 0, ready: 2 });
  });
});
