import { DurableObject } from "cloudflare:workers";
import type { DirectoryEntry, PlacedPage } from "../platform/directory-api.ts";
import { log } from "../platform/log.ts";
import type { DayCost } from "../platform/metrics-api.ts";
import { migrations } from "../storage/directory/migrations.ts";
import { DirectoryStorage } from "../storage/directory/storage.ts";
import { DurableSqlDriver } from "../storage/durable.ts";
import { KeptCounts } from "../storage/kept-counts.ts";
import { Directory } from "../tenant/directory.ts";
import { type MetricsSummary, TenantMetrics } from "../tenant/metrics.ts";
import type { MetricsRpc } from "./metrics-calls.ts";
import { nameOf } from "./object-name.ts";

/** The least time between two writes of the figures: they are billed rows. What came since the last one is lost in a crash. */
const keepMsMin = 10_000;
/** How long the figures of a partition that is known wait to be stored in the directory, at least. */
const storeMs = 50_000;
/**
 * How often the object looks for what waits. Platform fact: one that is idle for ten seconds hibernates, and forgets what waits;
 * an alarm before that keeps it in memory, and idle time is not billed.
 */
const lookMs = 8_000;

type Asked<Method extends keyof MetricsRpc> = Parameters<MetricsRpc[Method]>[0];

/**
 * The Durable Object class that adds up what some partitions of a tenant report, and keeps their part of its directory.
 * The name is `tenant/shard`.
 */
export class MetricsObject extends DurableObject implements MetricsRpc {
  readonly #kept = new KeptCounts(this.ctx.storage);
  #opened: TenantMetrics | undefined;
  #openedDirectory: Directory | undefined;
  #keptAt = 0;
  /** Whether something was counted since. */
  #isOwed = false;
  #armed = false;

  async reportWith(report: Asked<"reportWith">): Promise<void> {
    const now = Date.now();
    const isNew = this.#metrics.add(report, now);
    this.#isOwed ||= isNew;
    // First: the directory may not open.
    this.#keep(now, false);
    // What comes again must not be billed twice.
    const became = this.#directory.report(isNew ? report : { ...report, costs: [] }, now);
    if (became === "full")
      log("directory_full", {
        object: nameOf(this.ctx.id),
        partition: report.partition,
      });
    this.#keep(now, became === "stored");
    if ((became === "waiting" || this.#isOwed) && !this.#armed) await this.#arm(now);
  }

  /**
   * Keeps the figures where some time has passed, or where it is `due`: what the directory stores of a report is known to be
   * counted, in the same commit, so that the report can come again after the object has ended.
   */
  #keep(now: number, due: boolean): void {
    if (!this.#isOwed || (!due && Math.abs(now - this.#keptAt) < keepMsMin)) return;
    this.#kept.put(this.#metrics.counts, this.#metrics.seen);
    this.#keptAt = now;
    this.#isOwed = false;
  }

  async #arm(now: number): Promise<void> {
    this.#armed = true;
    await this.ctx.storage.setAlarm(now + lookMs);
  }

  async summaryWith(): Promise<MetricsSummary> {
    return this.#metrics.summary(Date.now());
  }

  async partitionsWith({ order, ...asked }: Asked<"partitionsWith">): Promise<DirectoryEntry[]> {
    const now = Date.now();
    const rows =
      order === undefined
        ? this.#directory.page(asked)
        : order === "hottest"
          ? this.#directory.among(this.#metrics.hottest(now), asked)
          : this.#directory.top(order, asked);
    return rows.map((row) => Object.assign({}, row, this.#metrics.activityOf(row.name, now)));
  }

  async placedPartitionsWith(asked: Asked<"placedPartitionsWith">): Promise<PlacedPage> {
    return this.#directory.placed(asked);
  }

  async costsWith({ partition }: Asked<"costsWith">): Promise<readonly DayCost[]> {
    return this.#directory.costsOf(partition);
  }

  async isFullWith(): Promise<boolean> {
    return this.#directory.isFull;
  }

  async cursorKeyWith(): Promise<Uint8Array> {
    return this.#directory.cursorKey(crypto.getRandomValues(new Uint8Array(32)), Date.now());
  }

  override async alarm(): Promise<void> {
    this.#armed = false;
    const now = Date.now();
    const { stored, waiting } = this.#directory.store(now, storeMs);
    this.#keep(now, stored > 0);
    if (waiting > 0 || this.#isOwed) await this.#arm(now);
  }

  /** Opened by the first call: figures that cannot be read must not keep an object from counting. */
  get #metrics(): TenantMetrics {
    if (this.#opened) return this.#opened;
    try {
      return (this.#opened = new TenantMetrics(this.#kept.counts, this.#kept.seen));
    } catch (error) {
      log("metrics_not_read", { object: nameOf(this.ctx.id), error: String(error) });
    }
    return (this.#opened = new TenantMetrics());
  }

  /** Opened by the first call that needs it. @throws MigrationError where its storage is of another version. */
  get #directory(): Directory {
    return (this.#openedDirectory ??= new Directory(
      new DirectoryStorage(new DurableSqlDriver(this.ctx.storage), migrations),
      Date.now(),
    ));
  }
}
