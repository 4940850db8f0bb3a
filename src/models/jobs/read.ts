import type { DeepReadonly } from "../../model/index.ts";
import type { JsonObject } from "../../protocol/index.ts";
import type { Job, Jobs } from "./state.ts";

type State = DeepReadonly<Jobs>;
type SomeJob = DeepReadonly<Job>;

/** What a job carries. */
export function payloadOf({ payload }: Pick<Job, "payload">): JsonObject {
  return JSON.parse(payload) as JsonObject;
}

/** Whether a worker with these tags may find a job: `NO_JOB` is the answer of the server where another one was faster. */
export function hasJobFor({ mode, queues }: State, tags: readonly string[]): boolean {
  if (mode === "paused") return false;
  return Object.entries(queues).some(([name, { active }]) => active > 0 && isServed(name, tags));
}

function isServed(queue: string, tags: readonly string[]): boolean {
  return queue === "" || queue.split(",").every((tag) => tags.includes(tag));
}

/** Since when the job is ready that has waited longest, in milliseconds since 1970; undefined: none is. Goes through all jobs. */
export function oldestReady({ jobs }: State): number | undefined {
  let oldest: number | undefined;
  for (const { phase, at } of Object.values(jobs)) {
    if (phase === "ready" && (oldest === undefined || at < oldest)) oldest = at;
  }
  return oldest;
}

/** When a job begins, as far as can be said. */
export interface WaitEstimate {
  /** The jobs that are taken before it. */
  ahead: number;
  /** Milliseconds from now on; undefined: nothing of its queue was completed yet. */
  ms: number | undefined;
}

/**
 * Estimates when a job is claimed: the jobs before it, times the mean time between two completions of its queue under
 * load, or else of one job and by how many workers. Undefined: it runs, waits for others, is a dead letter, or is not
 * there. Goes through all jobs, so ask for it seldom.
 *
 * @param now Milliseconds since 1970.
 */
export function estimateWait(state: State, id: string, now: number): WaitEstimate | undefined {
  const job = state.jobs[id];
  if (!job || (job.phase !== "ready" && job.phase !== "later")) return undefined;
  const ahead = state.policy.fair ? aheadInShares(state, job) : aheadOf(state, job, () => true);
  const { gapMs, serviceMs, running } = state.queues[job.tags ?? ""]!;
  const each = gapMs ?? (serviceMs === undefined ? undefined : serviceMs / Math.max(running, 1));
  const delay = job.phase === "later" ? Math.max(job.at - now, 0) : 0;
  return { ahead, ms: each === undefined ? undefined : Math.max(Math.round((ahead + 1) * each), delay) };
}

/** The ready jobs of the same queue that come before a job in their order. */
function aheadOf({ jobs }: State, job: SomeJob, counts: (other: SomeJob) => boolean): number {
  const { order = job.at, seq, tags } = job;
  let ahead = 0;
  for (const other of Object.values(jobs)) {
    if (other.phase !== "ready" || other.tags !== tags || other.seq === seq || !counts(other)) continue;
    if (other.order! < order || (other.order === order && other.seq < seq)) ahead++;
  }
  return ahead;
}

/** The same where flows take turns: meanwhile each of the others takes as many as its weight says, if it has them. */
function aheadInShares(state: State, job: SomeJob): number {
  const { jobs, policy, weights } = state;
  const { tags, seq } = job;
  const flowOf = (other: SomeJob) =>
    (other.phase === "ready" ? other.flow : policy.fair ? other.share : undefined) ?? "";
  const weightOf = (flow: string) => (flow === "" ? 1 : (weights[flow] ?? 1));
  const own = flowOf(job);
  const before = aheadOf(state, job, (other) => flowOf(other) === own);
  const others = new Map<string, number>();
  for (const other of Object.values(jobs)) {
    if (other.phase !== "ready" || other.tags !== tags || other.seq === seq) continue;
    const flow = flowOf(other);
    if (flow !== own) others.set(flow, (others.get(flow) ?? 0) + 1);
  }
  const rounds = (before + 1) / weightOf(own);
  let ahead = before;
  for (const [flow, count] of others) ahead += Math.min(count, Math.floor(rounds * weightOf(flow)));
  return ahead;
}
