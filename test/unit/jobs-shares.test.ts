import { describe, expect, it } from "vitest";
import { jobs } from "../../src/models/jobs/index.ts";
import { queuesMax, workersMax } from "../../src/models/jobs/moves.ts";
import type { Jobs } from "../../src/models/jobs/state.ts";
import type { AnyModel } from "../../src/model/index.ts";
import { faultsOf } from "../support/jobs-audit.ts";
import { ModelSteps } from "../support/model-steps.ts";
import { TestPartition } from "../support/partition.ts";

/** Drafts of several authors. */
class SharedQueue extends ModelSteps {
  #jobs = 0;

  constructor() {
    super(jobs);
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

  /** In how many sets of tags of its own the author gets a job in. */
  openMany(author: string): number {
    let count = 0;
    while (this.enqueue(author, `${author}-${count}`).length === 0) count++;
    return count;
  }

  /** As how many workers the author gets a job. */
  workMany(author: string): number {
    let count = 0;
    while (this.claim(author, `${author}-${count}`, "mail").length === 0) count++;
    return count;
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

  it("[JB-1] [JB-2] may have names that no key of a state can have", () => {
    const steps = new SharedQueue();
    for (const author of ["constructor", "__proto__", "prototype", "toString", "7"]) {
      expect(steps.enqueue(author, "mail")).toEqual([]);
      expect(steps.claim(author, `w-${author}`, "mail")).toEqual([]);
    }
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
