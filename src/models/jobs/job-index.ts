import type { DerivedHost } from "../../model/index.ts";
import { Heap, isBefore, type Placed } from "./heap.ts";
import type { Job, Jobs } from "./state.ts";
import { Uses } from "./uses.ts";

/** A job that is ready, in its lane. `order`: see `Job.order`; `tie`: its number. */
export interface ReadyJob extends Placed {
  readonly id: string;
  readonly cost: number;
  readonly lane: Lane;
}

/** Ready jobs of one flow with one concurrency key, or with none. It is in its flow while it is open and has jobs, by its first one. */
interface Lane extends Placed {
  readonly flow: FlowLanes;
  readonly key: string;
  readonly jobs: Heap<ReadyJob>;
}

/** The lanes of one flow. `order`: its turn; `tie`: its place. */
interface FlowLanes extends Placed {
  readonly name: string;
  readonly queue: QueueFlows;
  readonly lanes: Heap<Lane>;
  readonly byKey: Map<string, Lane>;
}

/** The flows of one queue. */
interface QueueFlows {
  readonly tags: string;
  readonly needs: readonly string[];
  readonly flows: Heap<FlowLanes>;
  readonly byName: Map<string, FlowLanes>;
}

/** Names of things that are due at a time, earliest first. */
class DueTimes {
  readonly #heap = new Heap<Placed & { readonly name: string }>();
  readonly #byName = new Map<string, Placed & { readonly name: string }>();

  get size(): number {
    return this.#heap.size;
  }

  get first(): { readonly name: string; readonly order: number } | undefined {
    return this.#heap.first;
  }

  find(name: string): Readonly<Placed> | undefined {
    return this.#byName.get(name);
  }

  set(name: string, order: number, tie: number): void {
    let due = this.#byName.get(name);
    if (!due) this.#byName.set(name, (due = { name, order, tie, at: -1 }));
    due.order = order;
    due.tie = tie;
    this.#heap.set(due);
  }

  delete(name: string): void {
    const due = this.#byName.get(name);
    if (!due) return;
    this.#byName.delete(name);
    this.#heap.delete(due);
  }
}

/** What can be due: `later`, a job that waits for its time; `deadlines`, of jobs that no worker has; `leases`, of workers. */
export type DueKind = "later" | "deadlines" | "leases";

const placeOf = (job: Pick<Job, "tags" | "flow" | "key">): { tags: string; flow: string; key: string } => ({
  tags: job.tags ?? "",
  flow: job.flow ?? "",
  key: job.key ?? "",
});

/**
 * What a claim and a timer look for, derived from the state: the ready jobs in their order, and what is due next. Each
 * question and each change costs the logarithm of the number of jobs. What is empty is never seen: so only what is in
 * it is journaled.
 */
