import type { DeepReadonly, ReduceContext } from "../../model/index.ts";
import { authorKey } from "../../model/share.ts";
import { charge, settleFlow } from "./flows.ts";
import { JobIndex } from "./job-index.ts";
import type { Job, Jobs, Phase } from "./state.ts";
import { laneName } from "./uses.ts";

/** Queues with open jobs, each for one set of tags. A claim looks at each of them. One author has jobs in half of them at most. */
export const queuesMax = 128;
/** Open jobs: the index of them takes 13 MB beside the state. One author has half of them at most, and half of what they may carry. */
export const jobsMax = 100_000;
/**
 * What open jobs take in memory as they are charged, in bytes. A state has 40 MiB: the rest is for what claims, failures
 * and finished jobs add. If all of 100,000 small jobs were claimed, they would take more: then claims and failures are
 * refused until jobs are completed, or dead letters discarded.
 */
export const bytesMax = 34 * 1024 * 1024;
/** Of these, what a job takes without its texts, each thing that is said of it, each job that it waits for, a flow, the use of a concurrency key, and an author in a queue: as measured, and a little more. */
const jobBytes = 280;
const fieldBytes = 32;
const afterBytes = 120;
const flowBytes = 500;
const keyBytes = 500;
const authorBytes = 256;
/** Jobs that wait for one, half of them of one author at most: when it is completed, all of them become ready in one event. */
export const thenMax = 256;
/** Jobs that a worker has at once. */
export const leasesMax = 128;
/** Workers that have jobs at once, half of them of one author at most. */
export const workersMax = 2_048;
/** Combinations of tags and shares of the open jobs with one concurrency key, half of them of one author at most: all of them open and close together. */
export const lanesMax = 64;
/** Completed jobs whose names are known, for jobs that wait for them. */
const doneMax = 8_192;
/** Jobs that one tick moves: about 10 ms. The next tick follows a second later. */
const movedMax = 500;
/** How often a job is tried again, and the first and the longest pause in seconds. */
const retriesDefault = 3;
const backoffSecondsDefault = 10;
const backoffSecondsMax = 60 * 60;
/** Of history: a new value counts an eighth, so that an estimate follows a change within about ten jobs. */
const historyShare = 8;

/** The index of a state. A reducer asks for it before it changes anything. */
export function indexOf(state: Jobs, context: ReduceContext): JobIndex {
  return context.derive(state, "jobs", (root, host) => new JobIndex(root, host));
}

/** What a job takes in memory, in bytes: what is measured for the objects, and two for each character, as one of another alphabet has. */
export function chargeOf(id: string, given: Readonly<Given>, after: number): number {
  const { payload, author, tags = "", share = "", key = "" } = given;
  const texts = id.length + payload.length + author.length + tags.length + share.length + key.length;
  return jobBytes + 2 * texts + fieldBytes * (Object.keys(given).length - 1) + afterBytes * after;
}

/** What is charged besides, if it is the first open job of its author with its tags, with its tags and share, and with its key. */
export function newChargeOf(
  { queues, shares, keys }: Pick<DeepReadonly<Jobs>, "queues" | "shares" | "keys">,
  { author, tags = "", share, key }: Readonly<Given>,
): number {
  const isNewAuthor = queues[tags]?.by[authorKey(author)] === undefined;
  const isNewShare = share !== undefined && shares[laneName(tags, share)] === undefined;
  const isNewKey = key !== undefined && !keys[key];
  return (isNewAuthor ? authorBytes + 2 * author.length : 0) + (isNewShare ? flowBytes : 0) + (isNewKey ? keyBytes : 0);
}

const moveTo = (state: Jobs, job: Job, phase: Phase): void => {
  state.counts[job.phase]--;
  state.counts[phase]++;
  job.phase = phase;
};

/** Counts an open job, or one that is gone, where it counts. */
function count(state: Jobs, index: JobIndex, job: Job, by: 1 | -1): void {
  index.uses.count(job, by);
  if (by > 0) state.bytes += newChargeOf(state, job);
  const { author, tags = "", key, share } = job;
  // Of the first one, and after the last one.
  const edge = by > 0 ? 1 : 0;
  const queue = state.queues[tags]!;
  queue.open += by;
  if (queue.open === edge) state.openQueues += by;
  const of = authorKey(author);
  changeCount(queue.by, of, by);
  if ((queue.by[of] ?? 0) === edge) changeCount(state.queuesOf, of, by);
  if (share !== undefined) changeCount(state.shares, laneName(tags, share), by);
  if (key !== undefined) {
    state.keys[key] ??= { running: 0, open: {} };
    const { open: lanes } = state.keys[key]!;
    changeCount(lanes, laneName(tags, share), by);
    if (by < 0 && Object.keys(lanes).length === 0) delete state.keys[key];
  }
  if (by < 0) state.bytes -= newChargeOf(state, job);
  state.bytes += by * job.charge;
}

