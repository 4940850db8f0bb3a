import { jobsEffects } from "../../../src/models/jobs/effects.ts";
import { jobs } from "../../../src/models/jobs/index.ts";
import { testPartition } from "../../../src/testing/index.ts";
import { type Task, type Worker, work } from "../../../src/worker/index.ts";
import { Random } from "../random.ts";
import { judge, type JobPlan, type Started, type Stopped } from "./judge.ts";

/** How large a run is. */
export interface LineSize {
  readonly workers: number;
  readonly jobs: number;
  /** Whether workers are killed and cut off, the partition is killed, and the queue paused. */
  readonly chaos: boolean;
  /** Whether urgent jobs come faster than they are done, from the beginning to the end. */
  readonly stream?: boolean;
}

const small: LineSize = { workers: 4, jobs: 90, chaos: true };
/** Enough to measure the shares. */
const steady: LineSize = { workers: 8, jobs: 300, chaos: false };
const stream: LineSize = { workers: 8, jobs: 240, chaos: false, stream: true };
/** Seconds that a step of priority is worth; in a stream of urgent jobs so few that others get their turn while it lasts. */
const agingSecondsUsual = 30;
const agingSecondsInStream = 2;
/** How wrong the clocks of workers are, in milliseconds: more than a lease. */
const skewMsMax = 600_000;
/** Weights of the shares. Each has a third of the jobs. */
export const weights = { gold: 3, silver: 2, bronze: 1 } as const;
/** A run that takes longer than this has lost a job, in milliseconds of its own time: and for each job. */
const endlessMs = 20 * 60_000;
const endlessMsPerJob = 2_000;
/** Jobs that are enqueued at once. */
const batchMax = 64;
const stepMs = 1_000;

