/** Where a job is. */
export type Phase =
  /** It waits for other jobs. */
  | "after"
  /** It waits for a time. */
  | "later"
  /** A worker can have it. */
  | "ready"
  /** A worker has it. */
  | "running"
  /** It is a dead letter: it was given up, and waits for `replay` or `cancel`. */
  | "dead";

/** An open job. What has its default is absent, because a state has up to 100,000 of them. Times are milliseconds since 1970. */
export interface Job {
  phase: Phase;
  /** Its number in the order of all jobs that were ever enqueued here. */
  seq: number;
  /** What it is charged of the memory of the state, in bytes. */
  charge: number;
  /** Who has enqueued it. */
  author: string;
  /** JSON text: its length alone says what it takes in memory. */
  payload: string;
  /** `later`: when it becomes ready. `ready`: since when it is. `running`: since when it runs. Else: since when it is there. */
  at: number;
  /** Once it has been ready: jobs of one flow are taken in this order. A time, earlier for a higher priority. */
  order?: number;
  /** 0 to 9; absent: 0. */
  priority?: number;
  /** The tags that its worker must have, sorted and joined; absent: none. */
  tags?: string;
  /** Whose share of the workers it takes, and how much of it; absent: nobody's, and 1. */
  share?: string;
  cost?: number;
  /** The share that it was ready under; absent: none. */
  flow?: string;
  /** Of the jobs with one concurrency key a limited number run at once. */
  key?: string;
  /** Not ready before. */
  runAt?: number;
  /** When it becomes a dead letter unless a worker has it. */
  deadline?: number;
  /** How many jobs it waits for. */
  waitsFor?: number;
  /** The jobs that wait for it, each with its number: a name can be used again. */
  next?: { id: string; seq: number }[];
  /** How often it is tried again, and the first pause in seconds; absent: the defaults. */
  retries?: number;
  backoff?: number;
  /** How often it was claimed. */
  attempts?: number;
  /** `running`: the worker that has it, and the number of this claim, which no other claim has. */
  worker?: string;
  fence?: number;
  /** `dead`, and after a failure: why. */
  error?: string;
}

/** What one flow of a queue is owed (deficit round robin). */
export interface Flow {
  /** The round in which it is served next. */
  turn: number;
  /** Its place among the flows of that round. */
  place: number;
  /** What it may take in that round: at least the cost of its first job. */
  deficit: number;
}

/** The jobs with the same tags. */
export interface Queue {
  /** Jobs of it that are ready, and that run. */
  ready: number;
  running: number;
  /** All its open jobs, and how many there are of each author, by `authorKey`. */
  open: number;
  by: Record<string, number>;
  /** The present round, and the last place that was given. */
  round: number;
  places: number;
  /** The flows that have a job that may be taken, and how many they are. */
  flows: Record<string, Flow>;
  active: number;
  /** The mean time between two completions while jobs were waiting, and the mean time of a job, in milliseconds; absent: not known yet. */
  gapMs?: number;
  serviceMs?: number;
  /** The last completion after which jobs were waiting. */
  doneAt?: number;
}

/** A worker that has jobs. */
export interface Worker {
  /** The author of its claims. */
  author: string;
  /** Its first fence: decides which of several leases ends first at the same time. */
  number: number;
  /** The length of its lease, in seconds, and when it ends. */
  seconds: number;
  until: number;
  /** Its jobs, with the fence of each, and how many they are. */
  jobs: Record<string, number>;
  count: number;
}

/** The use of a concurrency key. */
export interface KeyUse {
  running: number;
  /** How many open jobs have it, by their tags and share. */
  open: Record<string, number>;
}

/** A job that is enqueued again and again. */
export interface Schedule {
  cron: string;
  timeZone: string;
  /** What is enqueued: the payload of `enqueue`, as JSON text. */
  job: string;
  /** The number of jobs that it has enqueued, and the newest of them. */
  runs: number;
  last?: string;
}

/** The state of a partition of jobs. */
export interface Jobs {
  /** Absent: jobs are enqueued and claimed. */
  mode?: "paused" | "draining";
  policy: {
    /** How much earlier than others a job counts as ready for each step of priority, in milliseconds; 0: priorities do nothing. */
    agingMs: number;
    /** Whether shares count. */
    fair: boolean;
  };
  /** Of a share, if it is not 1. */
  weights: Record<string, number>;
  /** Of a concurrency key, if it is not 1. */
  limits: Record<string, number>;
  /** The open jobs. */
  jobs: Record<string, Job>;
  counts: Record<Phase, number>;
  /** What the open jobs take in memory, as `chargeOf` estimates it, in bytes. */
  bytes: number;
  /** By tags. */
  queues: Record<string, Queue>;
  /** How many of them have open jobs, and in how many each author has some, by `authorKey`. */
  openQueues: number;
  queuesOf: Record<string, number>;
  /** By name: those that have jobs. */
  workers: Record<string, Worker>;
  /** How many of them are of each author, by `authorKey`. */
  workersOf: Record<string, number>;
  /** The jobs that workers have, as the workers count them. */
  leased: number;
  /** How many open jobs there are of each tags and share, by `laneName`. */
  shares: Record<string, number>;
  /** By concurrency key: those with open jobs. */
  keys: Record<string, KeyUse>;
  schedules: Record<string, Schedule>;
  /** The newest jobs that were completed, each with the next one; a list from `oldest` to `newest`. */
  done: Record<string, string | null>;
  oldest?: string;
  newest?: string;
  doneCount: number;
  /** The last `seq` and the last fence. */
  seq: number;
  fence: number;
  /** When the timer of this partition is set to, and the time of the event that has set it. */
  due?: number;
  dueSet?: number;
}

/** A partition without jobs. */
export const emptyJobs = (): Jobs => ({
  policy: { agingMs: 0, fair: false },
  weights: {},
  limits: {},
  jobs: {},
  counts: { after: 0, later: 0, ready: 0, running: 0, dead: 0 },
  bytes: 0,
  queues: {},
  openQueues: 0,
  queuesOf: {},
  workers: {},
  workersOf: {},
  leased: 0,
  shares: {},
  keys: {},
  schedules: {},
  done: {},
  doneCount: 0,
  seq: 0,
  fence: 0,
});
