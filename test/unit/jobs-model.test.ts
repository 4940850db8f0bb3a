import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { estimateWait, jobs, oldestReady } from "../../src/models/jobs/index.ts";
import { authorKey } from "../../src/model/share.ts";
import type { Jobs } from "../../src/models/jobs/state.ts";
import { faultsOf, nextJob } from "../support/jobs-audit.ts";
import { Random } from "../simulation/random.ts";
import { ModelSteps } from "../support/model-steps.ts";

const app = "app";
const lease = 60_000;

class QueueSteps extends ModelSteps {
  /** `from`: the state to go on with. */
  constructor(from?: Jobs) {
    super(from ? { ...jobs, initialState: () => from } : jobs);
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

describe("jobs: order", () => {
  it("[JB-3] takes first what came first, whatever its priority, until there is a policy", () => {
    const steps = new QueueSteps();
    steps.enqueue("a");
    steps.enqueue("b", { priority: 9 });
    expect(steps.claim("w", 2)).toEqual(["a", "b"]);
  });

  it("[JB-3] [JB-7] a priority overtakes what is younger than its steps, and so nothing waits forever", () => {
    const steps = new QueueSteps();
    steps.codes(app, "policy", { agingSeconds: 60 });
    steps.enqueue("old");
    steps.now += 9 * 60_000 - 1;
    steps.enqueue("urgent", { priority: 9 });
    steps.now += 1;
    steps.enqueue("late", { priority: 9 });
    // It has waited as long as nine steps are, so what comes now does not overtake it.
    expect(steps.claim("w", 3)).toEqual(["urgent", "old", "late"]);
  });

  it("[JB-3] no job starves under a stream of urgent ones", () => {
    const steps = new QueueSteps();
    steps.codes(app, "policy", { agingSeconds: 10 });
    steps.enqueue("plain");
    let claimed = 0;
    for (let n = 0; ; n++) {
      for (const more of [1, 2]) steps.enqueue(`urgent-${n}-${more}`, { priority: 9 });
      steps.now += 1_000;
      const [job] = steps.claim("w");
      steps.end("complete", job!);
      claimed++;
      if (job === "plain") break;
      expect(n).toBeLessThan(200);
    }
    // 9 steps of 10 s: two urgent jobs come a second, and one is done.
    expect(claimed).toBeGreaterThan(90);
  });

  it("[JB-3] divides workers by weights, whatever jobs cost, within 5 %", () => {
    const steps = new QueueSteps();
    steps.codes(app, "policy", { fair: true });
    const shares = { ann: { weight: 3, cost: 2 }, bob: { weight: 2, cost: 5 }, eve: { weight: 1, cost: 1 } };
    for (const [share, { weight }] of Object.entries(shares)) steps.codes(app, "weight", { share, weight });
    const taken = { ann: 0, bob: 0, eve: 0 };
    let n = 0;
    const fill = () => {
      for (const [share, { cost }] of Object.entries(shares)) steps.enqueue(`${share}-${n++}`, { share, cost });
    };
    for (let each = 0; each < 40; each++) fill();
    for (let each = 0; each < 1_500; each++) {
      const [job] = steps.claim("w");
      const share = job!.split("-")[0] as keyof typeof taken;
      taken[share] += shares[share].cost;
      steps.end("complete", job!);
      steps.enqueue(`${share}-${n++}`, { share, cost: shares[share].cost });
    }
    const all = taken.ann + taken.bob + taken.eve;
    for (const share of Object.keys(taken) as (keyof typeof taken)[]) {
      const due = shares[share].weight / 6;
      expect(Math.abs(taken[share] / all - due) / due).toBeLessThan(0.05);
    }
  });

  it("[JB-3] a stream of new shares delays none that is there", () => {
    const steps = new QueueSteps();
    steps.codes(app, "policy", { fair: true });
    for (let n = 0; n < 5; n++) steps.enqueue(`heavy-${n}`, { share: "heavy", cost: 10 });
    const gaps: number[] = [];
    for (let n = 0, last = 0; gaps.length < 4 && n < 200; n++) {
      steps.enqueue(`new-${n}`, { share: `new-${n}` });
      const [job] = steps.claim("w");
      steps.end("complete", job!);
      if (!job!.startsWith("heavy")) continue;
      gaps.push(n - last);
      last = n;
    }
    expect(gaps).toHaveLength(4);
    // A job of cost 10 waits for ten rounds; each job that it takes leaves one new share more for each of them.
    for (const [jobs, gap] of gaps.entries()) expect(gap).toBeLessThanOrEqual(10 * (jobs + 1) + 1);
  });

  it("[JB-2] gives a worker what it has the tags for", () => {
    const steps = new QueueSteps();
    steps.enqueue("gpu", { tags: ["gpu"] });
    steps.enqueue("both", { tags: ["eu", "gpu"] });
    steps.enqueue("any");
    expect(steps.claim("w1", 3)).toEqual(["any"]);
    expect(steps.claim("w2", 3, ["gpu", "fast"])).toEqual(["gpu"]);
    expect(steps.claim("w3", 3, ["gpu", "eu"])).toEqual(["both"]);
  });

  it("[JB-3] runs jobs with one key one at a time, or as many as its limit says, across tags", () => {
    const steps = new QueueSteps();
    for (const job of ["a", "b"]) steps.enqueue(job, { key: "db" });
    steps.enqueue("c", { key: "db", tags: ["gpu"] });
    steps.enqueue("free");
    expect(steps.claim("w", 4, ["gpu"])).toEqual(["a", "free"]);
    expect(steps.codes(app, "limit", { key: "db", max: 2 })).toEqual([]);
    expect(steps.claim("w", 4, ["gpu"])).toEqual(["b"]);
    steps.end("complete", "a");
    expect(steps.claim("w", 4, ["gpu"])).toEqual(["c"]);
    steps.codes(app, "limit", { key: "db", max: 1 });
    steps.enqueue("d", { key: "db" });
    steps.end("complete", "b");
    expect(steps.claim("w", 4)).toEqual(["NO_JOB"]);
    steps.end("complete", "c");
    expect(steps.claim("w", 4)).toEqual(["d"]);
  });
});

describe("jobs: time and dependencies", () => {
  it("[JB-1] begins no job before its time, and none after its deadline", () => {
    const steps = new QueueSteps();
    const { now } = steps;
    steps.enqueue("later", { runAt: now + 5_000 });
    steps.enqueue("late", { deadline: now + 4_000 });
    expect(steps.queue.due).toBe(now + 4_000);
    steps.pass(4_000);
    expect(steps.queue.jobs["late"]).toMatchObject({ phase: "dead" });
    expect(steps.queue.due).toBe(now + 5_000);
    expect(steps.claim("w")).toEqual(["NO_JOB"]);
    steps.pass(1_000);
    expect(steps.claim("w")).toEqual(["later"]);
    expect(steps.codes(app, "replay", { job: "late" })).toEqual([]);
    expect(steps.claim("w")).toEqual(["late"]);
  });

  it("[JB-1] runs a job when all that it waits for are done, and knows no cycle", () => {
    const steps = new QueueSteps();
    steps.enqueue("a");
    steps.enqueue("b");
    expect(steps.enqueue("c", { after: ["a", "b"] })).toEqual([]);
    expect(steps.enqueue("d", { after: ["d"] })).toEqual(["CYCLE"]);
    expect(steps.enqueue("d", { after: ["e"] })).toEqual(["JOB_NOT_FOUND"]);
    expect(steps.claim("w", 3)).toEqual(["a", "b"]);
    steps.end("complete", "a");
    expect(steps.claim("w")).toEqual(["NO_JOB"]);
    steps.end("complete", "b");
    expect(steps.claim("w")).toEqual(["c"]);
    // What is done already is not waited for.
    expect(steps.enqueue("d", { after: ["a", "c"] })).toEqual([]);
    steps.end("complete", "c");
    expect(steps.claim("w")).toEqual(["d"]);
  });

  it("[JB-6] cancels a job with all that wait for it, and its worker cannot complete it", () => {
    const steps = new QueueSteps();
    steps.enqueue("a");
    steps.enqueue("b", { after: ["a"] });
    steps.enqueue("c", { after: ["b"] });
    steps.enqueue("other");
    steps.claim("w");
    const { fence } = steps.queue.jobs["a"]!;
    expect(steps.codes(app, "cancel", { job: "a" })).toEqual([]);
    expect(Object.keys(steps.queue.jobs)).toEqual(["other"]);
    expect(steps.codes("w", "complete", { job: "a", fence })).toEqual(["LEASE_LOST"]);
    // The name is free, and its new job waits for nothing that the old one did.
    expect(steps.enqueue("b", { after: ["other"] })).toEqual([]);
    expect(steps.enqueue("a")).toEqual([]);
    expect(steps.claim("w2", 3)).toEqual(["other", "a"]);
  });

  it("[JB-6] a paused queue gives nothing out, and one that drains takes nothing in", () => {
    const steps = new QueueSteps();
    steps.enqueue("a");
    steps.codes(app, "pause", {});
    expect(steps.claim("w")).toEqual(["QUEUE_PAUSED"]);
    expect(steps.enqueue("b")).toEqual([]);
    steps.codes(app, "drain", {});
    expect(steps.enqueue("c")).toEqual(["QUEUE_DRAINING"]);
    expect(steps.claim("w", 2)).toEqual(["a", "b"]);
    steps.codes(app, "resume", {});
    expect(steps.enqueue("c")).toEqual([]);
  });
});

describe("jobs: failures", () => {
  it("[JB-4] tries a job again after pauses that double, then makes it a dead letter that can be replayed", () => {
    const steps = new QueueSteps();
    steps.enqueue("a", { retries: 2, backoff: 8 });
    const pauses: number[] = [];
    for (let attempt = 1; attempt <= 2; attempt++) {
      expect(steps.claim("w")).toEqual(["a"]);
      steps.end("fail", "a", { error: "no" });
      const { at, phase, error } = steps.queue.jobs["a"]!;
      expect({ phase, error }).toEqual({ phase: "later", error: "no" });
      pauses.push(at - steps.now);
      steps.pass(at - steps.now);
    }
    for (const [n, pause] of pauses.entries()) {
      expect(pause).toBeGreaterThanOrEqual(4_000 * 2 ** n);
      expect(pause).toBeLessThanOrEqual(8_000 * 2 ** n);
    }
    steps.claim("w");
    steps.end("fail", "a", { error: "never" });
    expect(steps.queue.jobs["a"]).toMatchObject({ phase: "dead", error: "never", attempts: 3 });
    expect(steps.claim("w")).toEqual(["NO_JOB"]);
    expect(steps.codes(app, "replay", { job: "a" })).toEqual([]);
    expect(steps.codes(app, "replay", { job: "a" })).toEqual(["NOT_DEAD"]);
    expect(steps.claim("w")).toEqual(["a"]);
    expect(steps.queue.jobs["a"]).toMatchObject({ attempts: 1 });
  });

  it("[JB-4] jobs that have failed together do not come back together", () => {
    const steps = new QueueSteps();
    for (let n = 0; n < 20; n++) steps.enqueue(`job-${n}`);
    for (const job of steps.claim("w", 20)) steps.end("fail", job, { error: "no" });
    const times = Object.values(steps.queue.jobs).map(({ at }) => at);
    expect(new Set(times).size).toBe(20);
    expect(Math.max(...times) - Math.min(...times)).toBeGreaterThan(3_000);
  });

  it("[JB-4] a job that its workers do not survive becomes a dead letter, and one that was given back has lost nothing", () => {
    const steps = new QueueSteps();
    steps.enqueue("poison", { retries: 1 });
    steps.claim("w");
    steps.end("release", "poison");
    expect(steps.queue.jobs["poison"]).toMatchObject({ phase: "ready", attempts: 0 });
    for (let attempt = 1; attempt <= 2; attempt++) {
      expect(steps.claim(`w${attempt}`)).toEqual(["poison"]);
      steps.pass(lease);
    }
    expect(steps.queue.jobs["poison"]).toMatchObject({ phase: "dead", error: "Its workers ended before it did." });
    steps.enqueue("useless");
    steps.claim("w");
    steps.end("fail", "useless", { error: "no such file", retry: false });
    expect(steps.queue.jobs["useless"]).toMatchObject({ phase: "dead" });
  });
});

describe("jobs: what it costs", () => {
  /** A queue in which this many jobs wait, as if each had been enqueued. */
  function waiting(count: number): QueueSteps {
    const steps = new QueueSteps();
    steps.enqueue("job-0");
    const state = steps.queue;
    const [one, queue] = [state.jobs["job-0"]!, state.queues[""]!];
    for (let n = 1; n < count; n++) state.jobs[`job-${n}`] = { ...one, seq: n + 1 };
    state.seq = count;
    state.bytes = one.charge * count;
    state.counts.ready = count;
    Object.assign(queue, { ready: count, open: count, by: { [authorKey(app)]: count } });
    return new QueueSteps(state);
  }

  /** The work of each event of a job's life, in the units of `State.work`. */
  function lifeAmong(count: number): Record<string, number> {
    const steps = waiting(count);
    const work = (author: string, type: string, payload: object) => {
      expect(steps.codes(author, type, payload)).toEqual([]);
      return steps.work;
    };
    return {
      enqueue: work("other", "enqueue", { job: "new", payload: { of: "new" }, priority: 3 }),
      claim: work("w", "claim", { worker: "w" }),
      complete: work("w", "complete", { job: "job-0", fence: 1 }),
    };
  }

  it("[JB-7] [MD-15] the life of a job takes the same work among 100,000 that wait, but for the depth of a heap", () => {
    expect(faultsOf(waiting(100).queue)).toEqual([]);
    const [few, many] = [lifeAmong(100), lifeAmong(99_000)];
    console.log(`work of a job's life among 100 and 99,000 that wait: ${JSON.stringify([few, many])}`);
    for (const [type, units] of Object.entries(many)) {
      expect(units).toBeLessThan(400);
      // 2^10 times as many: ten levels more, each counted once or twice.
      expect(units - few[type]!).toBeLessThanOrEqual(25);
    }
  });
});

describe("jobs: how long it takes", () => {
  /** Three workers that take 2 to 8 seconds for a job. Returns by how much the estimates were wrong in the mean, as a share of the waits. */
  function meanError(enqueue: (steps: QueueSteps, n: number) => void, policy: object): number {
    const steps = new QueueSteps();
    steps.codes(app, "policy", policy);
    steps.codes(app, "weight", { share: "ann", weight: 3 });
    for (let n = 0; n < 60; n++) enqueue(steps, n);
    const random = new Random(1);
    const busy: { worker: string; job: string; until: number }[] = [];
    const claim = (worker: string) => {
      const [job] = steps.claim(worker);
      if (steps.queue.jobs[job!]) busy.push({ worker, job: job!, until: steps.now + random.between(2_000, 8_000) });
      return job!;
    };
    for (const worker of ["w1", "w2", "w3"]) claim(worker);
    const estimated = new Map<string, { at: number; ms: number }[]>();
    const waits: number[] = [];
    const errors: number[] = [];
    for (let done = 1; busy.length > 0; done++) {
      const next = busy.toSorted((one, other) => one.until - other.until)[0]!;
      busy.splice(busy.indexOf(next), 1);
      steps.now = next.until;
      expect(steps.end("complete", next.job)).toEqual([]);
      const claimed = claim(next.worker);
      for (const { at, ms } of estimated.get(claimed) ?? []) {
        waits.push(steps.now - at);
        errors.push(Math.abs(steps.now - at - ms));
      }
      if (done < 10 || done > 40) continue;
      const state = steps.queue;
      for (const [id, { phase }] of Object.entries(state.jobs)) {
        if (phase !== "ready") continue;
        const of = estimated.get(id) ?? [];
        estimated.set(id, of);
        of.push({ at: steps.now, ms: estimateWait(state, id, steps.now)!.ms! });
      }
    }
    expect(errors.length).toBeGreaterThan(900);
    const sum = (numbers: number[]) => numbers.reduce((total, number) => total + number, 0);
    return sum(errors) / sum(waits);
  }

  it.each([
    ["first come, first served", {}, (steps: QueueSteps, n: number) => steps.enqueue(`job-${n}`)],
    [
      "by priority with aging",
      { agingSeconds: 30 },
      (steps: QueueSteps, n: number) => steps.enqueue(`job-${n}`, { priority: n % 10 }),
    ],
    [
      "by weights of shares",
      { fair: true },
      // Of two alike, one has three times the weight.
      (steps: QueueSteps, n: number) => steps.enqueue(`job-${n}`, { share: n % 2 === 0 ? "bob" : "ann" }),
    ],
  ])("[JB-5] is estimated from history, %s: in the mean a third off at most", (_, policy, enqueue) => {
    const error = meanError((steps, n) => void expect(enqueue(steps, n)).toEqual([]), policy);
    console.log(`estimates are off by ${(error * 100).toFixed(1)} % in the mean`);
    expect(error).toBeLessThan(1 / 3);
  });

  it("[JB-5] is the pace of its queue times what is before it, and unknown without history", () => {
    const steps = new QueueSteps();
    const estimate = (job: string) => estimateWait(steps.queue, job, steps.now);
    for (const job of ["a", "b", "c", "d", "e"]) steps.enqueue(job);
    steps.enqueue("after", { after: ["a"] });
    expect(oldestReady(steps.queue)).toBe(steps.now);
    expect(estimate("c")).toEqual({ ahead: 2, ms: undefined });
    const done = (job: string) => {
      expect(steps.claim("w")).toEqual([job]);
      steps.now += 5_000;
      steps.end("complete", job);
    };
    expect(estimate("after")).toBeUndefined();
    done("a");
    // Of one job that was done, and by one worker.
    expect(estimate("e")).toEqual({ ahead: 3, ms: 20_000 });
    done("b");
    expect(estimate("e")).toEqual({ ahead: 2, ms: 15_000 });
    expect(oldestReady(steps.queue)).toBe(steps.now - 10_000);
    steps.claim("w");
    expect(estimate("c")).toBeUndefined();
    steps.enqueue("later", { runAt: steps.now + 600_000 });
    expect(estimate("later")!.ms).toBe(600_000);
    expect(estimate("nothing")).toBeUndefined();
  });
});

const names = ["a", "b", "c", "d", "e", "f", "g", "h", "i", "j", "k", "l"];
const tagSets = [[], ["x"], ["x", "y"], ["y"]];
const of = <T>(all: readonly T[]) => fc.constantFrom(...all);
const often = <T>(value: fc.Arbitrary<T>) => fc.option(value, { nil: undefined, freq: 2 });
const operation = fc.oneof(
  {
    weight: 6,
    arbitrary: fc.record({
      type: fc.constant("enqueue"),
      from: of(["app", "other", "constructor"]),
      job: of(names),
      priority: often(fc.nat(9)),
      tags: often(of(tagSets)),
      share: often(of(["s", "t", "u"])),
      cost: often(fc.integer({ min: 1, max: 7 })),
      key: often(of(["k", "l"])),
      in: often(fc.nat(90_000)),
      deadline: often(fc.nat(90_000)),
      after: often(fc.uniqueArray(of(names), { minLength: 1, maxLength: 3 })),
      retries: often(fc.nat(1)),
    }),
  },
  {
    weight: 6,
    arbitrary: fc.record({
      type: fc.constant("claim"),
      worker: of(["w1", "w2", "w3"]),
      max: fc.integer({ min: 1, max: 3 }),
      tags: of(tagSets),
    }),
  },
  { weight: 6, arbitrary: fc.record({ type: of(["complete", "complete", "fail", "release"]), job: of(names) }) },
  { weight: 2, arbitrary: fc.record({ type: of(["cancel", "replay"]), job: of(names) }) },
  { weight: 2, arbitrary: fc.record({ type: fc.constant("tick"), ms: fc.nat(70_000) }) },
  { weight: 1, arbitrary: fc.record({ type: fc.constant("heartbeat"), worker: of(["w1", "w2", "w3"]) }) },
  {
    weight: 1,
    arbitrary: fc.record({ type: fc.constant("policy"), agingSeconds: often(of([1, 60])), fair: fc.boolean() }),
  },
  {
    weight: 1,
    arbitrary: fc.record({
      type: fc.constant("weight"),
      share: of(["s", "t"]),
      weight: fc.integer({ min: 1, max: 4 }),
    }),
  },
  {
    weight: 1,
    arbitrary: fc.record({ type: fc.constant("limit"), key: of(["k", "l"]), max: fc.integer({ min: 1, max: 3 }) }),
  },
);

describe("jobs: any sequence of events", () => {
  it("[JB-7] [TX-8] chooses as the state says, keeps its counts, and goes on alike after a restart and an undo", () => {
    fc.assert(
      fc.property(fc.array(operation, { maxLength: 60, size: "max" }), (list) => {
        const steps = new QueueSteps();
        // Its index is built again before each event.
        let restarted = steps.canonical();
        for (const each of list) {
          const {
            type,
            ms = 0,
            in: later,
            from,
            ...given
          } = each as { type: string; ms?: number; in?: number; from?: string; [key: string]: unknown };
          steps.now += ms;
          const { job, worker, max, tags } = given as { job: string; worker: string; max: number; tags: string[] };
          const payload: Record<string, unknown> = { ...given };
          if (type === "enqueue") {
            Object.assign(payload, { payload: { of: job } });
            if (later !== undefined) payload["runAt"] = steps.now + later;
            if (payload["deadline"] !== undefined) payload["deadline"] = steps.now + Number(payload["deadline"]);
          }
          const held = steps.queue.jobs[job];
          if (["complete", "fail", "release"].includes(type)) payload["fence"] = held?.fence ?? 1;
          if (type === "fail") payload["error"] = "no";
          for (const key of Object.keys(payload)) if (payload[key] === undefined) delete payload[key];
          const author = from ?? worker ?? held?.worker ?? app;

          const before = steps.queue;
          const expected = type === "claim" ? nextJob(steps.queue, tags) : undefined;
          const other = new QueueSteps(JSON.parse(restarted) as Jobs);
          other.now = steps.now;
          expect(other.codes(author, type, payload)).toEqual(steps.codes(author, type, payload));
          restarted = steps.canonical();
          expect(other.canonical()).toBe(restarted);
          const state = steps.queue;
          expect(faultsOf(state)).toEqual([]);
          if (type !== "claim") continue;
          for (const [key, { running }] of Object.entries(state.keys)) {
            const grown = running - before.keys[key]!.running;
            if (grown > 0) expect(running).toBeLessThanOrEqual(state.limits[key] ?? 1);
          }
          if (max !== 1) continue;
          const taken = Object.keys(state.jobs).find((id) => state.jobs[id]!.fence === state.fence);
          if (expected !== undefined) expect(taken).toBe(expected);
        }
      }),
      { numRuns: 250 },
    );
  });
});