function changeCount(counts: Record<string, number>, name: string, by: 1 | -1): void {
  const left = (counts[name] ?? 0) + by;
  if (left > 0) counts[name] = left;
  else delete counts[name];
}

/** What is said of a job when it is enqueued, as it is kept. */
export type Given = Omit<Job, "seq" | "phase" | "at" | "charge">;

/** A new job. `given`: what is said of it. */
export function open(
  state: Jobs,
  index: JobIndex,
  id: string,
  given: Given,
  after: readonly string[],
  now: number,
): void {
  const tags = given.tags ?? "";
  if (!state.queues[tags]) {
    makeRoomForQueue(state);
    state.queues[tags] = { ready: 0, running: 0, open: 0, by: {}, round: 0, places: 0, flows: {}, active: 0 };
  }
  state.jobs[id] = {
    phase: "after",
    seq: ++state.seq,
    at: now,
    charge: chargeOf(id, given, after.length),
    ...given,
  };
  state.counts.after++;
  const job = state.jobs[id]!;
  count(state, index, job, 1);
  let waitsFor = 0;
  for (const other of after) {
    const before = state.jobs[other];
    if (!before) continue;
    waitsFor++;
    index.uses.wait(id, job, other);
    const next = { id, seq: job.seq };
    if (before.next) before.next.push(next);
    else before.next = [next];
  }
  if (waitsFor > 0) job.waitsFor = waitsFor;
  if (job.deadline !== undefined) index.setDue("deadlines", id, job.deadline, job.seq);
  wait(state, index, id, now);
}

/** A queue without open jobs makes room for a new one. */
function makeRoomForQueue({ queues }: Jobs): void {
  const names = Object.keys(queues);
  if (names.length < queuesMax) return;
  const empty = names.find((each) => queues[each]!.open === 0);
  if (empty !== undefined) delete queues[empty];
}

/** A job that no worker has waits for whatever is next: other jobs, its time, a worker. */
function wait(state: Jobs, index: JobIndex, id: string, now: number, until = 0): void {
  const job = state.jobs[id]!;
  const { waitsFor, runAt = 0, seq } = job;
  const time = Math.max(until, runAt);
  if (waitsFor !== undefined) moveTo(state, job, "after");
  else if (time > now) {
    moveTo(state, job, "later");
    job.at = time;
    index.setDue("later", id, time, seq);
  } else makeReady(state, index, id, now, now - (job.priority ?? 0) * state.policy.agingMs);
}

/** `order`: see `Job`. A job that was taken before keeps it, and so comes first. */
function makeReady(state: Jobs, index: JobIndex, id: string, now: number, order: number): void {
  const job = state.jobs[id]!;
  const { share, tags = "" } = job;
  moveTo(state, job, "ready");
  job.at = now;
  job.order = order;
  if (state.policy.fair && share !== undefined) job.flow = share;
  else delete job.flow;
  state.queues[tags]!.ready++;
  index.add(id, job);
  settleFlow(state, index, tags, job.flow ?? "");
}

/** Takes a job out of those that wait. */
function leave(state: Jobs, index: JobIndex, id: string): void {
  const job = state.jobs[id]!;
  const { phase, seq } = job;
  if (phase === "later") index.setDue("later", id, undefined, seq);
  if (phase !== "ready") return;
  const { tags = "", flow = "" } = job;
  state.queues[tags]!.ready--;
  index.remove(id);
  settleFlow(state, index, tags, flow);
}

/** A claim: gives a worker at most `max` of the jobs that it can do, in their order. */
export function take(
  state: Jobs,
  index: JobIndex,
  {
    worker: name,
    author,
    seconds,
    served,
    max,
  }: { worker: string; author: string; seconds: number; served: readonly string[]; max: number },
  now: number,
): void {
  for (let taken = 0; taken < max; taken++) {
    const first = index.first(served);
    if (!first) break;
    const { id, cost } = first;
    const job = state.jobs[id]!;
    const { tags = "", flow = "", key, seq, deadline } = job;
    const fence = ++state.fence;
    charge(state, tags, flow, cost);
    index.remove(id);
    state.queues[tags]!.ready--;
    state.queues[tags]!.running++;
    moveTo(state, job, "running");
    job.at = now;
    job.attempts = (job.attempts ?? 0) + 1;
    job.worker = name;
    job.fence = fence;
    if (deadline !== undefined) index.setDue("deadlines", id, undefined, seq);
    if (!state.workers[name]) {
      state.workers[name] = { author, number: fence, seconds, until: 0, jobs: {}, count: 0 };
      changeCount(state.workersOf, authorKey(author), 1);
    }
    const worker = state.workers[name]!;
    worker.jobs[id] = fence;
    worker.count++;
    state.leased++;
    settleFlow(state, index, tags, flow);
    if (key !== undefined) use(state, index, key, 1);
  }
  const worker = state.workers[name]!;
  worker.seconds = seconds;
  renew(state, index, name, now);
}

