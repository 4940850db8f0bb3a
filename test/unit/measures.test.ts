import { readFileSync } from "node:fs";
import { describe, expect, it } from "vitest";
import { single } from "../../src/core/index.ts";
import { courierBounds } from "../../src/courier/bounds.ts";
import { prometheusText } from "../../src/edge/prometheus.ts";
import type { AnyModel } from "../../src/model/index.ts";
import { insieme } from "../../src/models/insieme/index.ts";
import { jobs } from "../../src/models/jobs/index.ts";
import { courierName, type MetricsReport } from "../../src/platform/metrics-api.ts";
import { bounds } from "../../src/protocol/index.ts";
import { mergeSummaries, TenantMetrics } from "../../src/tenant/metrics.ts";
import { rulesFile } from "../support/alerts.ts";
import { TestShell, turn } from "../support/shell.ts";

const author = { principal: "ann", permissions: "all" as const };
const set = (key: string, payload: object = { target: "t", value: { a: 1 } }) =>
  single({ draftId: key, event: { type: "set", payload: payload as never }, expectedEventId: undefined });
const counted = (reports: readonly MetricsReport[]) => {
  const all: Record<string, number> = {};
  for (const { counts } of reports) for (const [name, by] of Object.entries(counts)) all[name] = (all[name] ?? 0) + by;
  return all;
};

describe("what a partition counts", () => {
  const shellWith = (report: (given: MetricsReport) => Promise<void>) => new TestShell({ report });

  it("[OB-2] [ID-15] is verdicts, replays, keys that were used again, and refusals, each once", async () => {
    const reports: MetricsReport[] = [];
    const room = shellWith(async (report) => void reports.push(report));
    await room.submit(author, set("a"));
    await room.submit(author, set("b"));
    await room.submit(author, set("a"));
    await room.submit(author, set("a", { target: "other", value: {} }));
    await room.submit(author, set("c", { target: 1 }));
    room.elapse(10_000);
    await room.submit(author, set("d"));
    expect(counted(reports)).toMatchObject({
      events: 3,
      replays: 1,
      reused_keys: 1,
      "rejections validation_failed": 1,
    });
    expect(counted(reports)).not.toHaveProperty("refusals idempotency_key_reused");
  });

  it("[OB-2] is reported at most every ten seconds, without a timer", async () => {
    const reports: MetricsReport[] = [];
    const room = shellWith(async (report) => void reports.push(report));
    for (let at = 0; at < 50; at++) {
      await room.submit(author, set(`k-${at}`));
      room.elapse(1_000);
    }
    expect(reports.map(({ seq }) => seq)).toEqual([1, 2, 3, 4, 5]);
    room.elapse(60_000);
    expect(room.timers).toBe(0);
    expect(reports).toHaveLength(5);
  });

  it("[OB-2] is reported, too, where the clock is set back", async () => {
    const reports: MetricsReport[] = [];
    const room = shellWith(async (report) => void reports.push(report));
    await room.submit(author, set("a"));
    room.elapse(-3_600_000);
    for (const key of ["b", "c"]) {
      await room.submit(author, set(key));
      room.elapse(10_000);
    }
    expect(reports.at(-1)!.periodMs).toBe(10_000);
    expect(counted(reports)).toMatchObject({ events: 3 });
  });

  it("[OB-4] is reported at once with the first event, and with a quarantine", async () => {
    const reports: MetricsReport[] = [];
    const answers: (() => void)[] = [];
    const room = shellWith((report) => {
      reports.push(report);
      return new Promise((resolve) => answers.push(resolve));
    });
    const alice = await room.open(author);
    alice.send("connect", { clientId: "c", version: "1" });
    expect(reports.map(({ log }) => log)).toEqual([undefined]);
    // While that report is on its way; nothing enters the object afterwards.
    alice.send("submit_event", { draftId: "a", event: { type: "set", payload: { target: "t", value: {} } } });
    answers[0]!();
    await turn();
    expect(reports.map(({ log }) => log)).toEqual([undefined, { head: 1, quarantined: false }]);
    alice.send("submit_event", { draftId: "b", event: { type: "set", payload: { target: "t", value: {} } } });
    answers[1]!();
    await turn();
    expect(reports).toHaveLength(2);
    // A restart finds the log damaged.
    room.driver.transaction(() => {
      room.driver.script("DROP TRIGGER events_are_not_deleted");
      room.driver.script("DELETE FROM events WHERE event_id = 1");
    });
    const again = new TestShell({ driver: room.driver, report: async (report) => void reports.push(report) });
    await again.shell.readState(undefined, { traceId: "f".repeat(32), reader: author });
    expect(reports.at(-1)).toMatchObject({ log: { quarantined: true } });
  });

  it("[OB-2] comes again as it was where nobody knows whether it has arrived", async () => {
    const seen: MetricsReport[] = [];
    let fails = true;
    const room = shellWith(async (report) => {
      seen.push(report);
      if (fails) throw new Error("the answer was lost");
    });
    await room.submit(author, set("a"));
    room.elapse(10_000);
    fails = false;
    await room.submit(author, set("b"));
    room.elapse(10_000);
    await room.submit(author, set("c"));
    expect(seen[1]).toEqual(seen[0]);
    expect(seen.map(({ seq }) => seq)).toEqual([1, 1, 2]);
    const totals = new TenantMetrics();
    expect(seen.map((report) => totals.add(report, 0))).toEqual([true, false, true]);
    expect(totals.counts["events"]).toBe(3);
  });
});

