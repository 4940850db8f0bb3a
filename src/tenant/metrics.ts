import {
  type Gauge,
  isCourierName,
  type MetricsReport,
  modelOfGauge,
  type ReportsSeen,
} from "../platform/metrics-api.ts";

/** A partition that has not reported for this long is idle: what it had then counts no more. */
const silentMsMax = 60_000;
/**
 * A courier reports only when it sends, and what waits for an endpoint that fails has pauses of up to 15 minutes
 * (`courierBounds.retryMsMax`): so what it had counts for longer.
 */
const courierSilentMsMax = 16 * 60_000;
/** Partitions whose last reports are kept, an estimated 1 KiB each. */
const partitionsMax = 4_096;
/** What was counted in a shorter time is no rate: the first event of a partition is reported at once. */
const periodMsMin = 10_000;
/** The most partitions that are named. */
const hottestMax = 20;

/** What a partition has now; `perSecond`: events, over the time of its last report. */
interface BusyPartition {
  readonly partition: string;
  readonly perSecond: number;
  readonly events: number;
  readonly connections: number;
}

/** How full a bound is in the fullest partition: 0 to 1. */
interface Fullness {
  readonly name: string;
  readonly partition: string;
  readonly share: number;
}

/** What some partitions of a tenant have counted in all, and what they have now. */
export interface MetricsSummary {
  readonly counts: Readonly<Record<string, number>>;
  /** Sums of what the partitions have now, by name. */
  readonly sums: Readonly<Record<string, number>>;
  /** The largest of what models say of their states, by name. An object of the version before does not say it. */
  readonly largest?: Readonly<Record<string, number>>;
  readonly fullest: readonly Fullness[];
  readonly hottest: readonly BusyPartition[];
  /** Partitions that have reported within a minute. */
  readonly active: number;
  readonly perSecond: number;
}

interface Reported {
  readonly at: number;
  readonly perSecond: number;
  readonly events: number;
  readonly gauges: readonly Gauge[];
}

/** Adds up what partitions of a tenant report. */
export class TenantMetrics {
  readonly #counts: Map<string, number>;
  /** The last report of each partition, the newest last. */
  readonly #last = new Map<string, Reported>();
  /** Which that was, also of partitions that have reported before these figures were kept. */
  readonly #seen: Map<string, ReportsSeen[string]>;

  /** `counts`, `seen`: as they were kept. */
  constructor(counts: Readonly<Record<string, number>> = {}, seen: ReportsSeen = {}) {
    this.#counts = new Map(Object.entries(counts));
    this.#seen = new Map(Object.entries(seen));
  }

  get counts(): Readonly<Record<string, number>> {
    return Object.fromEntries(this.#counts);
  }

  get seen(): ReportsSeen {
    return Object.fromEntries(this.#seen);
  }

  /** Returns whether it was not here yet. */
  add({ partition, incarnation, seq, counts, gauges, periodMs }: MetricsReport, now: number): boolean {
    const [before, last] = this.#seen.get(partition) ?? [];
    const isSame = before === incarnation;
    if (isSame && last! >= seq) return false;
    putLast(this.#seen, partition, [incarnation, seq] as const);
    for (const [name, by] of Object.entries(counts)) this.#counts.set(name, (this.#counts.get(name) ?? 0) + by);
    const events = counts["events"] ?? 0;
    putLast(this.#last, partition, {
      at: now,
      perSecond: (events * 1_000) / Math.max(periodMs, periodMsMin),
      events: (isSame ? (this.#last.get(partition)?.events ?? 0) : 0) + events,
      gauges,
    });
    return true;
  }

  /** What a partition does now; zeros where it has not reported for a minute. */
  activityOf(partition: string, now: number): { eventsPerSecond: number; connections: number } {
    const last = this.#last.get(partition);
    if (!last || now - last.at > silentMsMax) return { eventsPerSecond: 0, connections: 0 };
    const connections = last.gauges.find(({ name }) => name === "connections")?.used ?? 0;
    return { eventsPerSecond: last.perSecond, connections };
  }

  /** The partitions that have reported within a minute, the one with the most events a second first. */
  hottest(now: number): string[] {
    return [...this.#last]
      .filter(([, { at }]) => now - at <= silentMsMax)
      .toSorted(([a, one], [b, other]) => other.perSecond - one.perSecond || (a < b ? -1 : 1))
      .map(([partition]) => partition);
  }

  summary(now: number): MetricsSummary {
    const sums: Record<string, number> = {};
    const largest: Record<string, number> = {};
    const fullest = new Map<string, Fullness>();
    const busy: BusyPartition[] = [];
    let total = 0;
    for (const [partition, { at, perSecond, events, gauges }] of this.#last) {
      const isCourier = isCourierName(partition);
      if (now - at > (isCourier ? courierSilentMsMax : silentMsMax)) continue;
      total += perSecond;
      let connections = 0;
      for (const { name, used, max } of gauges) {
        sums[name] = (sums[name] ?? 0) + used;
        if (modelOfGauge(name)) largest[name] = Math.max(largest[name] ?? used, used);
        if (name === "connections") connections = used;
        if (max === undefined || max === 0) continue;
        const share = used / max;
        if (share > (fullest.get(name)?.share ?? -1)) fullest.set(name, { name, partition, share });
      }
      if (!isCourier) busy.push({ partition, perSecond, events, connections });
    }
    return {
      counts: this.counts,
      sums,
      largest,
      fullest: [...fullest.values()],
      hottest: hottestOf(busy),
      active: busy.length,
      perSecond: total,
    };
  }
}

/** As the newest of the last ones. */
function putLast<T>(last: Map<string, T>, partition: string, reported: T): void {
  last.delete(partition);
  last.set(partition, reported);
  if (last.size > partitionsMax) last.delete(last.keys().next().value!);
}

/** The summary of the partitions of all these. */
export function mergeSummaries(summaries: readonly MetricsSummary[]): MetricsSummary {
  const counts: Record<string, number> = {};
  const sums: Record<string, number> = {};
  const largest: Record<string, number> = {};
  const fullest = new Map<string, Fullness>();
  for (const summary of summaries) {
    for (const [name, value] of Object.entries(summary.largest ?? {})) {
      largest[name] = Math.max(largest[name] ?? value, value);
    }
    addAll(counts, summary.counts);
    addAll(sums, summary.sums);
    for (const one of summary.fullest) if (one.share > (fullest.get(one.name)?.share ?? -1)) fullest.set(one.name, one);
  }
  return {
    counts,
    sums,
    largest,
    fullest: [...fullest.values()],
    hottest: hottestOf(summaries.flatMap(({ hottest }) => hottest)),
    active: summaries.reduce((sum, { active }) => sum + active, 0),
    perSecond: summaries.reduce((sum, { perSecond }) => sum + perSecond, 0),
  };
}

function addAll(to: Record<string, number>, from: Readonly<Record<string, number>>): void {
  for (const [name, value] of Object.entries(from)) to[name] = (to[name] ?? 0) + value;
}

function hottestOf(busy: readonly BusyPartition[]): readonly BusyPartition[] {
  return busy
    .toSorted((a, b) => b.perSecond - a.perSecond || (a.partition < b.partition ? -1 : 1))
    .slice(0, hottestMax);
}