/** A sign of life: the lease of a worker begins again. */
export function renew(state: Jobs, index: JobIndex, name: string, now: number): void {
  const worker = state.workers[name]!;
  worker.until = now + worker.seconds * 1_000;
  index.setDue("leases", name, worker.until, worker.number);
}

/** One more or one less of the jobs with a concurrency key runs. */
function use(state: Jobs, index: JobIndex, key: string, by: 1 | -1): void {
  const running = (state.keys[key]!.running += by);
  setOpen(state, index, key, running);
}

/** Opens or closes the lanes of a concurrency key, as its limit says. */
export function setOpen(state: Jobs, index: JobIndex, key: string, running: number): void {
  for (const { tags, flow } of index.setOpen(key, running < (state.limits[key] ?? 1))) {
    settleFlow(state, index, tags, flow);
  }
}

/** A job leaves its worker. It is in no phase after it: something has to follow. */
function giveUp(state: Jobs, index: JobIndex, id: string): void {
  const job = state.jobs[id]!;
  const { worker: name, tags = "", key, deadline, seq } = job;
  const worker = state.workers[name!]!;
  delete job.worker;
  delete worker.jobs[id];
  state.leased--;
  state.queues[tags]!.running--;
  if (--worker.count === 0) {
    index.setDue("leases", name!, undefined, worker.number);
    changeCount(state.workersOf, authorKey(worker.author), -1);
    delete state.workers[name!];
  }
  if (key !== undefined) use(state, index, key, -1);
  if (deadline !== undefined) index.setDue("deadlines", id, deadline, seq);
}

/** A worker gives a job back that it has not begun: that was no attempt. */
export function release(state: Jobs, index: JobIndex, id: string, now: number): void {
  const job = state.jobs[id]!;
  giveUp(state, index, id);
  job.attempts! -= 1;
  makeReady(state, index, id, now, job.order!);
}

/** A worker has ended, or lost its connection for too long: each of its jobs comes back to the front, or is given up. */
function loseLease(state: Jobs, index: JobIndex, name: string, now: number): number {
  const ids = Object.keys(state.workers[name]!.jobs);
  for (const id of ids) {
    const job = state.jobs[id]!;
    giveUp(state, index, id);
    if (job.attempts! > (job.retries ?? retriesDefault))
      bury(state, index, id, "Its workers ended before it did.", now);
    else makeReady(state, index, id, now, job.order!);
  }
  return ids.length;
}

/** A job has failed: it is tried again later, or is given up. */
export function fail(state: Jobs, index: JobIndex, id: string, error: string, again: boolean, now: number): void {
  const job = state.jobs[id]!;
  note(state, job, now, false);
  giveUp(state, index, id);
  if (!again || job.attempts! > (job.retries ?? retriesDefault)) return bury(state, index, id, error, now);
  job.error = error;
  wait(state, index, id, now, now + pauseMs(job));
}

/** It doubles with each attempt. From half of it on, as chosen by the number of the job: so those that have failed together do not come back together. */
function pauseMs({ backoff = backoffSecondsDefault, attempts = 1, seq }: Job): number {
  const seconds = Math.min(backoff * 2 ** (attempts - 1), backoffSecondsMax);
  return Math.round(seconds * 1_000 * (0.5 + fractionOf(seq * 31 + attempts) / 2));
}

/** A fraction that looks random, the same on each machine (the finalizer of MurmurHash3). */
function fractionOf(number: number): number {
  let mixed = number >>> 0;
  mixed = Math.imul(mixed ^ (mixed >>> 16), 0x85ebca6b);
  mixed = Math.imul(mixed ^ (mixed >>> 13), 0xc2b2ae35);
  return ((mixed ^ (mixed >>> 16)) >>> 0) / 2 ** 32;
}

/** A job that no worker has becomes a dead letter. */
function bury(state: Jobs, index: JobIndex, id: string, error: string, now: number): void {
  const job = state.jobs[id]!;
  leave(state, index, id);
  if (job.deadline !== undefined) index.setDue("deadlines", id, undefined, job.seq);
  moveTo(state, job, "dead");
  job.at = now;
  job.error = error;
}

/** A dead letter is tried again, from the beginning. */
export function replay(state: Jobs, index: JobIndex, id: string, now: number): void {
  const job = state.jobs[id]!;
  delete job.attempts;
  delete job.error;
  // It has passed, or the job would be dead again at once.
  if (job.deadline !== undefined && job.deadline <= now) delete job.deadline;
  else if (job.deadline !== undefined) index.setDue("deadlines", id, job.deadline, job.seq);
  wait(state, index, id, now);
}

