import { describe, expect, it } from "vitest";
import { jobsEffects } from "../../src/models/jobs/effects.ts";
import { jobs } from "../../src/models/jobs/index.ts";
import type { Jobs } from "../../src/models/jobs/state.ts";
import { BilledDriver } from "../bench/billed-driver.ts";
import { TestPartition } from "../support/partition.ts";

const start = 1_700_000_000_000;
const minute = 60_000;

/** A partition of jobs, with its timers. */
class QueueRoom extends TestPartition {
  declare readonly driver: BilledDriver;
  #drafts = 0;
  readonly #client = this.client("app");

  constructor() {
    super({ model: jobs, effects: jobsEffects, driver: new BilledDriver() });
  }

  /** Submits a draft, and returns what came of it. */
  does(type: string, payload: object): string {
    const { type: answer, payload: of } = this.#client.submit(`d-${++this.#drafts}`, type, payload);
    return answer === "event_accepted" ? "accepted" : (of.errors?.[0]?.code ?? of.code);
  }

  enqueue(job: string, more: object = {}): string {
    return this.does("enqueue", { job, payload: { of: job }, ...more });
  }

  get queue(): Jobs {
    return this.state() as Jobs;
  }

  /** Lets the alarm come as often as it is due until `at`. */
  until(at: number): void {
    for (let due; (due = this.partition.nextDue) !== undefined && due <= at;) {
      this.now = Math.max(this.now, due);
      this.runDue();
    }
    this.now = Math.max(this.now, at);
  }

  get types(): string[] {
    return this.driver.query("SELECT type FROM events ORDER BY event_id").map(({ type }) => String(type));
  }

  /** The rows that `run` writes, as the platform bills them. */
  rows(run: () => void): number {
    const before = this.driver.rowsWritten;
    run();
    return this.driver.rowsWritten - before;
  }
}

