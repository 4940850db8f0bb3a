import type { Counter, Measure } from "../core/index.ts";
import type { DayCost, Gauge, MetricsReport } from "../platform/metrics-api.ts";
import type { Costs } from "./costs.ts";
import type { MetricsPorts } from "./ports.ts";
import type { VerifiedLast } from "./verification.ts";

/** The least time between two reports, and between two commits whose time is taken. */
const reportMsMin = 10_000;
const timedCommitMsMin = 1_000;

/** Whether less than `ms` have passed. A clock that was set back says nothing: else nothing happens until it is there again. */
const isWithin = (ms: number, since: number, now: number): boolean => now >= since && now - since < ms;

interface MeasuresHost {
  readonly partition: string;
  /** 16 random hexadecimal digits. */
  newIncarnation(): string;
  /** Undefined: the deployment has no metrics. Then nothing is counted. */
  readonly metrics: Pick<MetricsPorts, "report" | "rowsWritten"> | undefined;
  /** What it has used of what the platform bills; absent: that is not counted. */
  readonly costs?: { readonly counted: Costs; storedBytes(): number } | undefined;
  now(): number;
  /** Runs `run` when what was written is durable. */
  afterIo(run: () => void): void;
  gauges(): readonly Gauge[];
  /** How the log is; undefined: nothing was ever written, or it is not loaded. */
  condition(): "sound" | "quarantined" | undefined;
  /** The last event; undefined: it cannot be read. */
  head(): number | undefined;
  /** The last verification of this lifetime; undefined: there was none. */
  verified(): VerifiedLast | undefined;
}

/**
 * Counts in memory, and reports at the end of an entry into the object, where ten seconds have passed since the last
 * report. There is no timer: it would keep the object awake. So what was counted after the last report waits for the next
 * entry, and is lost where the object sleeps or ends before.
 *
 * The first event of a partition is reported at once, for the directory of its tenant, and so are a quarantine and the
 * end of a verification.
 */
export class Measures {
  readonly #host: MeasuresHost;
  #counts = new Map<string, number>();
  /** What was sent and has not arrived, as far as is known: it is sent again as it is. */
  #sent: MetricsReport | undefined;
  #sending = false;
  #incarnation: string | undefined;
  #seq = 0;
  #reportedAt: number;
  #rowsReported = 0;
  #timedAt = 0;
  #events = 0;
  /** How the log was in the last report of this lifetime. */
  #reportedAs: "sound" | "quarantined" | undefined;
  /** The last verification that was reported. */
  #reportedVerified: VerifiedLast | undefined;

  constructor(host: MeasuresHost) {
    this.#host = host;
    // The first report comes at once: a partition that is used for a moment is seen, too.
    this.#reportedAt = host.now() - reportMsMin;
  }

  readonly count: Measure = (counter: Counter, by: number, label?: string): void => {
    if (!this.#host.metrics) return;
    const key = label === undefined ? counter : `${counter} ${label}`;
    this.#counts.set(key, (this.#counts.get(key) ?? 0) + by);
    if (counter !== "events") return;
    this.#events += by;
    this.#host.costs?.counted.events(by);
  };

  /** To be called at the end of each entry into the object. Nothing waits for it. */
  entered(): void {
    const { metrics, costs } = this.#host;
    costs?.counted.look();
    if (!metrics || !this.#isUsed) return;
    const now = this.#host.now();
    this.#timeCommit(now);
    if (this.#sending || (isWithin(reportMsMin, this.#reportedAt, now) && !this.#isNews)) return;
    const report = (this.#sent ??= this.#next(metrics.rowsWritten(), now));
    this.#sending = true;
    this.#reportedAt = now;
    void metrics
      .report(report)
      .then(() => (this.#sent = undefined))
      // It is sent again with the next one.
      .catch(() => {})
      .finally(() => {
        this.#sending = false;
        // Perhaps the first event came meanwhile, and nothing enters the object after it.
        if (!this.#sent && this.#isNews) this.entered();
      });
  }

  /** To have been loaded is not yet to be used; but a log that cannot be folded is to be seen. */
  get #isUsed(): boolean {
    if (this.#counts.size > 1 || (this.#counts.size === 1 && !this.#counts.has("loads"))) return true;
    if (this.#isNews && this.#host.condition() === "quarantined") return true;
    // What is only read costs, too; but of a partition that was never written nothing is kept.
    return this.#host.costs?.counted.isOwed === true && this.#host.condition() !== undefined;
  }

  /** Whether the directory has to learn something at once. */
  get #isNews(): boolean {
    const condition = this.#host.condition();
    return (
      condition !== undefined && (condition !== this.#reportedAs || this.#host.verified() !== this.#reportedVerified)
    );
  }

  #next(rows: number, now: number): MetricsReport {
    if (rows > this.#rowsReported) this.count("rows_written", rows - this.#rowsReported);
    this.#rowsReported = rows;
    const { costs: costsHost } = this.#host;
    const costs = costsHost?.counted.take(costsHost.storedBytes());
    for (const day of costs ?? []) this.#countCost(day);
    const counts = Object.fromEntries(this.#counts);
    this.#counts = new Map();
    const { partition } = this.#host;
    const incarnation = (this.#incarnation ??= this.#host.newIncarnation());
    const periodMs = Math.max(now - this.#reportedAt, 1);
    const gauges = this.#host.gauges();
    const report = { partition, incarnation, seq: ++this.#seq, counts, gauges, periodMs, ...(costs && { costs }) };
    const condition = this.#host.condition();
    // After a write that failed nothing is loaded: that is no news.
    if (condition === undefined) return report;
    this.#reportedAs = condition;
    const head = this.#host.head();
    const verified = this.#host.verified();
    const isNew = verified !== undefined && verified !== this.#reportedVerified;
    this.#reportedVerified = verified;
    return {
      ...report,
      log: {
        ...(head === undefined ? {} : { head }),
        quarantined: condition === "quarantined",
        ...(isNew && { verified: { at: verified.at, findings: verified.findings.length } }),
      },
    };
  }

  #countCost({ rowsRead, requests, socketMessages, activeMs }: DayCost): void {
    this.count("rows_read", rowsRead);
    this.count("requests", requests);
    this.count("socket_messages", socketMessages);
    this.count("active_ms", activeMs);
  }

  /** Takes the time of a commit: from the end of its turn, by the clock, to when it is durable. */
  #timeCommit(now: number): void {
    if (this.#events === 0 || isWithin(timedCommitMsMin, this.#timedAt, now)) return;
    this.#timedAt = now;
    this.#events = 0;
    this.#host.afterIo(() => {
      this.count("timed_commits", 1);
      this.count("commit_ms", Math.max(0, this.#host.now() - now));
    });
  }
}