/** A job is completed: those that waited for it alone can run. */
export function complete(state: Jobs, index: JobIndex, id: string, now: number): void {
  const job = state.jobs[id]!;
  note(state, job, now, true);
  giveUp(state, index, id);
  const after = (job.next ?? []).map(({ id: next, seq }) => ({ next, seq }));
  forget(state, index, id);
  keepDone(state, id);
  for (const { next, seq } of after) {
    const waiting = state.jobs[next];
    if (waiting?.seq !== seq || waiting.waitsFor === undefined) continue;
    if (--waiting.waitsFor > 0) continue;
    delete waiting.waitsFor;
    if (waiting.phase === "after") wait(state, index, next, now);
  }
}

/** Jobs are removed, in whatever phase they are, with all that wait for them: so nothing is run by that. */
export function cancel(state: Jobs, index: JobIndex, ids: readonly string[]): void {
  const befores = new Set<string>();
  for (const id of ids) {
    if (state.jobs[id]!.phase === "running") giveUp(state, index, id);
    else leave(state, index, id);
    for (const before of index.uses.beforesOf(id)) befores.add(before);
    forget(state, index, id);
  }
  for (const before of befores) pruneNext(state, index, before);
}

function forget(state: Jobs, index: JobIndex, id: string): void {
  const job = state.jobs[id]!;
  if (job.deadline !== undefined) index.setDue("deadlines", id, undefined, job.seq);
  for (const { id: next, seq } of job.next ?? []) {
    const waiting = state.jobs[next];
    if (waiting?.seq === seq) index.uses.waitNoMore(next, waiting, id);
  }
  index.uses.leave(id, job);
  state.counts[job.phase]--;
  count(state, index, job, -1);
  delete state.jobs[id];
}

/**
 * Removes the entries of those that wait for a job no more, once they are more than those that wait: so all entries take a
 * bounded part of what those that wait are charged, and to remove one does not cost what all cost.
 */
function pruneNext(state: Jobs, index: JobIndex, id: string): void {
  const job = state.jobs[id];
  if (!job?.next) return;
  const left = index.uses.waitingFor(id);
  if (job.next.length <= 2 * left) return;
  if (left === 0) delete job.next;
  else {
    const waiting = job.next.filter((each) => state.jobs[each.id]?.seq === each.seq);
    job.next = waiting.map(({ id: next, seq }) => ({ id: next, seq }));
  }
}

function keepDone(state: Jobs, id: string): void {
  if (state.newest === undefined) state.oldest = id;
  else state.done[state.newest] = id;
  state.done[id] = null;
  state.newest = id;
  if (++state.doneCount <= doneMax) return;
  const oldest = state.oldest!;
  state.oldest = state.done[oldest]!;
  delete state.done[oldest];
  state.doneCount--;
}

/** Keeps what an attempt says of how fast its queue is. */
function note(state: Jobs, job: Job, now: number, done: boolean): void {
  const queue = state.queues[job.tags ?? ""]!;
  queue.serviceMs = mean(queue.serviceMs, now - job.at);
  if (!done) return;
  // Without a backlog it says how often jobs come, and not how fast they are done.
  if (queue.doneAt !== undefined) queue.gapMs = mean(queue.gapMs, now - queue.doneAt);
  if (queue.ready > 0) queue.doneAt = now;
  else delete queue.doneAt;
}

function mean(before: number | undefined, value: number): number {
  const now = Math.max(value, 0);
  return Math.round(before === undefined ? now : before + (now - before) / historyShare);
}

/** Does what is due, as much as one event does. */
export function tick(state: Jobs, index: JobIndex, now: number): void {
  let moved = 0;
  const next = (kind: Parameters<JobIndex["firstDue"]>[0]) =>
    moved < movedMax ? index.firstDue(kind, now) : undefined;
  for (let name; (name = next("leases")) !== undefined;) moved += loseLease(state, index, name, now);
  for (let id; (id = next("deadlines")) !== undefined; moved++)
    bury(state, index, id, "It was not begun before its deadline.", now);
  for (let id; (id = next("later")) !== undefined; moved++) {
    leave(state, index, id);
    wait(state, index, id, now);
  }
}

/** Sets the time of the one timer of this partition: it is moved to an earlier time only, as each move is a row. */
export function arm(state: Jobs, index: JobIndex, now: number, fired = false): void {
  const next = index.nextDue;
  if (fired) delete state.due;
  if (next === undefined || (state.due !== undefined && state.due <= next)) return;
  state.due = next;
  state.dueSet = now;
}
