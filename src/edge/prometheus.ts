import type { Counter } from "../core/index.ts";
import { errorStatuses } from "../protocol/index.ts";
import { modelOfGauge } from "../platform/metrics-api.ts";
import type { MetricsSummary } from "../tenant/metrics.ts";

/** The media type of Prometheus's text format. */
export const prometheusType = "text/plain; version=0.0.4; charset=utf-8";

/** How a counter is shown: `label` is what it is counted by; `scale` brings milliseconds to seconds. */
interface Shown {
  readonly help: string;
  readonly label?: string;
  /** What it is shown for from the beginning, with 0: a series that begins with 1 has no increase. */
  readonly values?: readonly string[];
  readonly scale?: number;
  /** Where it is not that of the counter. */
  readonly name?: string;
}

const codes = Object.keys(errorStatuses);
const jobKinds = [
  "deliver",
  "end_drain",
  "rebuild",
  "redeliver",
  "seal",
  "snapshot",
  "sweep_records",
  "sweep_sockets",
  "verify",
];

const counters: Readonly<Record<Counter, Shown>> = {
  windows: { help: "Transactions of windows." },
  window_failures: { help: "Windows that failed, and whose work was done again piece by piece." },
  events: { help: "Committed events." },
  rejections: { help: "Rejected drafts.", label: "code", values: codes },
  replays: { help: "Drafts and batches whose first answer was given again." },
  reused_keys: { help: "Idempotency keys that came again with another content." },
  refusals: { help: "What was refused without a verdict.", label: "code", values: codes },
  connections: { help: "Connections and streams that began." },
  loads: { help: "How often a state was loaded from its storage." },
  jobs: { help: "Jobs that ran.", label: "kind", values: jobKinds },
  job_failures: { help: "Jobs that failed.", label: "kind", values: jobKinds },
  effects: { help: "Effects, by what became of them.", label: "result", values: ["again", "dead", "delivered"] },
  deliveries: {
    help: "Attempts to deliver a message to an endpoint, by what became of it.",
    label: "result",
    values: ["again", "dead", "delivered"],
  },
  saga_ends: {
    help: "Sagas that came to rest, by their status.",
    label: "status",
    values: ["COMPLETED", "COMPENSATED", "FAILED"],
  },
  timers: { help: "Timers that fired." },
  timer_lateness_ms: { help: "By how much timers were late, in all.", scale: 1_000, name: "timer_lateness_seconds" },
  timed_commits: { help: "Commits whose time was taken: at most one a second and partition." },
  commit_ms: { help: "Their times in all, until what they wrote was durable.", scale: 1_000, name: "commit_seconds" },
  verifications: { help: "Logs that were verified." },
  findings: { help: "What was found that does not agree with its log." },
  rows_written: { help: "Rows written, as the platform bills them." },
  rows_read: { help: "Rows read by partitions." },
  requests: { help: "Requests, calls and alarms of partitions." },
  socket_messages: { help: "Messages of clients by WebSockets." },
  active_ms: {
    help: "How long partitions could not hibernate.",
    scale: 1_000,
    name: "active_seconds",
  },
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
  endpointMessages: "Messages that wait for endpoints.",
  endpointDeadLetters: "Dead letters of endpoints.",
  endpointsFailing: "Endpoints to which nothing was delivered since an attempt has failed.",
};

/** Metrics of a tenant as text for Prometheus (exposition format 0.0.4). */
export function prometheusText(tenant: string, summary: MetricsSummary): string {
  const lines: string[] = [];
  const family = (name: string, type: "counter" | "gauge", help: string, samples: readonly Sample[]) => {
    lines.push(`# HELP ${name} ${help}`, `# TYPE ${name} ${type}`);
    for (const { labels = {}, value } of samples) lines.push(`${name}${labelsOf({ tenant, ...labels })} ${value}`);
  };
  for (const [counter, shown] of Object.entries(counters)) {
    family(`partita_${shown.name ?? counter}_total`, "counter", shown.help, samplesOf(summary.counts, counter, shown));
  }
  for (const [name, help] of Object.entries(sumHelp)) {
    family(`partita_${snake(name)}`, "gauge", help, [{ value: summary.sums[name] ?? 0 }]);
  }
  family("partita_model_sum", "gauge", "What models say of their states, in all partitions.", ofModels(summary.sums));
  family(
    "partita_model_max",
    "gauge",
    "What models say of their states, in the partition that has most of it.",
    ofModels(summary.largest ?? {}),
  );
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
  { label, values = [], scale = 1 }: Shown,
): readonly Sample[] {
  if (label === undefined) return [{ value: (counts[counter] ?? 0) / scale }];
  const prefix = `${counter} `;
  const counted = Object.keys(counts).flatMap((name) => (name.startsWith(prefix) ? name.slice(prefix.length) : []));
  return [...new Set([...values, ...counted])]
    .toSorted()
    .map((value) => ({ labels: { [label]: value }, value: (counts[prefix + value] ?? 0) / scale }));
}

function labelsOf(labels: Readonly<Record<string, string>>): string {
  return `{${Object.entries(labels)
    .map(([name, value]) => `${name}="${value.replace(/[\\"\n]/g, (char) => (char === "\n" ? "\\n" : `\\${char}`))}"`)
    .join(",")}}`;
}

/** Of these gauges the ones that are of models. */
function ofModels(gauges: Readonly<Record<string, number>>): readonly Sample[] {
  return Object.keys(gauges)
    .toSorted()
    .flatMap((gauge) => {
      const of = modelOfGauge(gauge);
      return of ? [{ labels: { model: of.model, name: snake(of.name) }, value: gauges[gauge]! }] : [];
    });
}

const snake = (name: string): string => name.replace(/[A-Z]/g, (letter) => `_${letter.toLowerCase()}`);
const rounded = (value: number): number => Number(value.toPrecision(4));
