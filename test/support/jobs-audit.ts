// What the state of a partition of jobs has to be, counted again from its jobs alone, by going through all of them.
import { authorKey } from "../../src/model/share.ts";
import type { Job, Jobs, Queue } from "../../src/models/jobs/state.ts";

const isOpen = (state: Jobs, { key }: Job): boolean =>
  key === undefined || state.keys[key]!.running < (state.limits[key] ?? 1);

const ready = (state: Jobs): [string, Job][] => Object.entries(state.jobs).filter(([, { phase }]) => phase === "ready");

/** The first of these jobs in their order. */
const firstIn = (all: readonly [string, Job][]): [string, Job] | undefined =>
  all.toSorted(([, one], [, other]) => one.order! - other.order! || one.seq - other.seq)[0];

/** The job that a worker with these tags is given next. */
export function nextJob(state: Jobs, tags: readonly string[]): string | undefined {
  const candidates: [string, Job][] = [];
  for (const [name, { flows }] of Object.entries(state.queues)) {
    if (name !== "" && !name.split(",").every((tag) => tags.includes(tag))) continue;
    const [flow] = Object.entries(flows).toSorted(([, a], [, b]) => a.turn - b.turn || a.place - b.place);
    if (!flow) continue;
    const of = ready(state).filter(
      ([, job]) => (job.tags ?? "") === name && (job.flow ?? "") === flow[0] && isOpen(state, job),
    );
    const first = firstIn(of);
    if (first) candidates.push(first);
  }
  return firstIn(candidates)?.[0];
}

/** What is wrong with a state. */
export function faultsOf(state: Jobs): string[] {
  const faults: string[] = [];
  const same = (what: string, counted: unknown, kept: unknown) => {
    if (JSON.stringify(counted) !== JSON.stringify(kept)) {
      faults.push(`${what}: ${JSON.stringify(counted)}, and not ${JSON.stringify(kept)}`);
    }
  };
  const all = Object.entries(state.jobs);
  for (const phase of Object.keys(state.counts) as (keyof Jobs["counts"])[]) {
    same(phase, all.filter(([, job]) => job.phase === phase).length, state.counts[phase]);
  }
  for (const [name, queue] of Object.entries(state.queues)) same(name, countsOf(state, name), queueCounts(queue));
  const entries = (counts: Readonly<Record<string, number>>) => Object.entries(counts).toSorted();
  const sets = Object.keys(state.queues).map((name) => authorsOf(state, name));
  same("open queues", sets.filter((authors) => Object.keys(authors).length > 0).length, state.openQueues);
  same("queues of authors", entries(countEach(sets.flatMap(Object.keys))), entries(state.queuesOf));
  for (const [name, { by }] of Object.entries(state.queues)) {
    same(`authors of ${name}`, entries(authorsOf(state, name)), entries(by));
  }
  const employers = Object.values(state.workers).map(({ author }) => authorKey(author));
  same("workers of authors", entries(countEach(employers)), entries(state.workersOf));
  const held = Object.entries(state.workers).flatMap(([worker, { jobs }]) =>
    Object.entries(jobs).map(([id, fence]) => `${id} ${worker} ${fence}`),
  );
  const running = all.filter(([, { phase }]) => phase === "running");
  same("leases", running.map(([id, { worker, fence }]) => `${id} ${worker} ${fence}`).toSorted(), held.toSorted());
  for (const [name, { jobs, count }] of Object.entries(state.workers)) {
    same(`jobs of ${name}`, Object.keys(jobs).length, count);
    if (count === 0) faults.push(`${name} has no jobs`);
  }
  const shares: Record<string, number> = {};
  for (const [, { tags = "", share }] of all) {
    if (share !== undefined) shares[`${tags} ${share}`] = (shares[`${tags} ${share}`] ?? 0) + 1;
  }
  same("shares", Object.entries(shares).toSorted(), Object.entries(state.shares).toSorted());
  if (all.length === 0) same("bytes", 0, state.bytes);
  for (const [key, use] of Object.entries(state.keys)) {
    const of = all.filter(([, job]) => job.key === key);
    same(`running with ${key}`, of.filter(([, { phase }]) => phase === "running").length, use.running);
    same(
      `open with ${key}`,
      of.length,
      Object.values(use.open).reduce((sum, n) => sum + n, 0),
    );
  }
  for (const [name, { flows, round, active }] of Object.entries(state.queues)) {
    same(`active of ${name}`, Object.keys(flows).length, active);
    const open = ready(state).filter(([, job]) => (job.tags ?? "") === name && isOpen(state, job));
    same(
      `flows of ${name}`,
      [...new Set(open.map(([, { flow = "" }]) => flow))].toSorted(),
      Object.keys(flows).toSorted(),
    );
    for (const [flow, { deficit, turn }] of Object.entries(flows)) {
      const [, { cost = 1 }] = firstIn(open.filter(([, job]) => (job.flow ?? "") === flow))!;
      if (deficit < cost) faults.push(`${flow} of ${name} cannot take its first job in its turn`);
      if (turn < round) faults.push(`${flow} of ${name} has missed its turn`);
    }
  }
  for (const [id, { waitsFor = 0, seq, phase }] of all) {
    const before = all.filter(([, { next = [] }]) => next.some((each) => each.id === id && each.seq === seq));
    same(`what ${id} waits for`, before.length, waitsFor);
    const { next } = state.jobs[id]!;
    const waiting = next?.filter((each) => state.jobs[each.id]?.seq === each.seq).length ?? 0;
    if (next && next.length > 2 * waiting) faults.push(`${next.length} entries of ${id} are for ${waiting} that wait`);
    if (waitsFor > 0 && phase !== "after" && phase !== "dead") faults.push(`${id} is ${phase} before its time`);
  }
  let done = 0;
  for (let at = state.oldest; at !== undefined && at !== null; at = state.done[at] ?? undefined) done++;
  same("done", [done, done], [Object.keys(state.done).length, state.doneCount]);
  return faults;
}

function countEach(names: readonly string[]): Record<string, number> {
  const counts: Record<string, number> = {};
  for (const name of names) counts[name] = (counts[name] ?? 0) + 1;
  return counts;
}

/** How many open jobs with these tags each author has. */
function authorsOf({ jobs }: Jobs, name: string): Record<string, number> {
  const of = Object.values(jobs).filter(({ tags = "" }) => tags === name);
  return countEach(of.map(({ author }) => authorKey(author)));
}

const queueCounts = ({ ready: r, running, open }: Queue) => ({ ready: r, running, open });

function countsOf({ jobs }: Jobs, name: string) {
  const of = Object.values(jobs).filter(({ tags = "" }) => tags === name);
  const count = (phase: Job["phase"]) => of.filter((job) => job.phase === phase).length;
  return { ready: count("ready"), running: count("running"), open: of.length };
}
