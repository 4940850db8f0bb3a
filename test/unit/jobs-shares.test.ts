import { readFileSync } from "node:fs";
import { describe, expect, it } from "vitest";
import { jobs } from "../../src/models/jobs/index.ts";
import { authorKey } from "../../src/model/share.ts";
import { bytesMax, jobsMax, lanesMax, queuesMax, thenMax, workersMax } from "../../src/models/jobs/moves.ts";
import { bounds } from "../../src/protocol/index.ts";
import type { Jobs } from "../../src/models/jobs/state.ts";
import type { AnyModel } from "../../src/model/index.ts";
import { faultsOf } from "../support/jobs-audit.ts";
import { ModelSteps } from "../support/model-steps.ts";
import { TestPartition } from "../support/partition.ts";

/** Drafts of several authors. */
class SharedQueue extends ModelSteps {
  #jobs = 0;

  /** `from`: the state to go on with. */
  constructor(from?: Jobs) {
    super(from ? { ...jobs, initialState: () => from } : jobs);
  }

  get queue(): Jobs {
    return this.plain<Jobs>();
  }

  enqueue(author: string, tag: string): string[] {
    return this.codes(author, "enqueue", { job: `job-${++this.#jobs}`, payload: {}, tags: [tag] });
  }

  claim(author: string, worker: string, tag: string): string[] {
    return this.codes(author, "claim", { worker, tags: [tag], seconds: 24 * 60 * 60 });
  }

  /** Enqueues a job of any kind, with another name than the one before. */
  add(author: string, more: object): string[] {
    return this.codes(author, "enqueue", { job: `job-${++this.#jobs}`, payload: {}, ...more });
  }

  /** How many drafts of a kind are accepted before the first that is not. */
  many(draft: (at: number) => string[]): number {
    let count = 0;
    while (draft(count).length === 0) count++;
    return count;
  }

  /** In how many sets of tags of its own the author gets a job in. */
  openMany(author: string): number {
    return this.many((at) => this.enqueue(author, `${author}-${at}`));
  }

  /** As how many workers the author gets a job. */
  workMany(author: string): number {
    return this.many((at) => this.claim(author, `${author}-${at}`, "mail"));
  }
}

