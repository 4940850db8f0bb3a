import type { NumberedEvent } from "../../../src/protocol/index.ts";

/** A job as the run means it. */
export interface JobPlan {
  readonly draft: {
    readonly job: string;
    readonly payload: { n: number };
    readonly share: string;
    readonly cost: number;
    readonly priority: number;
    readonly after?: string[];
    readonly tags?: string[];
    readonly key?: string;
    readonly runAt?: number;
  };
  /** How many attempts fail. */
  readonly fails: number;
}

/** A handler that has begun. */
export interface Started {
  readonly job: string;
  readonly fence: number;
  /** Milliseconds since 1970. */
  readonly at: number;
  readonly key: string;
  readonly worker: string;
}

/** A handler that was asked to end. */
export interface Stopped {
  readonly job: string;
  readonly fence: number;
  readonly why: string;
}

interface Judged {
  readonly plans: ReadonlyMap<string, JobPlan>;
  readonly log: readonly NumberedEvent[];
  readonly started: readonly Started[];
  readonly stopped: readonly Stopped[];
  /** Whether workers and the partition failed. */
  readonly chaos: boolean;
  /** Whether jobs of all shares wait from the beginning on: then it shows how workers are divided. */
  readonly backlog: boolean;
  /** Seconds that a step of priority is worth. */
  readonly agingSeconds: number;
  /** The jobs that are open at the end. */
  readonly left: readonly string[];
  readonly errors: readonly string[];
}

/** Leases of workers have this length, in milliseconds, and what ends them comes at most so much later. */
const leaseMs = 60_000;

/** Among fewer jobs, those that wait for others and those that are begun again decide what the shares are. */
const sharesJobsMin = 250;
const shareErrorMax = 0.05;

/** Judges a run by its log and by what handlers have seen, without the model. */
export function judge(judged: Judged): { faults: string[]; told: string } {
  const { plans, log, started, stopped, left, errors, chaos, backlog } = judged;
  const faults: string[] = [...errors];
  const completed = new Map<string, { fence: number; at: number; place: number }>();
  const failed = new Map<string, number>();
  const alive = new Map<string, number>();
  const wasReported = new Set<number>();
  for (const [place, { event }] of log.entries()) {
    const { type, payload, timestamp: at } = event;
    const { job, fence, worker } = payload as { job: string; fence: number; worker: string };
    if (type === "claim" || type === "heartbeat") alive.set(worker, at);
    if (type !== "complete" && type !== "fail" && type !== "release") continue;
    if (wasReported.has(fence)) faults.push(`two reports under ${fence}`);
    wasReported.add(fence);
    const begun = started.find((each) => each.fence === fence && each.job === job);
    if (type !== "release" && !begun) faults.push(`${type} of ${job} under ${fence}, which no handler had`);
    const newer = started.find((each) => each.job === job && each.fence > fence && each.at < at);
    if (newer) faults.push(`${type} of ${job} under ${fence} after ${newer.fence} has begun`);
    if (begun && at - (alive.get(begun.worker) ?? 0) > leaseMs + 2_000)
      faults.push(`${begun.worker} reported ${job} long after its lease`);
    if (type === "fail") failed.set(job, (failed.get(job) ?? 0) + 1);
    if (type !== "complete") continue;
    if (completed.has(job)) faults.push(`${job} is completed twice`);
    completed.set(job, { fence, at, place });
  }
  if (left.length > 0) faults.push(`${left.length} jobs are open in the end: ${left.slice(0, 5).join(" ")}`);
  const keys = new Map<string, string>();
  for (const { job, key } of started) {
    if ((keys.get(job) ?? key) !== key) faults.push(`${job} has two idempotency keys`);
    keys.set(job, key);
  }
  if (new Set(keys.values()).size !== keys.size) faults.push("two jobs have one idempotency key");
  for (const [job, { draft }] of plans) {
    const done = completed.get(job);
    if (!done) {
      faults.push(`${job} is not completed`);
      continue;
    }
    const first = started.filter((each) => each.job === job).map(({ at }) => at);
    if (first.length === 0) faults.push(`${job} was completed, and no handler has begun it`);
    for (const before of draft.after ?? []) {
      const earlier = completed.get(before);
      if (!earlier || earlier.place > done.place || Math.min(...first) < earlier.at) {
        faults.push(`${job} was begun before ${before} was completed`);
      }
    }
  }
  if (!chaos) {
    // Nothing has failed: so each lease was renewed in time, however wrong the clock of its worker is.
    for (const { job, fence, why } of stopped) faults.push(`the handler of ${job} under ${fence} had to end: ${why}`);
    const starved = starvedOf(judged);
    if (starved !== undefined) faults.push(starved);
  }
  const { told, fault } = sharesOf(plans, started);
  if (fault !== undefined && backlog && plans.size >= sharesJobsMin) faults.push(fault);
  const again = started.length - completed.size;
  return { faults, told: `${completed.size} completed, ${again} begun again, ${log.length} events, ${told}` };
}

