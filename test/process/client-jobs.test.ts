import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { fileURLToPath } from "node:url";
import { afterAll, beforeAll, expect, test, vi } from "vitest";
import { createClient, memoryStore } from "../../src/client/index.ts";
import { jobs } from "../../src/models/jobs/index.ts";
import { judge, type JobPlan, type Started } from "../simulation/jobs/judge.ts";
import { readLog } from "../support/log.ts";
import { Random } from "../simulation/random.ts";
import { TestServer } from "../support/server.ts";

const workers = 4;
const jobsInAll = 600;
const batch = 60;
/** Kills of workers, and of the server. */
const kills = 10;
const serverKills = 2;
const partition = "jobs:killed";
/** Twice the length of a lease, and then what a busy machine takes. */
const endMs = 240_000;

const seed = Number(process.env["PARTITA_SEED"] ?? Math.floor(Math.random() * 2 ** 31));
const random = new Random(seed);
const server = new TestServer();
const processes = new Map<string, ChildProcess>();

beforeAll(() => server.start());
afterAll(async () => {
  for (const child of processes.values()) child.kill("SIGKILL");
  await server.stop();
});

/** What handlers have begun, of all processes. */
const started: Started[] = [];
let begun = 0;

function begin(): void {
  const name = `p${++begun}`;
  const script = fileURLToPath(new URL("client-jobs-worker.ts", import.meta.url));
  const child = spawn(
    process.execPath,
    ["--disable-warning=ExperimentalWarning", script, server.url.href, partition, name],
    { stdio: ["ignore", "pipe", "inherit"] },
  );
  processes.set(name, child);
  let rest = "";
  child.stdout.setEncoding("utf8").on("data", (text: string) => {
    const lines = (rest + text).split("\n");
    rest = lines.pop()!;
    for (const line of lines) started.push(JSON.parse(line) as Started);
  });
}

function plan(): Map<string, JobPlan> {
  const plans = new Map<string, JobPlan>();
  for (let n = 0; n < jobsInAll; n++) {
    const after = n > 10 && random.chance(0.3) ? [`job-${random.between(0, n - 1)}`] : [];
    const more = { share: "gold", cost: 1, priority: random.between(0, 9), retries: 20 };
    const draft = { job: `job-${n}`, payload: { n }, ...more, ...(after.length > 0 ? { after } : {}) };
    plans.set(draft.job, { draft, fails: 0 });
  }
  return plans;
}

test(
  "[JB-1] [JB-2] [LC-1] kill -9 of workers that have jobs, and of the server: each job is completed once, and what was lost is begun again",
  async () => {
    console.log(`PARTITA_SEED=${seed}`);
    const plans = plan();
    const observer = createClient({
      url: server.url.href,
      partition,
      clientId: "app",
      model: jobs,
      store: memoryStore(),
    });
    const drafts = [...plans.values()].map(({ draft }) => ({ type: "enqueue" as const, payload: draft }));
    for (let at = 0; at < drafts.length; at += batch)
      expect((await observer.submitBatch("atomic", drafts.slice(at, at + batch))).status).toBe("accepted");
    const open = () => Object.keys(observer.state.jobs).length;
    for (let at = 0; at < workers; at++) begin();

    let lost = 0;
    for (let killed = 1; killed <= kills; killed++) {
      // One that has a job now, when some more are done.
      const most = Math.max(open() - random.between(1, jobsInAll / (2 * kills)), 1);
      const victim = await vi.waitUntil(
        () => {
          if (open() > most) return undefined;
          // Their names have more at the end.
          const busy = Object.keys(observer.state.workers).map((name) => name.split("-")[0]!);
          return busy.find((name) => processes.has(name));
        },
        { timeout: endMs, interval: 5 },
      );
      const child = processes.get(victim)!;
      processes.delete(victim);
      child.kill("SIGKILL");
      await once(child, "close");
      if (Object.keys(observer.state.workers).some((name) => name.startsWith(`${victim}-`))) lost++;
      begin();
      if (killed % (kills / serverKills) === 0) {
        await server.kill();
        await server.restart();
      }
    }
    await vi.waitUntil(() => open() === 0, { timeout: endMs, interval: 100 });
    expect(lost).toBeGreaterThan(0);

    const log = await readLog(server.url, partition);
    const judged = {
      plans,
      log,
      started,
      stopped: [],
      chaos: true,
      backlog: false,
      agingSeconds: 0,
      left: [],
      errors: [],
    };
    const { faults, told } = judge(judged);
    console.log(`${kills} workers and ${serverKills} servers killed: ${told}`);
    expect(faults).toEqual([]);
    // A judge that finds nothing in any log would say the same.
    const last = log.findLast(({ event }) => event.type === "complete")!;
    expect(judge({ ...judged, log: [...log, last] }).faults.join()).toMatch(/is completed twice/);
    await observer.close();
  },
  2 * endMs,
);
