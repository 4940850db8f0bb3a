import { DurableObject } from "cloudflare:workers";
import { log } from "../platform/log.ts";
import { KeptCounts } from "../storage/kept-counts.ts";
import { type MetricsSummary, TenantMetrics } from "../tenant/metrics.ts";
import type { MetricsRpc } from "./metrics-calls.ts";
import { nameOf } from "./object-name.ts";

/** The least time between two writes: each is a billed row. What came since the last one is lost in a crash. */
const keepMsMin = 10_000;

type Asked<Method extends keyof MetricsRpc> = Parameters<MetricsRpc[Method]>[0];

/** The Durable Object class that adds up what some partitions of a tenant report. The name is `tenant/shard`. */
export class MetricsObject extends DurableObject implements MetricsRpc {
  readonly #kept = new KeptCounts(this.ctx.storage);
  #opened: TenantMetrics | undefined;
  #keptAt = 0;

  async reportWith(report: Asked<"reportWith">): Promise<void> {
    const now = Date.now();
    this.#metrics.add(report, now);
    if (now - this.#keptAt < keepMsMin) return;
    this.#keptAt = now;
    this.#kept.put(this.#metrics.counts);
  }

  async summaryWith(): Promise<MetricsSummary> {
    return this.#metrics.summary(Date.now());
  }

  /** Opened by the first call: figures that cannot be read must not keep an object from counting. */
  get #metrics(): TenantMetrics {
    if (this.#opened) return this.#opened;
    let counts: Record<string, number> | undefined;
    try {
      counts = this.#kept.get();
    } catch (error) {
      log("error", "metrics could not be read", { object: nameOf(this.ctx.id), error: String(error) });
    }
    return (this.#opened = new TenantMetrics(counts));
  }
}
