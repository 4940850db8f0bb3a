import { createClient, memoryStore } from "../client/index.ts";
import { estimateWait, type Jobs, jobs } from "../models/jobs/index.ts";
import { type JobsClient, type Worker, work } from "../worker/index.ts";
import { create, counted, oncePerFrame, part, say } from "./page.ts";
import { Gantt } from "./gantt.ts";
import { paneClient, showRows, timeLeft } from "./side.ts";
import { endWithoutToken } from "./tokens.ts";

const partition = "jobs:demo";
/** How long jobs take, in milliseconds. */
const shortMs = 1_500;
const longMs = 4_000;
const added = 8;
/** Jobs of the queue that are shown. */
const shownMax = 8;
const tickMs = 500;
/** Of the estimates, this many of the last ones are compared with what came of them. */
const comparedMax = 20;

/** The orders that one can choose. */
const policies = {
  "first come, first served": {},
  "urgent ones first": { agingSeconds: 10 },
  "Ann and Bob in turns": { fair: true },
} as const;

const boss = paneClient(jobs, partition, `boss-${crypto.randomUUID().slice(0, 8)}`);
/** What was said of when a job begins, and when it was said, in milliseconds since 1970. */
const estimates = new Map<string, number>();
const errors: number[] = [];

/** A worker of this page. */
class DemoWorker {
  readonly title: string;
  #running: { client: JobsClient; worker: Worker } | undefined;

  constructor(title: string) {
    this.title = title;
    this.start();
  }

  get name(): string | undefined {
    return this.#running?.worker.name;
  }

  start(): void {
    const client = createClient({
      url: location.origin,
      partition,
      model: jobs,
      clientId: `${this.title}-${crypto.randomUUID().slice(0, 8)}`,
      store: memoryStore(),
      tabs: false,
    });
    endWithoutToken(client, () => {});
    const worker = work(client, { name: this.title, concurrency: 2 }, async ({ payload, signal }) => {
      await pause(Number(payload["ms"]), signal);
    });
    this.#running = { client, worker };
  }

  /** Without a word to anyone, as where a machine loses its power. */
  kill(): void {
    void this.#running?.client.close();
    this.#running = undefined;
  }
}

const pause = (ms: number, signal: AbortSignal) =>
  new Promise<void>((resolve, reject) => {
    const timer = setTimeout(resolve, ms);
    signal.addEventListener("abort", () => {
      clearTimeout(timer);
      reject(new Error("aborted"));
    });
  });

const titles = ["one", "two", "three"];
const gantt = new Gantt(part(document, "picture"), titles);
const workers = titles.map((title) => new DemoWorker(title));

async function add(count: number, more: { share?: string; priority?: number }): Promise<void> {
  const drafts = Array.from({ length: count }, (_, at) => ({
    type: "enqueue" as const,
    payload: {
      job: `${more.share ?? "urgent"}-${crypto.randomUUID().slice(0, 8)}`,
      payload: { ms: at % 2 === 0 ? shortMs : longMs },
      ...more,
    },
  }));
  const verdict = await boss.submitBatch("atomic", drafts);
  if (verdict.status !== "accepted") say(part(document, "said"), "The queue takes no more jobs now.");
}

function draw(): void {
  const state = boss.state as Jobs;
  const now = Date.now();
  compare(state, now);
  gantt.follow(state, now);
  const { counts, mode } = state;
  say(
    part(document, "counts"),
    [
      `${counted(counts.ready, "job")} waiting, ${counts.running} running`,
      ...(counts.later > 0 ? [`${counts.later} tried again later`] : []),
      ...(counts.dead > 0 ? [`${counts.dead} given up`] : []),
    ].join(", ") + ".",
  );
  const toggle = part(document, "pause");
  toggle.textContent = mode === "paused" ? "Resume" : "Pause";
  toggle.ariaPressed = String(mode === "paused");
  const ready = Object.entries(state.jobs).filter(([, { phase }]) => phase === "ready");
  showRows(
    part(document, "queue"),
    ready
      .toSorted(([, one], [, other]) => one.order! - other.order! || one.seq - other.seq)
      .slice(0, shownMax)
      .map(([id]) => {
        const ms = estimateWait(state, id, now)?.ms;
        const hint = ms === undefined ? "" : `in about ${Math.ceil(ms / 1_000)} s`;
        return {
          key: id,
          text: id,
          hint,
          actions: [{ label: "Cancel", run: () => void boss.submit("cancel", { job: id }) }],
        };
      }),
  );
  showRows(
    part(document, "workers"),
    workers.map((worker) => ({
      key: worker.title,
      text: `Worker ${worker.title}`,
      hint: hintOf(state, worker),
      actions:
        worker.name === undefined
          ? [{ label: "Start", run: () => again(() => worker.start()) }]
          : [{ label: "Kill", run: () => again(() => worker.kill()) }],
    })),
  );
}

const again = (act: () => void): void => {
  act();
  draw();
};

function hintOf({ workers: known }: Jobs, { title, name }: DemoWorker): string {
  if (name !== undefined) return counted(known[name]?.count ?? 0, "job");
  const lost = Object.entries(known).filter(([each]) => each.startsWith(`${title}-`));
  if (lost.length === 0) return "ended";
  const until = Math.max(...lost.map(([, { until: end }]) => end));
  return `ended; its jobs come back in ${timeLeft(until)}`;
}

/** Compares what was estimated with what came of it. */
function compare(state: Jobs, now: number): void {
  for (const [id, { phase }] of Object.entries(state.jobs)) {
    if (phase === "ready" && !estimates.has(id)) {
      const ms = estimateWait(state, id, now)?.ms;
      if (ms !== undefined) estimates.set(id, now + ms);
    } else if (phase === "running" && estimates.has(id)) {
      errors.push(Math.abs(now - estimates.get(id)!));
      if (errors.length > comparedMax) errors.shift();
      estimates.delete(id);
    }
  }
  if (errors.length === 0) return;
  const mean = errors.reduce((sum, ms) => sum + ms, 0) / errors.length / 1_000;
  part(document, "error").textContent = `waits estimated to ${mean.toFixed(1)} s`;
}

const policy = part(document, "policy", HTMLSelectElement);
for (const title of Object.keys(policies)) policy.append(create("option", "", title));
policy.addEventListener("change", () => void boss.submit("policy", policies[policy.value as keyof typeof policies]));
part(document, "add-ann").addEventListener("click", () => void add(added, { share: "ann" }));
part(document, "add-bob").addEventListener("click", () => void add(added, { share: "bob" }));
part(document, "add-urgent").addEventListener("click", () => void add(1, { priority: 9 }));
part(document, "pause").addEventListener("click", () => {
  void boss.submit((boss.state as Jobs).mode === "paused" ? "resume" : "pause", {});
});
// An empty queue begins with work. The client is not ready where the page has no token: the page says so.
const begin = (): void => {
  const { ready, running } = (boss.state as Jobs).counts;
  if (ready + running === 0) void add(added, { share: "ann" });
};
boss.ready.then(begin, () => {});
const schedule = oncePerFrame(draw);
boss.subscribe(schedule);
endWithoutToken(boss, (text) => say(part(document, "said"), text));
setInterval(schedule, tickMs);
schedule();
