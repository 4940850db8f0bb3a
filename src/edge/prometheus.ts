import type { Counter } from "../core/index.ts";
import type { MetricsSummary } from "../tenant/metrics.ts";

/** The media type of Prometheus's text format. */
export const prometheusType = "text/plain; version=0.0.4; charset=utf-8";

/** How a counter is shown: `label` is what it is counted by; `scale` brings milliseconds to seconds. */
interface Shown {
  readonly help: string;
  readonly label?: string;
  readonly scale?: number;
  /** Where it is not that of the counter. */
  readonly name?: string;
}

const counters: Readonly<Record<Counter, Shown>> = {
  windows: { help: "Transactions of windows." },
  window_failures: { help: "Windows that failed, and whose work was done again piece by piece." },
  events: { help: "Committed events." },
  rejections: { help: "Rejected drafts.", label: "code" },
  replays: { help: "Drafts and batches whose first answer was given again." },
  reused_keys: { help: "Idempotency keys that came again with another content." },
  refusals: { help: "What was refused without a verdict.", label: "code" },
  connections: { help: "Connections and streams that began." },
  loads: { help: "How often a state was loaded from its storage." },
  jobs: { help: "Jobs that ran.", label: "kind" },
  job_failures: { help: "Jobs that failed.", label: "kind" },
  effects: { help: "Effects, by what became of them.", label: "result" },
  timers: { help: "Timers that fired." },
  timer_lateness_ms: { help: "By how much timers were late, in all.", scale: 1_000, name: "timer_lateness_seconds" },
  timed_commits: { help: "Commits whose time was taken: at most one a second and partition." },
  commit_ms: { help: "Their times in all, until what they wrote was durable.", scale: 1_000, name: "commit_seconds" },
  rows_written: { help: "Rows written, as the platform bills them." },
};

const sumHelp: Readonly<Record<string, string>> = {
  connections: "Open WebSockets.",
  streams: "Open streams.",
  logBytes: "Bytes of logs.",
  stateBytes: "What states take in memory, in bytes.",
  rejections: "Stored rejections.",
  rejectionBytes: "Bytes of stored rejections.",
  effects: "Effects that wait in outboxes.",
  effectBytes: "Bytes of effects that wait.",
  deadLetters: "Dead letters of partitions.",
};

/** Metrics of a tenant as text for Prometheus (exposition format 0.0.4). */
export function prometheusText(tenant: string, summary: MetricsSummary): string {
  const lines: string[] = [];
  const family = (name: string, type: "counter" | "gauge", help: string, samples: readonly Sample[]) => {
    lines.push(`# HELP ${name} ${help}`, `# TYPE ${name} ${type}`);
    for (const { labels = {}, value } of samples) lines.push(`${name}${labelsOf({ tenant, ...labels })} ${value}`);
  };
  for (const [counter, { help, label, scale = 1, name = counter }] of Object.entries(counters)) {
    family(`partita_${name}_total`, "counter", help, samplesOf(summary.counts, counter, label, scale));
  }
  for (const [name, help] of Object.entries(sumHelp)) {
    family(`partita_${snake(name)}`, "gauge", help, [{ value: summary.sums[name] ?? 0 }]);
  }
  family("partita_active_partitions", "gauge", "Partitions that have reported within a minute.", [
    { value: summary.active },
  ]);
  family("partita_events_per_second", "gauge", "Events a second over the last reports.", [
    { value: rounded(summary.perSecond) },
  ]);
  family(
    "partita_fullness",
    "gauge",
    "How full a bound is in the fullest partition, 0 to 1.",
    summary.fullest.map(({ name, partition, share }) => ({
      labels: { bound: snake(name), partition },
      value: rounded(share),
    })),
  );
  family(
    "partita_partition_events_per_second",
    "gauge",
    "Events a second of the hottest partitions.",
    summary.hottest.map(({ partition, perSecond }) => ({ labels: { partition }, value: rounded(perSecond) })),
  );
  return `${lines.join("\n")}\n`;
}

interface Sample {
  readonly labels?: Readonly<Record<string, string>>;
  readonly value: number;
}

function samplesOf(
  counts: Readonly<Record<string, number>>,
  counter: string,
  label: string | undefined,
  scale: number,
): readonly Sample[] {
  if (label === undefined) return [{ value: (counts[counter] ?? 0) / scale }];
  const prefix = `${counter} `;
  return Object.entries(counts)
    .filter(([name]) => name.startsWith(prefix))
    .toSorted()
    .map(([name, value]) => ({ labels: { [label]: name.slice(prefix.length) }, value: value / scale }));
}

function labelsOf(labels: Readonly<Record<string, string>>): string {
  return `{${Object.entries(labels)
    .map(([name, value]) => `${name}="${value.replace(/[\\"\n]/g, (char) => (char === "\n" ? "\\n" : `\\${char}`))}"`)
    .join(",")}}`;
}

const snake = (name: string): string => name.replace(/[A-Z]/g, (letter) => `_${letter.toLowerCase()}`);
const rounded = (value: number): number => Number(value.toPrecision(4));