/** Runs workers over jobs of all kinds, on the production client and partition, with their faults. What is wrong is in `violation`. */
export async function simulateJobs(
  seed: number,
  size: LineSize = seed % 4 === 0 ? steady : seed % 4 === 2 ? stream : small,
): Promise<{ violation?: string | undefined; told: string }> {
  const random = new Random(seed);
  const partition = testPartition(jobs, { name: "jobs:line", effects: jobsEffects, seed, now: 1_700_000_000_000 });
  const app = partition.as("app");
  const agingSeconds = size.stream ? agingSecondsInStream : agingSecondsUsual;
  const plans = plan(random, size);
  const started: Started[] = [];
  const stopped: Stopped[] = [];
  let keys = 0;
  const newKey = () => ({ key: `app-${++keys}` });
  const operate = async (drafts: Parameters<typeof app.submitBatch>[1]) => {
    const written = await app.submitBatch(
      "atomic",
      drafts.map((draft) => ({ ...draft, ...newKey() })),
      newKey(),
    );
    if (written.status !== "accepted") throw new Error(JSON.stringify(written));
  };
  const act = (type: "pause" | "resume") => operate([{ type, payload: {}, key: "" }]);

  await operate([
    { type: "policy", payload: { fair: true, agingSeconds }, key: "" },
    { type: "limit", payload: { key: "pair", max: 2 }, key: "" },
    ...Object.entries(weights).map(([share, weight]) => ({
      type: "weight" as const,
      payload: { share, weight },
      key: "",
    })),
  ]);

  const devices = await Promise.all(
    Array.from({ length: size.workers }, (_, at) => partition.connect(`worker-${at}`, { principal: `p${at % 3}` })),
  );
  // Its network never fails.
  const observer = await partition.connect("observer");
  const handlers = new Random(seed + 1);
  const handle = (device: (typeof devices)[number], task: Task, of: string) =>
    new Promise<undefined>((resolve, reject) => {
      started.push({
        job: task.job,
        fence: task.fence,
        at: partition.authority.now,
        key: task.idempotencyKey,
        worker: of,
      });
      task.signal.addEventListener("abort", () => {
        stopped.push({ job: task.job, fence: task.fence, why: String(task.signal.reason) });
      });
      const fails = plans.get(task.job)!.fails >= task.attempt;
      // Sometimes longer than a lease: it has to be renewed.
      const ms = handlers.chance(0.03) ? 150_000 : handlers.between(500, 12_000);
      device.ports.after(ms, () => (fails ? reject(new Error("not this time")) : resolve(undefined)));
    });
  const clocks = new Random(seed + 2);
  const skews = devices.map(() => clocks.between(-skewMsMax, skewMsMax));
  const begin = (at: number): Worker => {
    const device = devices[at]!;
    const can = at % 4 === 3 ? [] : ["gpu"];
    const ports = { ...device.ports, now: () => device.ports.now() + skews[at]! };
    const options = { tags: can, concurrency: 1 + (at % 3), ahead: at % 2, name: `w${at}`, ports };
    const worker: Worker = work(device.client, options, (task) => handle(device, task, worker.name));
    return worker;
  };
  const workers = devices.map((_, at) => begin(at));

  const toEnqueue = [...plans.values()];
  const state = () => observer.client.state;
  const end = partition.authority.now + endlessMs + size.jobs * endlessMsPerJob;
  let dead = 0;
  for (let step = 0; partition.authority.now < end; step++) {
    // All of them at first, so that there is a backlog of each share; a stream of urgent ones later.
    const batch = toEnqueue.splice(0, step < 3 && !size.stream ? batchMax * 4 : Math.ceil(size.workers / 2));
    for (let at = 0; at < batch.length; at += batchMax) {
      await operate(batch.slice(at, at + batchMax).map(({ draft }) => ({ type: "enqueue", payload: draft, key: "" })));
    }
    await partition.advance(stepMs);
    if (size.chaos) await misfortune();
    if (step % 20 !== 0) continue;
    const { counts, jobs: open } = state();
    if (counts.dead > 0) {
      for (const [id, { phase }] of Object.entries(open)) {
        if (phase !== "dead") continue;
        dead++;
        await operate([{ type: "replay", payload: { job: id }, key: "" }]);
      }
    }
    if (toEnqueue.length === 0 && Object.keys(open).length === 0) break;
  }

  async function misfortune(): Promise<void> {
    const at = random.between(0, size.workers - 1);
    const device = devices[at]!;
    const rare = 0.04;
    if (random.chance(rare)) {
      device.restart();
      workers[at] = begin(at);
    }
    if (random.chance(rare)) device.cut();
    if (random.chance(rare * 3)) device.restore();
    if (random.chance(rare / 2)) {
      // It stands still without being gone: its lease ends, and then it reports.
      device.loseAnswers();
    }
    if (random.chance(rare)) partition.restart();
    if (random.chance(rare / 4)) await act("pause");
    if (random.chance(rare)) await act("resume");
    if (random.chance(rare / 2)) {
      void workers[at]!.stop();
      workers[at] = begin(at);
    }
  }

  const log = await partition.log();
  const left = Object.keys(state().jobs);
  const { faults, told } = judge({
    plans,
    log,
    started,
    stopped,
    left,
    errors: partition.errors,
    chaos: size.chaos,
    backlog: !size.stream,
    agingSeconds,
  });
  return {
    violation: faults[0],
    told: `${told}, ${dead} replayed, ${Math.round((partition.authority.now - 1_700_000_000_000) / 60_000)} minutes`,
  };
}

function plan(random: Random, { jobs: count, stream: isStream = false }: LineSize): Map<string, JobPlan> {
  const plans = new Map<string, JobPlan>();
  const shares = Object.keys(weights);
  for (let n = 0; n < count; n++) {
    const job = `job-${n}`;
    const share = shares[n % 3]!;
    const before = [...plans.keys()].slice(-30);
    const after = n > 10 && random.chance(0.1) ? [...new Set([random.pick(before), random.pick(before)])] : [];
    // Most of them are alike, so that the shares can be measured.
    const draft = {
      job,
      payload: { n },
      share,
      cost: 1 + (n % 4),
      retries: 2,
      backoff: 2,
      priority: random.chance(isStream ? 0.8 : 0.3) ? 9 : 0,
      ...(after.length > 0 ? { after } : {}),
      ...(random.chance(0.1) ? { tags: ["gpu"] } : {}),
      ...(random.chance(0.05) ? { key: random.pick(["one", "pair"]) } : {}),
      ...(random.chance(0.03) ? { runAt: 1_700_000_000_000 + random.between(0, 120_000) } : {}),
    };
    plans.set(job, { draft, fails: random.chance(0.05) ? random.between(1, 2) : 0 });
  }
  return plans;
}