export class JobIndex {
  /** What open jobs use, of each author. */
  readonly uses: Uses;
  readonly #host: DerivedHost;
  readonly #state: Pick<Jobs, "jobs">;
  readonly #ready = new Map<string, ReadyJob>();
  readonly #queues = new Map<string, QueueFlows>();
  /** The lanes of each concurrency key, and the keys of which as many jobs run as may. */
  readonly #lanes = new Map<string, Set<Lane>>();
  readonly #closed = new Set<string>();
  readonly #due: Readonly<Record<DueKind, DueTimes>> = {
    later: new DueTimes(),
    deadlines: new DueTimes(),
    leases: new DueTimes(),
  };

  constructor(state: Jobs, host: DerivedHost) {
    this.uses = new Uses(state, host);
    this.#host = host;
    this.#state = state;
    for (const [key, { running }] of Object.entries(state.keys)) {
      if (running >= (state.limits[key] ?? 1)) this.#closed.add(key);
    }
    // Object.entries would make 100,000 arrays.
    for (const id in state.jobs) {
      const job = state.jobs[id]!;
      const { phase, at, deadline, seq } = job;
      if (phase === "ready") this.#add(id, job);
      if (phase === "later") this.#due.later.set(id, at, seq);
      if (deadline !== undefined && phase !== "running" && phase !== "dead") this.#due.deadlines.set(id, deadline, seq);
    }
    for (const [name, { until, number }] of Object.entries(state.workers)) this.#due.leases.set(name, until, number);
    for (const [tags, { flows }] of Object.entries(state.queues)) {
      for (const [name, { turn, place }] of Object.entries(flows)) this.#placeFlow(tags, name, { turn, place });
    }
  }

  /** How many workers have jobs. */
  get workers(): number {
    this.#host.count(1);
    return this.#due.leases.size;
  }

  /** When something is due next; undefined: nothing is. */
  get nextDue(): number | undefined {
    this.#host.count(1);
    let next: number | undefined;
    for (const { first } of Object.values(this.#due)) {
      if (first && (next === undefined || first.order < next)) next = first.order;
    }
    return next;
  }

  /** Since when the job is ready that has waited longest, in milliseconds since 1970; undefined: none is. Goes through all that are ready. */
  get oldestReady(): number | undefined {
    let oldest: number | undefined;
    for (const id of this.#ready.keys()) {
      const { at } = this.#state.jobs[id]!;
      if (oldest === undefined || at < oldest) oldest = at;
    }
    return oldest;
  }

  /** What is due first of a kind, if that is at `now` or before. */
  firstDue(kind: DueKind, now: number): string | undefined {
    this.#host.count(1);
    const { first } = this.#due[kind];
    return first && first.order <= now ? first.name : undefined;
  }

  /** Makes `name` due at `time`; undefined: at no time. `number` decides which one comes first at the same time. */
  setDue(kind: DueKind, name: string, time: number | undefined, number: number): void {
    const due = this.#due[kind];
    const before = due.find(name);
    if (!before && time === undefined) return;
    this.#count(due.size);
    const undo = before && { order: before.order, tie: before.tie };
    this.#host.journal(() => (undo ? due.set(name, undo.order, undo.tie) : due.delete(name)));
    if (time === undefined) due.delete(name);
    else due.set(name, time, number);
  }

  /** The queues whose jobs a worker with these tags can do. */
  servedBy(tags: ReadonlySet<string>): readonly string[] {
    this.#host.count(this.#queues.size);
    const served: string[] = [];
    for (const { tags: name, needs } of this.#queues.values()) {
      if (needs.every((tag) => tags.has(tag))) served.push(name);
    }
    return served;
  }

  /** The job that is taken next of these queues: of each the first one of the flow whose turn it is, and of those the first in order. */
  first(queues: readonly string[]): ReadyJob | undefined {
    this.#host.count(1 + queues.length);
    let first: ReadyJob | undefined;
    for (const tags of queues) {
      const job = this.#queues.get(tags)?.flows.first?.lanes.first?.jobs.first;
      if (job && (!first || isBefore(job, first))) first = job;
    }
    return first;
  }

  /** The first job of a flow that may be taken. */
  firstOf(tags: string, flow: string): ReadyJob | undefined {
    this.#host.count(1);
    return this.#queues.get(tags)?.byName.get(flow)?.lanes.first?.jobs.first;
  }

  add(id: string, job: Job): void {
    this.#count(this.#ready.size);
    this.#host.journal(() => this.#remove(id));
    this.#add(id, job);
  }

  remove(id: string): void {
    const before = this.#ready.get(id);
    if (!before) return;
    this.#count(this.#ready.size);
    const { order, tie: seq, cost, lane } = before;
    const job = { order, seq, cost, key: lane.key, flow: lane.flow.name, tags: lane.flow.queue.tags };
    this.#host.journal(() => this.#add(id, job));
    this.#remove(id);
  }

  /** Whether jobs with this concurrency key may be taken. Returns the flows in which that changes something. */
  setOpen(key: string, open: boolean): readonly { tags: string; flow: string }[] {
    if (open !== this.#closed.has(key)) return [];
    this.#host.journal(() => this.#setOpen(key, !open));
    this.#setOpen(key, open);
    const flows = [...(this.#lanes.get(key) ?? [])].map(({ flow: { name, queue } }) => ({
      tags: queue.tags,
      flow: name,
      sortKey: `${queue.tags} ${name}`,
    }));
    this.#host.count(flows.length * 4);
    // The order in which lanes were made is not part of the state.
    return flows.sort((one, other) => (one.sortKey < other.sortKey ? -1 : 1));
  }

  /** Gives a flow its turn; undefined: it has none. */
  placeFlow(tags: string, flow: string, to: { turn: number; place: number } | undefined): void {
    const known = this.#queues.get(tags)?.byName.get(flow);
    const before = known && known.at >= 0 ? { turn: known.order, place: known.tie } : undefined;
    this.#host.journal(() => this.#placeFlow(tags, flow, before));
    this.#placeFlow(tags, flow, to);
  }

  #count(size: number): void {
    this.#host.count(34 - Math.clz32(size));
  }

  #add(id: string, job: Pick<Job, "tags" | "flow" | "key" | "order" | "cost" | "seq">): void {
    const { tags, flow, key } = placeOf(job);
    const lane = this.#laneOf(this.#flowOf(tags, flow), key);
    const { order = 0, seq, cost = 1 } = job;
    const entry: ReadyJob = { id, order, tie: seq, cost, lane, at: -1 };
    this.#ready.set(id, entry);
    lane.jobs.set(entry);
    this.#place(lane);
  }

  #remove(id: string): void {
    const entry = this.#ready.get(id)!;
    const { lane } = entry;
    this.#ready.delete(id);
    lane.jobs.delete(entry);
    this.#place(lane);
    if (lane.jobs.size > 0) return;
    const { flow, key } = lane;
    flow.byKey.delete(key);
    const lanes = this.#lanes.get(key);
    lanes?.delete(lane);
    if (lanes?.size === 0) this.#lanes.delete(key);
    this.#forget(flow);
  }

  #setOpen(key: string, open: boolean): void {
    if (open) this.#closed.delete(key);
    else this.#closed.add(key);
    for (const lane of this.#lanes.get(key) ?? []) this.#place(lane);
  }

  /** Puts a lane where its first job belongs. */
  #place(lane: Lane): void {
    const { first } = lane.jobs;
    const { lanes } = lane.flow;
    if (!first || this.#closed.has(lane.key)) lanes.delete(lane);
    else {
      lane.order = first.order;
      lane.tie = first.tie;
      lanes.set(lane);
    }
  }

  #placeFlow(tags: string, name: string, to: { turn: number; place: number } | undefined): void {
    const flow = this.#flowOf(tags, name);
    const { flows } = flow.queue;
    if (!to) {
      flows.delete(flow);
      this.#forget(flow);
      return;
    }
    flow.order = to.turn;
    flow.tie = to.place;
    flows.set(flow);
  }

  #flowOf(tags: string, name: string): FlowLanes {
    let queue = this.#queues.get(tags);
    if (!queue) {
      queue = { tags, needs: tags === "" ? [] : tags.split(","), flows: new Heap(), byName: new Map() };
      this.#queues.set(tags, queue);
    }
    let flow = queue.byName.get(name);
    if (!flow) {
      flow = { name, queue, lanes: new Heap(), byKey: new Map(), order: 0, tie: 0, at: -1 };
      queue.byName.set(name, flow);
    }
    return flow;
  }

  #laneOf(flow: FlowLanes, key: string): Lane {
    let lane = flow.byKey.get(key);
    if (lane) return lane;
    lane = { flow, key, jobs: new Heap(), order: 0, tie: 0, at: -1 };
    flow.byKey.set(key, lane);
    if (key === "") return lane;
    const lanes = this.#lanes.get(key);
    if (lanes) lanes.add(lane);
    else this.#lanes.set(key, new Set([lane]));
    return lane;
  }

  /** A flow without lanes and without a turn is as if it were not there. */
  #forget(flow: FlowLanes): void {
    if (flow.byKey.size > 0 || flow.at >= 0) return;
    const { queue, name } = flow;
    queue.byName.delete(name);
    if (queue.byName.size === 0) this.#queues.delete(queue.tags);
  }
}