describe("what partitions have counted", () => {
  const reportOf = (partition: string, events: number, connections: number): MetricsReport => ({
    partition,
    incarnation: "i".repeat(16),
    seq: 1,
    counts: { events, "rejections forbidden": 1 },
    gauges: [
      { name: "connections", used: connections, max: 1_000 },
      { name: "logBytes", used: connections * 10 },
    ],
    periodMs: 10_000,
  });

  it("[OB-3] [OB-7] is added up over objects, with the hottest and the fullest by name", () => {
    const [one, other] = [new TenantMetrics(), new TenantMetrics()];
    for (let at = 0; at < 30; at++) one.add(reportOf(`p-${at}`, at, at), 0);
    other.add(reportOf("hot", 900, 400), 0);
    const merged = mergeSummaries([one.summary(1_000), other.summary(1_000)]);
    expect(merged.counts).toEqual({ events: (29 * 30) / 2 + 900, "rejections forbidden": 31 });
    expect(merged.active).toBe(31);
    expect(merged.hottest).toHaveLength(20);
    expect(merged.hottest.slice(0, 2).map(({ partition }) => partition)).toEqual(["hot", "p-29"]);
    expect(merged.fullest).toEqual([{ name: "connections", partition: "hot", share: 0.4 }]);
    expect(one.summary(61_000).active).toBe(0);
  });

  it("[OB-3] [OB-7] has what a courier said last over its longest pause, but not until the alert fires", () => {
    const metrics = new TenantMetrics();
    const gauges = [{ name: "endpointsFailing", used: 1 }];
    metrics.add({ ...reportOf(courierName("e"), 0, 0), gauges }, 0);
    const failing = (now: number) => metrics.summary(now).sums["endpointsFailing"];
    const { retryMsMax, attemptMs } = courierBounds;
    expect(failing(retryMsMax + attemptMs)).toBe(1);
    const rules = readFileSync(rulesFile, "utf8");
    const [, minutes] = /partita_endpoints_failing > 0\n +for: (\d+)m/.exec(rules)!;
    // It may have delivered since, and not have reported it.
    expect(failing(Number(minutes) * 60_000)).toBeUndefined();
  });

  it("[JB-5] [OB-3] has what a model says of its state: how deep the queues are, and how long the oldest job waits", async () => {
    const metrics = new TenantMetrics();
    let now = 0;
    for (const [name, count] of Object.entries({ small: 1, large: 4 })) {
      const reports: MetricsReport[] = [];
      const room = new TestShell({ model: jobs, report: async (report) => void reports.push(report) });
      const does = (key: string, type: string, payload: object) =>
        room.submit(
          author,
          single({ draftId: key, event: { type, payload: payload as never }, expectedEventId: undefined }),
        );
      for (let n = 0; n < count; n++) {
        await does(`e-${n}`, "enqueue", { job: `job-${n}`, payload: {} });
        room.elapse(1_000);
      }
      // The oldest one does not wait any more.
      await does("c", "claim", { worker: "w" });
      room.elapse(20_000);
      await does("last", "enqueue", { job: "last", payload: {}, runAt: room.now + 60_000 });
      now = room.now;
      metrics.add({ ...reports.at(-1)!, partition: name }, now);
    }
    const text = prometheusText("t", mergeSummaries([metrics.summary(now), new TenantMetrics().summary(now)]));
    const shown = (family: string) =>
      Object.fromEntries(
        [
          ...text.matchAll(new RegExp(`^partita_model_${family}{tenant="t",model="jobs",name="(\\w+)"} (.+)$`, "gm")),
        ].map(([, name, value]) => [name, Number(value)]),
      );
    expect(shown("sum")).toMatchObject({ ready: 3, running: 2, later: 2, after: 0, dead: 0 });
    expect(shown("max")).toMatchObject({ ready: 3, running: 1, later: 1, oldest_ready_seconds: 23 });
  });

  it("[OB-3] has nothing of a model that fails, and no names and numbers that nobody can read; all else is there", async () => {
    const namesOf = async (gauges: () => Record<string, number>) => {
      const reports: MetricsReport[] = [];
      const model = { ...(insieme as AnyModel), gauges };
      const room = new TestShell({ model, report: async (report) => void reports.push(report) });
      await room.submit(author, set("a"));
      return reports[0]!.gauges.map(({ name }) => name);
    };
    const usual = await namesOf(() => ({}));
    expect(usual).toContain("logBytes");
    expect(
      await namesOf(() => {
        throw new Error("no");
      }),
    ).toEqual(usual);
    const odd = { fine: 1, "not fine": 1, 'a"b': 1, none: Number.NaN, much: Number.POSITIVE_INFINITY };
    expect(await namesOf(() => odd)).toEqual([...usual, "fine insieme"]);
    const many = Object.fromEntries(Array.from({ length: 100 }, (_, at) => [`g${at}`, at]));
    expect(await namesOf(() => many)).toHaveLength(usual.length + bounds.modelGaugesMax);
  });

  it("[OB-3] is text for Prometheus, with its labels escaped", () => {
    const metrics = new TenantMetrics({ commit_ms: 1_500, "jobs snapshot": 2 });
    metrics.add(reportOf("a", 10, 3), 0);
    const text = prometheusText('t"\\\n', mergeSummaries([metrics.summary(0)]));
    expect(text).toContain('# TYPE partita_events_total counter\npartita_events_total{tenant="t\\"\\\\\\n"} 10\n');
    expect(text).toMatch(/^partita_commit_seconds_total\{tenant=.*\} 1\.5$/m);
    expect(text).toMatch(/^partita_jobs_total\{tenant=.*,kind="snapshot"\} 2$/m);
    expect(text).toMatch(/^partita_fullness\{tenant=.*,bound="connections",partition="a"\} 0\.003$/m);
    for (const line of text.trimEnd().split("\n"))
      expect(line).toMatch(/^(# (HELP|TYPE) partita_\w+ .+|partita_\w+\{.*\} -?[\d.e+-]+)$/);
  });
});