/**
 * A job that waited while one was taken that came later, and whose priority does not make up for that. Judged among jobs
 * that wait for nothing but a worker, and are alike in share and tags. Undefined: none did.
 */
function starvedOf({ plans, log, started, agingSeconds }: Judged): string | undefined {
  const enqueuedAt = new Map<string, number>();
  for (const { event } of log) {
    if (event.type === "enqueue") enqueuedAt.set(String(event.payload["job"]), event.timestamp);
  }
  const firstFence = new Map<string, number>();
  for (const { job, fence } of started) firstFence.set(job, Math.min(fence, firstFence.get(job) ?? fence));
  const groups = new Map<string, { job: string; at: number; order: number; fence: number }[]>();
  for (const [job, { draft }] of plans) {
    const { share, tags = [], key, after, runAt, priority = 0 } = draft;
    const [at, fence] = [enqueuedAt.get(job), firstFence.get(job)];
    if (key !== undefined || after || runAt !== undefined || at === undefined || fence === undefined) continue;
    const group = JSON.stringify([share, tags]);
    const alike = groups.get(group) ?? [];
    groups.set(group, alike);
    alike.push({ job, at, order: at - priority * agingSeconds * 1_000, fence });
  }
  for (const alike of groups.values()) {
    for (const one of alike) {
      const overtook = alike.find((other) => other.at >= one.at && other.order > one.order && other.fence < one.fence);
      if (overtook)
        return `${one.job} waited while ${overtook.job} was taken, which came ${overtook.at - one.at} ms later`;
    }
  }
  return undefined;
}

/** How the first half of the claims was divided, when all shares had jobs waiting. */
function sharesOf(
  plans: ReadonlyMap<string, JobPlan>,
  started: readonly Started[],
): { told: string; fault: string | undefined } {
  const weights = { gold: 3, silver: 2, bronze: 1 } as Record<string, number>;
  const seen = new Set<string>();
  const taken: Record<string, number> = {};
  let all = 0;
  // Gold has a third of the jobs, and is done when half of all are claimed.
  const half = plans.size * 0.4;
  for (const { job } of started.toSorted((one, other) => one.fence - other.fence)) {
    if (seen.size >= half) break;
    const { share, cost } = plans.get(job)!.draft;
    seen.add(job);
    taken[share] = (taken[share] ?? 0) + cost;
    all += cost;
  }
  const sum = Object.values(weights).reduce((total, weight) => total + weight, 0);
  let worst = 0;
  for (const [share, weight] of Object.entries(weights)) {
    worst = Math.max(worst, Math.abs((taken[share] ?? 0) / all / (weight / sum) - 1));
  }
  return {
    told: `shares off by ${(worst * 100).toFixed(1)} %`,
    fault:
      worst > shareErrorMax ? `a share is off by ${(worst * 100).toFixed(1)} %: ${JSON.stringify(taken)}` : undefined,
  };
}
