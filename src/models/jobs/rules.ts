import type { DeepReadonly, Objection } from "../../model/index.ts";
import { authorKey, hasShareLeft } from "../../model/share.ts";
import type { JobIndex } from "./job-index.ts";
import {
  bytesMax,
  chargeOf,
  newChargeOf,
  jobsMax,
  lanesMax,
  leasesMax,
  queuesMax,
  thenMax,
  workersMax,
  type Given,
} from "./moves.ts";
import type { Jobs } from "./state.ts";
import { laneName, type Uses } from "./uses.ts";

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
export function objectionsToJob(
  state: State,
  { uses }: Pick<JobIndex, "uses">,
  id: string,
  job: Given,
  after: readonly string[],
): Objection[] {
  const objections: Objection[] = [];
  const { jobs, done } = state;
  if (jobs[id] || done[id] !== undefined) {
    objections.push({ field: "payload.job", code: "JOB_EXISTS", message: `There is or was a job "${id}".` });
  }
  const full = objectionToRoom(state, uses, id, job, after.length);
  if (full) objections.push(full);
  const tooMany = objectionToQueue(state, job.tags ?? "", job.author);
  if (tooMany) objections.push(tooMany);
  const tooManyLanes = objectionToLane(state, uses, job);
  if (tooManyLanes) objections.push(tooManyLanes);
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
    } else {
      const waiting = uses.waitingFor(other);
      const own = uses.waitingFor(other, job.author);
      if (waiting < thenMax && hasShareLeft(own, waiting, thenMax)) continue;
      const message = `${waiting} jobs wait for "${other}", ${own} of them yours, and ${thenMax} can, shared among authors: have one wait for it, and them for that one.`;
      objections.push({ field, code: "TOO_MANY_WAIT", message });
    }
  }
  return objections;
}

/** Why there is no room for another job: for nobody, or not for its author. */
function objectionToRoom(state: State, uses: Uses, id: string, job: Given, after: number): Objection | undefined {
  const { after: waiting, later, ready, running, dead } = state.counts;
  const open = waiting + later + ready + running + dead;
  const bytesLeft = bytesMax - state.bytes;
  const charge = chargeOf(id, job, after);
  const own = uses.jobsOf(job.author);
  let message: string;
  if (open >= jobsMax || charge + newChargeOf(state, job) > bytesLeft)
    message = `At most ${jobsMax} jobs, and what they carry in ${bytesMax} bytes, can be open here.`;
  else if (own === 0) return undefined;
  else if (hasShareLeft(own, open, jobsMax) && uses.bytesOf(job.author) + charge <= bytesLeft) return undefined;
  else
    message = `${open} jobs are open here, which carry ${state.bytes} bytes, and ${own} of them are yours: the rest is for other authors.`;
  return { field: "payload.job", code: "QUEUE_FULL", message };
}

/** Why an author cannot have a job with this key with these tags and this share. */
function objectionToLane({ keys }: State, uses: Uses, { author, tags = "", key, share }: Given): Objection | undefined {
  const lanes = key === undefined ? undefined : keys[key]?.open;
  if (!lanes) return undefined;
  const lane = laneName(tags, share);
  if (uses.inLane(key!, lane, author) > 0) return undefined;
  const open = Object.keys(lanes).length;
  const own = uses.lanesOf(key!, author);
  let message: string;
  if (open >= lanesMax && lanes[lane] === undefined)
    message = `Open jobs with one key can have ${lanesMax} different tags and shares.`;
  else if (hasShareLeft(own, open, lanesMax)) return undefined;
  else
    message = `Open jobs with this key have ${open} different tags and shares, yours ${own} of them: the others are for other authors.`;
  return { field: "payload.key", code: "TOO_MANY_LANES", message };
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

export function reserved(id: string, schedule: string): Objection {
  const message = `"${id}" is a name of the jobs of the schedule "${schedule}".`;
  return { field: "payload.job", code: "NAME_RESERVED", message };
}

export function noJob(id: string, field = "payload.job"): Objection {
  return { field, code: "JOB_NOT_FOUND", message: `There is no open job "${id}".` };
}
