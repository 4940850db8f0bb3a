// The alert rules of docs/alerts, judged by Prometheus's own tool, each with a fault that is injected into the figures
// as partitions report them.
import { readFileSync } from "node:fs";
import { describe, expect, it } from "vitest";
import { prometheusText } from "../../src/edge/prometheus.ts";
import type { Gauge } from "../../src/platform/metrics-api.ts";
import { mergeSummaries, TenantMetrics } from "../../src/tenant/metrics.ts";
import { firing, promtoolPresent, rulesFile } from "../support/alerts.ts";

const minutes = 120;
/** From then on there is the fault. */
const faultAt = 60;

interface Minute {
  readonly counts?: Readonly<Record<string, number>>;
  readonly gauges?: readonly Gauge[];
}

/** What two partitions report each minute: `fault` adds to what the first one does, from `faultAt` on. */
function scrapes(fault: (minute: number) => Minute): string[] {
  const metrics = new TenantMetrics();
  return Array.from({ length: minutes }, (_, minute) => {
    const now = minute * 60_000;
    for (const partition of ["one", "two"]) {
      const wrong = partition === "one" && minute >= faultAt ? fault(minute) : {};
      metrics.add(
        {
          partition,
          incarnation: partition,
          seq: minute + 1,
          counts: { events: 6_000, windows: 100, timed_commits: 60, commit_ms: 600, timers: 10, ...wrong.counts },
          gauges: [
            { name: "effects", used: 10, max: 100_000 },
            { name: "logBytes", used: 1, max: 100 },
            ...(wrong.gauges ?? []),
          ],
          periodMs: 60_000,
        },
        now,
      );
    }
    return prometheusText("t", mergeSummaries([metrics.summary(now)]));
  });
}

/** Asserts that exactly these alerts fire at the end, and none before the fault. */
function assertFired(fault: (minute: number) => Minute, alerts: readonly string[]): void {
  const texts = scrapes(fault);
  const names = (atMinute: number) => [...new Set(firing(texts, atMinute).map(({ alertname }) => alertname))];
  expect(names(faultAt - 1)).toEqual([]);
  expect(names(minutes - 1)).toEqual(alerts);
}

const warned = "PartitaBoundAt75Percent";
const faults: Readonly<Record<string, { fault: (minute: number) => Minute; alerts?: readonly string[] }>> = {
  PartitaBoundAt75Percent: { fault: () => ({ gauges: [{ name: "stateBytes", used: 76, max: 100 }] }) },
  PartitaBoundAt90Percent: {
    fault: () => ({ gauges: [{ name: "stateBytes", used: 91, max: 100 }] }),
    alerts: [warned, "PartitaBoundAt90Percent"],
  },
  PartitaErrorBudget: { fault: () => ({ counts: { "refusals storage_unavailable": 600 } }) },
  PartitaHotPartition: { fault: () => ({ counts: { events: 60_000 } }) },
  PartitaLateTimers: { fault: () => ({ counts: { timer_lateness_ms: 2_000_000 } }) },
  PartitaOutboxGrows: {
    fault: (minute) => ({ gauges: [{ name: "effects", used: 100 + 10 * (minute - faultAt), max: 100_000 }] }),
  },
  PartitaEndpointFails: { fault: () => ({ gauges: [{ name: "endpointsFailing", used: 1 }] }) },
  PartitaDeadLetters: { fault: (minute) => ({ counts: { "effects dead": minute > minutes - 5 ? 1 : 0 } }) },
  PartitaSagaFailed: { fault: (minute) => ({ counts: { "saga_ends FAILED": minute > minutes - 5 ? 1 : 0 } }) },
  PartitaRepeatedLoads: { fault: () => ({ counts: { loads: 60 } }) },
  PartitaQuarantine: { fault: (minute) => ({ counts: { "refusals quarantined": minute > minutes - 5 ? 1 : 0 } }) },
  PartitaFinding: { fault: (minute) => ({ counts: { findings: minute > minutes - 5 ? 1 : 0 } }) },
  PartitaJobsFail: { fault: () => ({ counts: { "job_failures snapshot": 1 } }) },
  PartitaSlowCommits: { fault: () => ({ counts: { commit_ms: 60_000 } }) },
};

describe("the file of rules", () => {
  const text = readFileSync(rulesFile, "utf8");
  const runbook = readFileSync(new URL("../../docs/RUNBOOK.md", import.meta.url), "utf8");

  it("[OB-3] has no alert without a fault in this test", () => {
    expect([...text.matchAll(/- alert: (\w+)/g)].map(([, name]) => name)).toEqual(Object.keys(faults));
  });

  it("[OB-6] leads from each alert to its section of the runbook", () => {
    const sections = new Set(
      [...runbook.matchAll(/^## (.+)$/gm)].map(([, title]) => title!.toLowerCase().replaceAll(" ", "-")),
    );
    const linked = [...text.matchAll(/runbook: docs\/RUNBOOK\.md#(.+)/g)].map(([, anchor]) => anchor!);
    expect(linked).toHaveLength(Object.keys(faults).length);
    expect(linked.filter((anchor) => !sections.has(anchor))).toEqual([]);
  });
});

describe.skipIf(!promtoolPresent)("the alert rules", () => {
  it("[OB-3] are silent while nothing is wrong", () => assertFired(() => ({}), []));

  it.each(Object.entries(faults))("[OB-3] [OB-7] %s fires when its fault is there", (alert, { fault, alerts }) => {
    assertFired(fault, alerts ?? [alert]);
  });
});