describe("jobs in a partition", () => {
  it("[JB-2] [TX-16] one timer ends leases and delays, at the earliest of their times", () => {
    const room = new QueueRoom();
    room.enqueue("a");
    room.enqueue("later", { runAt: start + 10 * minute });
    expect(room.does("claim", { worker: "w", seconds: 120 })).toBe("accepted");
    expect(room.driver.query("SELECT key, due_at FROM timers")).toEqual([{ key: "due", due_at: start + 2 * minute }]);
    room.until(start + 2 * minute - 1);
    expect(room.queue.counts).toMatchObject({ running: 1 });
    room.until(start + 2 * minute);
    expect(room.queue.counts).toMatchObject({ running: 0, ready: 1, later: 1 });
    room.until(start + 10 * minute);
    expect(room.queue.counts).toMatchObject({ ready: 2, later: 0 });
    expect(room.types).toEqual(["enqueue", "enqueue", "claim", "tick", "tick"]);
    expect(room.driver.query("SELECT key FROM timers")).toEqual([]);
  });

  it("[JB-2] a lease that was renewed ends later, and a timer that finds nothing due is set again", () => {
    const room = new QueueRoom();
    room.enqueue("a");
    room.does("claim", { worker: "w" });
    room.until(start + minute / 2);
    expect(room.does("heartbeat", { worker: "w" })).toBe("accepted");
    room.until(start + (3 * minute) / 2 - 1);
    expect(room.queue.counts).toMatchObject({ running: 1 });
    room.restart();
    room.until(start + (3 * minute) / 2);
    expect(room.queue.counts).toMatchObject({ running: 0, ready: 1 });
  });

  it("[JB-1] enqueues by a schedule, each job when the last one is done, and as long as it is there", () => {
    const room = new QueueRoom();
    // 22:13:20 in UTC.
    const at = (minutes: number) => start - (start % minute) + minutes * minute;
    const given = { schedule: "report", cron: "*/15 * * * *", timeZone: "UTC", payload: { of: "report" } };
    expect(room.does("schedule", given)).toBe("accepted");
    room.until(at(2));
    expect(Object.keys(room.queue.jobs)).toEqual(["report@1"]);
    room.until(at(17));
    expect(Object.keys(room.queue.jobs)).toEqual(["report@1"]);
    room.does("claim", { worker: "w" });
    expect(room.does("complete", { job: "report@1", fence: 1 })).toBe("accepted");
    room.until(at(32));
    expect(Object.keys(room.queue.jobs)).toEqual(["report@2"]);
    expect(room.does("unschedule", { schedule: "report" })).toBe("accepted");
    room.until(at(200));
    expect(room.queue.schedules).toEqual({});
    expect(room.types.filter((type) => type === "recur")).toHaveLength(3);
  });

  it("[JB-1] goes on where its next names are used: by a schedule of before, or by who knew that it would come", () => {
    const room = new QueueRoom();
    const at = (minutes: number) => start - (start % minute) + minutes * minute;
    const given = { schedule: "report", cron: "*/15 * * * *", timeZone: "UTC", payload: { of: "report" } };
    for (const run of [2, 3]) expect(room.does("enqueue", { job: `report@${run}`, payload: {} })).toBe("accepted");
    room.does("schedule", given);
    room.until(at(2));
    expect(room.does("enqueue", { job: "report@5", payload: {} })).toBe("NAME_RESERVED");
    room.does("claim", { worker: "w", max: 3 });
    for (const [job, { fence }] of Object.entries(room.queue.jobs)) room.does("complete", { job, fence });
    expect(room.queue.jobs).toEqual({});
    room.does("unschedule", { schedule: "report" });
    room.does("schedule", given);
    room.until(at(17));
    expect(Object.keys(room.queue.jobs)).toEqual(["report@4"]);
    expect(room.queue.schedules["report"]).toMatchObject({ runs: 4, last: "report@4" });
    // As many names as one time can skip: the next one has a job again.
    room.does("claim", { worker: "w" });
    room.does("complete", { job: "report@4", fence: room.queue.fence });
    room.does("unschedule", { schedule: "report" });
    for (let run = 5; run <= 110; run++) room.does("enqueue", { job: `report@${run}`, payload: {} });
    room.does("schedule", given);
    room.until(at(32));
    expect(room.queue.schedules["report"]).toMatchObject({ runs: 100 });
    room.until(at(47));
    expect(room.queue.jobs).toHaveProperty(["report@111"]);
  });

  it.each([
    "* * * *",
    "60 * * * *",
    "* 24 * * *",
    "* * 0 * *",
    "* * * 13 *",
    "* * * * 8",
    "5-1 * * * *",
    "*/0 * * * *",
    "5/2 * * * *",
    "a * * * *",
    "* * * * * *",
    "0 0 30 2 *",
    "0 0 31 4,6 *",
    "",
  ])("[JB-1] refuses the pattern %j at its field", (cron) => {
    const room = new QueueRoom();
    expect(room.does("schedule", { schedule: "s", cron, timeZone: "UTC", payload: {} })).toBe("SCHEMA_ERROR");
  });

  it.each(["* * * * *", "*/15 8-18 * * 1-5", "0 0 29 2 *", "5,10-20/2 0 1 1,12 0", "0 12 31 1-4 7"])(
    "[JB-1] takes the pattern %j",
    (cron) => {
      const room = new QueueRoom();
      const given = { schedule: "s", cron, timeZone: "Europe/Zurich", payload: {} };
      expect(room.does("schedule", given)).toBe("accepted");
      expect(room.driver.query("SELECT key FROM timers")).toEqual([{ key: "cron:s" }]);
    },
  );

  it("[JB-2] [TX-1] the life of a job is three events, two rows each, and a timer for each minute", () => {
    const room = new QueueRoom();
    // The first event of all makes the tables.
    room.does("resume", {});
    const life = (job: string) => ({
      enqueue: room.rows(() => expect(room.enqueue(job)).toBe("accepted")),
      claim: room.rows(() => expect(room.does("claim", { worker: "w" })).toBe("accepted")),
      complete: room.rows(() => expect(room.does("complete", { job, fence: room.queue.fence })).toBe("accepted")),
    });
    const first = life("a");
    const next = life("b");
    const ticks = room.rows(() => room.until(start + minute));
    console.log(
      `rows of a job's life: ${JSON.stringify(next)}; the first one: ${JSON.stringify(first)}; a tick: ${ticks}`,
    );
    // An event is its row and an entry of its index; the first claim sets the timer.
    expect(first).toEqual({ enqueue: 2, claim: 3, complete: 2 });
    expect(next).toEqual({ enqueue: 2, claim: 2, complete: 2 });
    expect(ticks).toBe(3);
    expect(room.types).toHaveLength(8);
  });
});
