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

interface Judged {
  readonly plans: ReadonlyMap<string, JobPlan>;
  readonly log: readonly NumberedEvent[];
  readonly started: readonly Started[];
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
export function judge({ plans, log, started, left, errors }: Judged): { faults: string[]; told: string } {
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
  const { told, fault } = sharesOf(plans, started);
  if (fault !== undefined && plans.size >= sharesJobsMin) faults.push(fault);
  const again = started.length - completed.size;
  return { faults, told: `${completed.size} completed, ${again} begun again, ${log.length} events, ${told}` };
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
