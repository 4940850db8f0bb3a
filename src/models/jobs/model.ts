import * as z from "zod/mini";
import { type DeepReadonly, defineModel, type ReduceContext } from "../../model/index.ts";
import {
  arm,
  cancel,
  complete,
  fail,
  indexOf,
  open,
  release,
  renew,
  replay,
  setOpen,
  take,
  tick,
  type Given,
} from "./moves.ts";
import type { JobIndex } from "./job-index.ts";
import {
  draining,
  noJob,
  objectionsToJob,
  objectionToHolder,
  objectionToMode,
  objectionToWorker,
  reserved,
} from "./rules.ts";
import {
  agingSeconds,
  claimed,
  cron,
  error,
  fence,
  leaseSeconds,
  leaseSecondsMin,
  limit,
  name,
  recurring,
  scheduleName,
  tags,
  timeZone,
  weight,
  work,
} from "./shapes.ts";
import { emptyJobs, type Job, type Jobs, type Schedule } from "./state.ts";

/** Jobs that one `cancel` removes: the job, and all that wait for it. */
const cancelledMax = 256;

type Enqueued = z.infer<z.ZodMiniObject<typeof work>>;

/** A job as its author enqueues it, without what it waits for. */
function jobOf({ payload, tags: needs = [], ...given }: Enqueued, author: string): Given {
  const said = Object.entries(given).filter(([key, value]) => key !== "after" && value !== undefined);
  const named = needs.length > 0 ? { tags: [...needs].sort().join(",") } : {};
  return { ...Object.fromEntries(said), ...named, author, payload: JSON.stringify(payload) };
}

/** Changes the state with its index, and then sets the timer. */
function moving(state: Jobs, context: ReduceContext, now: number, move: (index: JobIndex) => void): void {
  const index = indexOf(state, context);
  move(index);
  arm(state, index, now);
}

/** A job with all that wait for it, directly or not; undefined: they are more than one event cancels. */
function withAllAfter(
  { jobs }: { readonly jobs: Readonly<Record<string, Readonly<Job>>> },
  id: string,
): string[] | undefined {
  const found = new Set([id]);
  // The set grows during the iteration.
  for (const each of found) {
    for (const { id: next, seq } of jobs[each]!.next ?? []) {
      if (jobs[next]?.seq === seq) found.add(next);
      if (found.size > cancelledMax) return undefined;
    }
  }
  return [...found];
}

/** Schedules: each takes as much as a job, and has a timer. */
const schedulesMax = 100;

/** Names that are used and that one time of a schedule skips, at most: the next time goes on behind them. */
const skippedMax = 100;

/** The name of a job of a schedule: nobody else can enqueue one of that name as long as the schedule is there. */
const nameOfRun = (schedule: string, run: number): string => `${schedule}@${run}`;

/** The schedule whose jobs have names like this one, if there is one. */
function scheduleOf({ schedules }: DeepReadonly<Jobs>, id: string): string | undefined {
  const [, schedule] = /^(.+)@\d+$/.exec(id) ?? [];
  return schedule !== undefined && schedules[schedule] ? schedule : undefined;
}

const holder = { job: name, fence };

/**
 * A queue of jobs. Who has work `enqueue`s it; workers `claim` what they can do, and `complete` it or `fail`. A worker that
 * gives no sign of life for the length of its lease loses its jobs: they come back, and what it says of them later is
 * rejected, because each claim has a number of its own, the fence.
 *
 * `claim`, `heartbeat`, `complete`, `fail` and `release` are for workers; `policy`, `weight`, `limit`, `schedule`,
 * `unschedule`, `pause`, `drain`, `resume` and `replay` for who operates the queue.
 */
