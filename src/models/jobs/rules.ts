import type { DeepReadonly, Objection } from "../../model/index.ts";
import { authorKey, hasShareLeft } from "../../model/share.ts";
import {
  bytesMax,
  chargeOf,
  newChargeOf,
  jobsMax,
  laneName,
  lanesMax,
  leasesMax,
  queuesMax,
  thenMax,
  workersMax,
  type Given,
} from "./moves.ts";
import type { Jobs } from "./state.ts";

type State = DeepReadonly<Jobs>;

export const draining: Objection = {
  field: "type",
  code: "QUEUE_DRAINING",
  message: "No job is enqueued while the queue drains: resume it, or use another one.",
};

export function objectionToMode(
  { mode }: State,
  not: NonNullable<Jobs["mode"]>,
  problem: Objection,
): Objection | undefined {
  return mode === not ? problem : undefined;
}

/** Why a job cannot be enqueued: everything that is wrong with it. */
export function objectionsToJob(state: State, id: string, job: Given, after: readonly string[]): Objection[] {
  const objections: Objection[] = [];
  const { counts, jobs, done, keys } = state;
  if (jobs[id] || done[id] !== undefined) {
    objections.push({ field: "payload.job", code: "JOB_EXISTS", message: `There is or was a job "${id}".` });
  }
  const open = counts.after + counts.later + counts.ready + counts.running + counts.dead;
  if (open >= jobsMax || state.bytes + chargeOf(id, job, after.length) + newChargeOf(state, job) > bytesMax) {
    const message = `At most ${jobsMax} jobs, and what they carry in ${bytesMax} bytes, can be open here.`;
    objections.push({ field: "payload.job", code: "QUEUE_FULL", message });
  }
  const { author, tags = "", key, share } = job;
  const tooMany = objectionToQueue(state, tags, author);
  if (tooMany) objections.push(tooMany);
  if (key !== undefined) {
    const lanes = keys[key]?.open;
    if (lanes && lanes[laneName(tags, share)] === undefined && Object.keys(lanes).length >= lanesMax) {
      const message = `Open jobs with one key can have ${lanesMax} different tags and shares.`;
      objections.push({ field: "payload.key", code: "TOO_MANY_LANES", message });
    }
  }
  for (const [at, other] of after.entries()) {
    const field = `payload.after[${at}]`;
    const before = jobs[other];
    if (other === id) objections.push({ field, code: "CYCLE", message: "A job cannot wait for itself." });
    else if (!before && done[other] === undefined) {
      objections.push({
        field,
        code: "JOB_NOT_FOUND",
        message: `"${other}" is not open, and not among the newest that are done. Enqueue first what others wait for: so there is no cycle.`,
      });
    } else if ((before?.next?.length ?? 0) >= thenMax) {
      const message = `At most ${thenMax} jobs can wait for "${other}": have one wait for it, and them for that one.`;
      objections.push({ field, code: "TOO_MANY_WAIT", message });
    }
  }
  return objections;
}

/** Why an author cannot have a job with these tags: there are as many sets of tags as can be, or it has its share of them. */
function objectionToQueue(
  { queues, openQueues, queuesOf }: State,
  tags: string,
  author: string,
): Objection | undefined {
  const queue = queues[tags];
  const own = queuesOf[authorKey(author)] ?? 0;
  let message: string;
  if (queue?.by[authorKey(author)] !== undefined) return undefined;
  if (openQueues >= queuesMax && (queue?.open ?? 0) === 0)
    message = `Open jobs can have ${queuesMax} different sets of tags: use another partition.`;
  else if (hasShareLeft(own, openQueues, queuesMax)) return undefined;
  else
    message = `Open jobs have ${openQueues} different sets of tags, yours ${own} of them: the others are for other authors.`;
  return { field: "payload.tags", code: "TOO_MANY_QUEUES", message };
}

/** Why a worker cannot have more jobs, whichever there are. */
export function objectionToWorker(
  state: State,
  workers: number,
  { name, author, max }: { name: string; author: string; max: number },
): Objection | undefined {
  const worker = state.workers[name];
  if (!worker) {
    const own = state.workersOf[authorKey(author)] ?? 0;
    let message: string;
    if (workers >= workersMax) message = `${workersMax} workers have jobs, and no more can.`;
    else if (hasShareLeft(own, workers, workersMax)) return undefined;
    else message = `${workers} workers have jobs, ${own} of them yours: the others are for other authors.`;
    return { field: "payload.worker", code: "TOO_MANY_WORKERS", message };
  }
  if (worker.author !== author) {
    return { field: "payload.worker", code: "WORKER_TAKEN", message: `Another one works as "${name}" now.` };
  }
  if (worker.count + max <= leasesMax) return undefined;
  const message = `A worker has ${leasesMax} jobs at once at most, and "${name}" has ${worker.count}.`;
  return { field: "payload.max", code: "TOO_MANY_LEASES", message };
}

/** Why an author cannot say something of a job as its worker: it has lost it, or never had it. */
export function objectionToHolder(
  state: State,
  { job: id, fence }: { job: string; fence: number },
  author: string | undefined,
): Objection | undefined {
  const job = state.jobs[id];
  if (job?.phase !== "running" || job.fence !== fence) {
    return {
      field: "payload.fence",
      code: "LEASE_LOST",
      message: `"${id}" is not claimed under ${fence} any more: stop working on it, and report nothing.`,
    };
  }
  if (state.workers[job.worker!]!.author === author) return undefined;
  return { field: "payload.job", code: "NOT_YOUR_JOB", message: `Another one has claimed "${id}".` };
}

export function noJob(id: string, field = "payload.job"): Objection {
  return { field, code: "JOB_NOT_FOUND", message: `There is no open job "${id}".` };
}