describe("jobs of several authors", () => {
  it("[BD-4] [JB-1] share the sets of tags: however many one takes, others have theirs", () => {
    const steps = new SharedQueue();
    expect(steps.openMany("mallory")).toBe(queuesMax / 2);
    expect(steps.openMany("ann")).toBe(queuesMax / 4);
    expect(steps.openMany("bob")).toBe(queuesMax / 8);
    expect(steps.enqueue("mallory", "another")).toEqual(["TOO_MANY_QUEUES"]);
    // Where it has jobs already, it can have more.
    expect(steps.enqueue("mallory", "mallory-0")).toEqual([]);
    // As many as are left have one each, and no more.
    const left = queuesMax - steps.queue.openQueues;
    for (let at = 0; at < left; at++) expect(steps.enqueue(`one-${at}`, `one-${at}`)).toEqual([]);
    expect(steps.enqueue("late", "late")).toEqual(["TOO_MANY_QUEUES"]);
    expect(steps.enqueue("late", "one-0")).toEqual([]);
    expect(faultsOf(steps.queue)).toEqual([]);
  });

  it("[BD-4] [JB-1] count for who has them: nobody keeps the sets of another one open", () => {
    const steps = new SharedQueue();
    for (let at = 0; at < 10; at++) {
      steps.enqueue("ann", `ann-${at}`);
      expect(steps.enqueue("mallory", `ann-${at}`)).toEqual([]);
      expect(steps.claim("worker", "w", `ann-${at}`)).toEqual([]);
      const [id, { fence, author }] = Object.entries(steps.queue.jobs).find(([, { phase }]) => phase === "running")!;
      expect(author).toBe("ann");
      expect(steps.codes("worker", "complete", { job: id, fence })).toEqual([]);
    }
    expect(steps.queue.queuesOf).toEqual({ "@mallory": 10 });
    expect(steps.queue.workersOf).toEqual({});
    // What is open counts where it is entered, too.
    for (let at = 0; at < queuesMax - 10; at++)
      steps.fold("many", "enqueue", { job: `m-${at}`, payload: {}, tags: [`m-${at}`] });
    expect(steps.enqueue("mallory", "m-0")).toEqual(["TOO_MANY_QUEUES"]);
    expect(faultsOf(steps.queue)).toEqual([]);
  });

  it("[BD-4] [JB-2] share the workers: however many one is, others can work", () => {
    const steps = new SharedQueue();
    for (let at = 0; at < workersMax; at++) steps.enqueue("ann", "mail");
    expect(steps.workMany("mallory")).toBe(workersMax / 2);
    expect(steps.workMany("bob")).toBe(workersMax / 4);
    expect(steps.claim("mallory", "another", "mail")).toEqual(["TOO_MANY_WORKERS"]);
    expect(steps.claim("mallory", "mallory-0", "mail")).toEqual([]);
    expect(steps.claim("honest", "honest", "mail")).toEqual([]);
    steps.now += 24 * 60 * 60 * 1_000;
    while (Object.keys(steps.queue.workers).length > 0) expect(steps.codes("timer", "tick", {})).toEqual([]);
    expect(steps.queue.workersOf).toEqual({});
  });

  it("[BD-4] [JB-1] share the number of open jobs: one has half of them at most, and others have theirs", () => {
    const first = new SharedQueue();
    first.codes("mallory", "enqueue", { job: "open-0", payload: {} });
    const state = first.queue;
    const [one, queue] = [state.jobs["open-0"]!, state.queues[""]!];
    const open = jobsMax / 2 - 1;
    for (let n = 1; n < open; n++) state.jobs[`open-${n}`] = { ...one, seq: n + 1 };
    Object.assign(state, { seq: open, bytes: state.bytes + one.charge * (open - 1) });
    state.counts.ready = open;
    Object.assign(queue, { ready: open, open, by: { [authorKey("mallory")]: open } });
    const steps = new SharedQueue(state);
    expect(steps.many((at) => steps.add("mallory", { tags: [`t${at}`] }))).toBe(1);
    expect(steps.submit("mallory", "enqueue", { job: "more", payload: {} })).toEqual([
      {
        field: "payload.job",
        code: "QUEUE_FULL",
        message: expect.stringMatching(/^50000 jobs are open here.*50000 of them are yours/),
      },
    ]);
    expect(steps.add("ann", {})).toEqual([]);
    // What is done is free again.
    expect(steps.claim("w", "w", "mail")).toEqual([]);
    expect(steps.codes("w", "complete", { job: "open-0", fence: 1 })).toEqual([]);
    expect(steps.add("mallory", {})).toEqual([]);
  });

  it("[BD-4] [JB-1] share what open jobs carry: one has half of the bytes at most, and others have theirs", () => {
    const steps = new SharedQueue();
    const large = { payload: { text: "x".repeat(16_000) } };
    const fill = (author: string) => {
      steps.many(() => steps.add(author, large));
      return steps.queue.bytes;
    };
    const one = 34_000;
    const mallory = fill("mallory");
    expect(Math.abs(mallory - bytesMax / 2)).toBeLessThan(one);
    const ann = fill("ann") - mallory;
    expect(Math.abs(ann - bytesMax / 4)).toBeLessThan(one);
    expect(steps.add("mallory", large)).toEqual(["QUEUE_FULL"]);
    // The first one is refused only where nothing is left.
    for (let at = 0; at < 100; at++) expect(steps.add(`one-${at}`, large)).toEqual([]);
    expect(steps.many((at) => steps.add(`one-more-${at}`, large))).toBeGreaterThan(100);
    expect(steps.queue.bytes).toBeGreaterThan(bytesMax - one);
    expect(faultsOf(steps.queue)).toEqual([]);
  });

  it("[BD-4] [JB-3] share the combinations of a concurrency key: one has half of them at most", () => {
    const steps = new SharedQueue();
    const lanes = (author: string) => steps.many((at) => steps.add(author, { key: "k", share: `${author}-${at}` }));
    expect(lanes("mallory")).toBe(lanesMax / 2);
    expect(lanes("ann")).toBe(lanesMax / 4);
    expect(steps.add("mallory", { key: "k", share: "other" })).toEqual(["TOO_MANY_LANES"]);
    // Where it has a job already, and with another key, it can have more.
    expect(steps.add("mallory", { key: "k", share: "mallory-0" })).toEqual([]);
    expect(steps.add("mallory", { key: "other", share: "other" })).toEqual([]);
    // Nobody keeps the combinations of another one open.
    for (let at = 0; at < lanesMax / 4; at++) expect(steps.add("bob", { key: "k", share: `ann-${at}` })).toEqual([]);
    const ofAnn = Object.entries(steps.queue.jobs).filter(([, { author }]) => author === "ann");
    for (const [job] of ofAnn) expect(steps.codes("ann", "cancel", { job })).toEqual([]);
    expect(lanes("ann")).toBe(lanesMax / 4);
    expect(faultsOf(steps.queue)).toEqual([]);
  });

  it("[BD-4] [JB-1] share what can wait for one job: one has half of it at most, and what was cancelled takes nothing", () => {
    const steps = new SharedQueue();
    steps.codes("operator", "policy", { fair: true, agingSeconds: 60 });
    steps.codes("ann", "enqueue", { job: "base", payload: {} });
    const after = { after: ["base"] };
    expect(steps.many(() => steps.add("mallory", after))).toBe(thenMax / 2);
    expect(steps.many(() => steps.add("ann", after))).toBe(thenMax / 4);
    expect(steps.add("mallory", after)).toEqual(["TOO_MANY_WAIT"]);
    const entries = () => steps.queue.jobs["base"]!.next?.length ?? 0;
    const most = entries();
    const bytes = steps.queue.bytes;
    for (let at = 0; at < 2 * thenMax; at++) {
      expect(steps.codes("bob", "enqueue", { job: `bob-${at}`, payload: {}, ...after })).toEqual([]);
      expect(steps.codes("bob", "cancel", { job: `bob-${at}` })).toEqual([]);
    }
    expect(steps.queue.bytes).toBe(bytes);
    expect(entries()).toBeLessThanOrEqual(2 * most);
    for (const [job, { author }] of Object.entries(steps.queue.jobs))
      if (author !== "ann") expect(steps.codes("mallory", "cancel", { job })).toEqual([]);
    expect(entries()).toBeLessThanOrEqual(thenMax / 2);
    expect(faultsOf(steps.queue)).toEqual([]);
    // All that can wait are ready by one event, within the work of a draft.
    for (let at = 0; at < thenMax; at++)
      steps.add(`one-${at}`, { ...after, tags: [`t${at % 64}`], share: `s${at}`, key: `k${at}`, priority: 9 });
    expect(steps.add("late", after)).toEqual(["TOO_MANY_WAIT"]);
    expect(steps.claim("w", "w", "none")).toEqual([]);
    expect(steps.codes("w", "complete", { job: "base", fence: 1 })).toEqual([]);
    console.log(`work of a job that ${thenMax} wait for: ${steps.work}`);
    expect(steps.work).toBeLessThan(bounds.draftWorkMax * 0.7);
    expect(steps.queue.counts).toMatchObject({ ready: thenMax, after: 0 });
    expect(faultsOf(steps.queue)).toEqual([]);
  });

  it("[BD-4] [JB-6] a job is removed with all that wait for it, whatever else these wait for", () => {
    const steps = new SharedQueue();
    const others = Array.from({ length: 31 }, (_, at) => `other-${at}`);
    for (const job of ["base", ...others]) steps.codes("ann", "enqueue", { job, payload: {} });
    for (let at = 0; at < 128; at++)
      expect(steps.codes("mallory", "enqueue", { job: `m-${at}`, payload: {}, after: ["base", ...others] })).toEqual(
        [],
      );
    expect(steps.codes("ann", "cancel", { job: "base" })).toEqual([]);
    console.log(`work of a cancellation of 128 jobs that wait for 32 each: ${steps.work}`);
    expect(steps.work).toBeLessThan(bounds.draftWorkMax);
    expect(Object.keys(steps.queue.jobs)).toEqual(others);
    expect(steps.queue.jobs["other-0"]!.next).toBeUndefined();
    expect(faultsOf(steps.queue)).toEqual([]);
  });

  it("[JB-1] [JB-2] may have names that no key of a state can have", () => {
    const steps = new SharedQueue();
    for (const author of ["constructor", "__proto__", "prototype", "toString", "7"]) {
      expect(steps.enqueue(author, "mail")).toEqual([]);
      expect(steps.claim(author, `w-${author}`, "mail")).toEqual([]);
    }
    expect(faultsOf(steps.queue)).toEqual([]);
  });

  it("[MD-4] [JB-7] a log of the version before gives each worker the jobs that it gave then", () => {
    const recorded = new URL("../fixtures/models/jobs-2.json", import.meta.url);
    const { events, state } = JSON.parse(readFileSync(recorded, "utf8")) as {
      events: [number, string, string, object][];
      state: Jobs;
    };
    const steps = new SharedQueue();
    for (const [now, author, type, payload] of events) {
      steps.now = now;
      steps.fold(author, type, payload);
    }
    // An entry by which nobody waits was kept then.
    for (const job of Object.values(state.jobs)) {
      const waiting = job.next?.filter(({ id, seq }) => state.jobs[id]?.seq === seq) ?? [];
      if (waiting.length > 0) job.next = waiting;
      else delete job.next;
    }
    const now = steps.queue;
    for (const job of Object.values(now.jobs)) {
      if (job.next) job.next = job.next.filter(({ id, seq }) => now.jobs[id]?.seq === seq);
    }
    expect(now).toEqual(state);
    expect(faultsOf(steps.queue)).toEqual([]);
  });

  it("[MD-4] [MD-5] are counted of the log of the version before, whose snapshot is not used", () => {
    const before = {
      ...jobs,
      version: jobs.version - 1,
      initialState: () => ({ ...jobs.initialState(), before: true }),
    } as unknown as AnyModel;
    const room = new TestPartition({ model: before });
    const app = room.client("app");
    let drafts = 0;
    const submit = (type: string, payload: object) => {
      // So slow that no rate counts.
      room.now += 1_000;
      expect(app.submit(`draft-${++drafts}`, type, payload).type).toBe("event_accepted");
    };
    for (let at = 0; at < 64; at++) submit("enqueue", { job: `job-${at}`, payload: {}, tags: [`t${at}`] });
    submit("claim", { worker: "w", tags: ["t0"] });
    // Enough for a snapshot.
    for (let at = 0; at < 1_000; at++) submit("resume", {});
    room.runDue();
    expect(room.driver.query("SELECT model_version FROM snapshots")).toEqual([{ model_version: before.version }]);
    room.restart(jobs as unknown as AnyModel);
    const state = room.state() as Jobs & { before?: boolean };
    expect(state.before).toBeUndefined();
    expect(state).toMatchObject({ openQueues: 64, queuesOf: { "@dev:app": 64 }, workersOf: { "@dev:app": 1 } });
    expect(faultsOf(state)).toEqual([]);
  });
});