export const jobs = defineModel({
  name: "jobs",
  // 2: queues and workers are counted by authors. 3: a job forgets those that waited for it, and were cancelled.
  version: 3,
  authors: "shown",
  initialState: emptyJobs,
  invariants: {
    "workers and jobs count the same as running": ({ leased, counts }) => leased === counts.running,
    "open jobs take no less than nothing": ({ bytes, counts }) =>
      bytes >= 0 && Object.values(counts).every((n) => n >= 0),
  },
  gauges(state, now, context) {
    const { ready, later, after, running, dead } = state.counts;
    const { oldestReady = now } = indexOf(state as Jobs, context);
    return {
      ready,
      later,
      after,
      running,
      dead,
      oldestReadySeconds: Math.max(0, Math.round((now - oldestReady) / 1_000)),
    };
  },
  events: {
    enqueue: {
      payload: z.strictObject({ job: name, ...work }),
      entity: ({ payload }) => payload.job,
      validate(state, { payload: { job: id, ...given }, author = "" }, context) {
        const blocked = objectionToMode(state, "draining", draining);
        if (blocked) return blocked;
        const schedule = scheduleOf(state, id);
        if (schedule !== undefined) return reserved(id, schedule);
        const index = indexOf(state as Jobs, context);
        return objectionsToJob(state, index, id, jobOf(given, author), given.after ?? []);
      },
      reduce(state, { payload: { job: id, ...given }, author = "", timestamp }, context) {
        moving(state, context, timestamp, (index) => {
          open(state, index, id, jobOf(given, author), given.after ?? [], timestamp);
        });
      },
      compensate: (_, { payload: { job } }) => ({ type: "cancel", payload: { job } }),
    },

    /** Gives a worker the jobs that are next of those that it can do. Who has them is in the state after it. */
    claim: {
      optimistic: false,
      payload: z.strictObject({
        worker: name,
        /** What the worker can do: it is given jobs whose tags are all among these. */
        tags: z.optional(tags),
        /** Jobs at most; absent: 1. */
        max: z.optional(claimed),
        /** The length of the lease of all its jobs, which begins again with each claim and heartbeat. */
        seconds: z.optional(leaseSeconds),
      }),
      validate(state, { payload: { worker, tags: can = [], max = 1 }, author = "" }, context) {
        const paused = {
          field: "type",
          code: "QUEUE_PAUSED",
          message: "No job is given out while the queue is paused.",
        };
        const index = indexOf(state as Jobs, context);
        const objection =
          objectionToMode(state, "paused", paused) ??
          objectionToWorker(state, index.workers, { name: worker, author, max });
        if (objection) return objection;
        if (index.first(index.servedBy(new Set(can)))) return undefined;
        return { field: "payload.tags", code: "NO_JOB", message: "No job is ready that this worker can do." };
      },
      reduce(state, { payload, author = "", timestamp }, context) {
        const { worker, tags: can = [], max = 1, seconds = leaseSecondsMin } = payload;
        moving(state, context, timestamp, (index) => {
          take(state, index, { worker, author, seconds, served: index.servedBy(new Set(can)), max }, timestamp);
        });
      },
    },

    /** A sign of life of a worker. Its lease begins again: so it is needed in the second half of it only. */
    heartbeat: {
      optimistic: false,
      payload: z.strictObject({ worker: name }),
      validate(state, { payload: { worker: id }, author, timestamp }) {
        const worker = state.workers[id];
        if (!worker || worker.author !== author) {
          return { field: "payload.worker", code: "LEASE_LOST", message: `"${id}" has no jobs: stop working on them.` };
        }
        if (worker.until - timestamp <= worker.seconds * 500) return undefined;
        return { field: "payload.worker", code: "TOO_EARLY", message: "More than half of the lease is left." };
      },
      reduce(state, { payload: { worker }, timestamp }, context) {
        moving(state, context, timestamp, (index) => renew(state, index, worker, timestamp));
      },
    },

    complete: {
      optimistic: false,
      payload: z.strictObject({
        ...holder,
        /** What came of it, for who reads the log: it is not kept in the state. */
        result: z.optional(work.payload),
      }),
      entity: ({ payload }) => payload.job,
      validate: (state, { payload, author }) => objectionToHolder(state, payload, author),
      reduce(state, { payload: { job: id }, timestamp }, context) {
        moving(state, context, timestamp, (index) => complete(state, index, id, timestamp));
      },
    },

    fail: {
      optimistic: false,
      payload: z.strictObject({
        ...holder,
        error,
        /** False: to try it again is useless. */
        retry: z.optional(z.boolean()),
      }),
      entity: ({ payload }) => payload.job,
      validate: (state, { payload, author }) => objectionToHolder(state, payload, author),
      reduce(state, { payload: { job: id, error: why, retry = true }, timestamp }, context) {
        moving(state, context, timestamp, (index) => fail(state, index, id, why, retry, timestamp));
      },
    },

    /** A worker gives back what it has not begun. */
    release: {
      optimistic: false,
      payload: z.strictObject(holder),
      entity: ({ payload }) => payload.job,
      validate: (state, { payload, author }) => objectionToHolder(state, payload, author),
      reduce(state, { payload: { job: id }, timestamp }, context) {
        moving(state, context, timestamp, (index) => release(state, index, id, timestamp));
      },
    },

    /** Removes a job, and what waits for it. A worker that has it cannot complete it any more. */
    cancel: {
      payload: z.strictObject({ job: name }),
      validate(state, { payload: { job: id } }) {
        if (!state.jobs[id]) return noJob(id);
        if (withAllAfter(state as Jobs, id)) return undefined;
        const message = `More than ${cancelledMax} jobs wait for it: cancel some of those first.`;
        return { field: "payload.job", code: "TOO_MANY_WAIT", message };
      },
      reduce(state, { payload: { job: id }, timestamp }, context) {
        const ids = withAllAfter(state, id)!;
        moving(state, context, timestamp, (index) => cancel(state, index, ids));
      },
    },

    /** A dead letter is tried again, from the beginning. */
    replay: {
      payload: z.strictObject({ job: name }),
      entity: ({ payload }) => payload.job,
      validate(state, { payload: { job: id } }) {
        if (state.jobs[id]?.phase === "dead") return undefined;
        return { field: "payload.job", code: "NOT_DEAD", message: `"${id}" is no dead letter.` };
      },
      reduce(state, { payload: { job: id }, timestamp }, context) {
        moving(state, context, timestamp, (index) => replay(state, index, id, timestamp));
      },
    },

    /** No job is given out, until `resume`. Those that run go on. */
    pause: {
      payload: z.strictObject({}),
      reduce(state) {
        state.mode = "paused";
      },
    },

    /** No job is enqueued, until `resume`. Those that are there are done. */
    drain: {
      payload: z.strictObject({}),
      reduce(state) {
        state.mode = "draining";
      },
    },

    resume: {
      payload: z.strictObject({}),
      reduce(state) {
        delete state.mode;
      },
    },

    /** In which order jobs are taken that become ready from now on. */
    policy: {
      payload: z.strictObject({
        /** A job with a priority counts as ready earlier by this, for each step of it; absent: first come, first served. */
        agingSeconds: z.optional(agingSeconds),
        /** Whether workers are divided by the weights of shares. */
        fair: z.optional(z.boolean()),
      }),
      reduce(state, { payload: { agingSeconds: seconds = 0, fair = false } }) {
        state.policy = { agingMs: seconds * 1_000, fair };
      },
    },

    weight: {
      payload: z.strictObject({ share: name, /** 1: as others have. */ weight }),
      entity: ({ payload }) => payload.share,
      validate: ({ weights }, { payload: { share } }) => objectionToNumber(weights, share, "payload.share"),
      reduce({ weights }, { payload: { share, weight: units } }) {
        if (units === 1) delete weights[share];
        else weights[share] = units;
      },
    },

    limit: {
      payload: z.strictObject({ key: name, /** How many jobs with it run at once; 1: as for others. */ max: limit }),
      entity: ({ payload }) => payload.key,
      validate: ({ limits }, { payload: { key } }) => objectionToNumber(limits, key, "payload.key"),
      reduce(state, { payload: { key, max } }, context) {
        const index = indexOf(state, context);
        if (max === 1) delete state.limits[key];
        else state.limits[key] = max;
        setOpen(state, index, key, state.keys[key]?.running ?? 0);
      },
    },

    /** Enqueues a job again and again: not while the last one is open, so that none piles up. */
    schedule: {
      payload: z.strictObject({
        schedule: scheduleName,
        cron,
        /** Its name in the IANA database. */
        timeZone,
        ...recurring,
      }),
      entity: ({ payload }) => payload.schedule,
      validate({ schedules }, { payload }) {
        if (schedules[payload.schedule] || Object.keys(schedules).length < schedulesMax) return undefined;
        const message = `At most ${schedulesMax} schedules can be here.`;
        return { field: "payload.schedule", code: "TOO_MANY", message };
      },
      reduce({ schedules }, { payload: { schedule, cron: pattern, timeZone: zone, ...given } }) {
        const { runs = 0, last } = schedules[schedule] ?? {};
        const kept = last === undefined ? {} : { last };
        schedules[schedule] = { cron: pattern, timeZone: zone, job: JSON.stringify(given), runs, ...kept };
      },
    },

    unschedule: {
      payload: z.strictObject({ schedule: scheduleName }),
      entity: ({ payload }) => payload.schedule,
      validate({ schedules }, { payload: { schedule } }) {
        if (schedules[schedule]) return undefined;
        return { field: "payload.schedule", code: "NOT_FOUND", message: `There is no schedule "${schedule}".` };
      },
      reduce({ schedules }, { payload }) {
        delete schedules[payload.schedule];
      },
    },

    /** Submitted by the timer of a schedule. Where no job can be enqueued, that time is left out. */
    recur: {
      internal: true,
      // 1 left its time out where the next name was used: so it has to be folded like that.
      version: 2,
      upcast: { 1: (payload) => ({ ...payload, skips: false }) },
      payload: z.strictObject({
        schedule: scheduleName,
        /** Whether it skips names that are used. */ skips: z.boolean(),
      }),
      reduce(state, { payload: { schedule: of, skips }, author = "", timestamp }, context) {
        const schedule = state.schedules[of];
        if (!schedule || state.mode === "draining" || state.jobs[schedule.last ?? ""]) return;
        const given = jobOf(JSON.parse(schedule.job) as Enqueued, author);
        if (skips) skipUsed(state, of, schedule);
        const id = nameOfRun(of, schedule.runs + 1);
        const index = indexOf(state, context);
        // It is the only open job of its timer, so no share counts here: what earlier versions have enqueued is folded again.
        if (objectionsToJob(state, index, id, given, []).length > 0) return;
        schedule.runs++;
        schedule.last = id;
        moving(state, context, timestamp, () => open(state, index, id, given, [], timestamp));
      },
    },

    /** Submitted by the timer of the partition, see `partita/models/jobs/effects`. */
    tick: {
      internal: true,
      shrinks: true,
      payload: z.strictObject({}),
      reduce(state, { timestamp }, context) {
        const index = indexOf(state, context);
        tick(state, index, timestamp);
        arm(state, index, timestamp, true);
      },
    },
  },
});

/** Counts on to a name that is not used: a schedule of the same name may have been here, or who has enqueued a job before it came. */
function skipUsed({ jobs: open, done }: Jobs, of: string, schedule: Schedule): void {
  const most = schedule.runs + skippedMax;
  for (;;) {
    const id = nameOfRun(of, schedule.runs + 1);
    if ((!open[id] && done[id] === undefined) || schedule.runs === most) return;
    schedule.runs++;
  }
}

/** Weights and limits that are not 1: each takes about 100 bytes. */
const numbersMax = 1_000;

function objectionToNumber(numbers: Readonly<Record<string, number>>, of: string, field: string) {
  if (numbers[of] !== undefined || Object.keys(numbers).length < numbersMax) return undefined;
  return { field, code: "TOO_MANY", message: `At most ${numbersMax} can differ from 1.` };
}
