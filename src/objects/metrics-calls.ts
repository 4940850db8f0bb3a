import type { DurableObject } from "cloudflare:workers";
import type { PartitionName } from "../core/index.ts";
import { callObject, callObjectOnce } from "../platform/call.ts";
import type { DirectoryEntry, DirectoryQuery, PlacedPage, PlacedQuery } from "../platform/directory-api.ts";
import type { DayCost, MetricsReport } from "../platform/metrics-api.ts";
import { type Placement, stubOf } from "../platform/placement.ts";
import type { Named } from "../platform/rpc.ts";
import type { MetricsSummary } from "../tenant/metrics.ts";
import { named, orBefore } from "./calls.ts";

/** The objects among which the partitions of a tenant are divided, so that none of them is a hot spot. */
const metricsShards = 4;

/** The remote methods of an object that adds up metrics. */
export interface MetricsRpc {
  reportWith(report: Named<MetricsReport>): Promise<void>;
  summaryWith(asked: Named): Promise<MetricsSummary>;
  partitionsWith(asked: Named<DirectoryQuery>): Promise<DirectoryEntry[]>;
  /** A method of its own: an object of the version before would answer by name. It throws. */
  placedPartitionsWith(asked: Named<PlacedQuery>): Promise<PlacedPage>;
  /** What a partition has used, a day each, the newest first. */
  costsWith(asked: Named<{ partition: string }>): Promise<readonly DayCost[]>;
  /** Whether there may be partitions that its part of the directory has no room for. */
  isFullWith(asked: Named): Promise<boolean>;
  /** What the cursors of pages of the directory are encrypted with: 32 bytes. */
  cursorKeyWith(asked: Named): Promise<Uint8Array>;
}

/** The calls of such an object. */
export const metricsCalls = (stub: MetricsRpc) => ({
  report: (report: MetricsReport): Promise<void> => stub.reportWith(named(report)),
  summary: (): Promise<MetricsSummary> => stub.summaryWith(named({})),
  partitions: (asked: DirectoryQuery): Promise<DirectoryEntry[]> => stub.partitionsWith(named(asked)),
  placedPartitions: (asked: PlacedQuery): Promise<PlacedPage> => stub.placedPartitionsWith(named(asked)),
  costs: (partition: string): Promise<readonly DayCost[]> =>
    orBefore(
      "costsWith",
      () => stub.costsWith(named({ partition })),
      async () => [],
    ),
  isFull: (): Promise<boolean> =>
    orBefore(
      "isFullWith",
      () => stub.isFullWith(named({})),
      async () => false,
    ),
  cursorKey: (): Promise<Uint8Array> => stub.cursorKeyWith(named({})),
});

/** Which of the objects adds up the metrics of a partition. */
export function metricsShardOf(partition: string): number {
  let hash = 0;
  for (let at = 0; at < partition.length; at++) hash = (31 * hash + partition.charCodeAt(at)) | 0;
  return (hash >>> 0) % metricsShards;
}

/** Asks each of the objects of a tenant. */
export function askMetricsShards<T>(
  objects: DurableObjectNamespace<DurableObject & MetricsRpc>,
  tenant: string,
  placement: Placement,
  ask: (calls: ReturnType<typeof metricsCalls>) => Promise<T>,
): Promise<T[]> {
  return Promise.all(
    Array.from({ length: metricsShards }, (_, shard) => askMetricsShard(objects, tenant, shard, placement, ask)),
  );
}

/** Asks one of them. */
export function askMetricsShard<T>(
  objects: DurableObjectNamespace<DurableObject & MetricsRpc>,
  tenant: string,
  shard: number,
  placement: Placement,
  ask: (calls: ReturnType<typeof metricsCalls>) => Promise<T>,
): Promise<T> {
  return callObject(() => metricsCalls(stubOf(objects, metricsShardName(tenant, shard), placement)), ask);
}

const metricsShardName = (tenant: string, shard: number): string => `${tenant}/${shard}`;

/** Reports what a partition counts. One that is not answered is sent again by the partition, so it is called once. */
export function reporterOf(
  objects: DurableObjectNamespace<DurableObject & MetricsRpc>,
  { tenant, partition }: PartitionName,
  placement: Placement,
): (report: MetricsReport) => Promise<void> {
  const name = metricsShardName(tenant, metricsShardOf(partition));
  return (report) =>
    callObjectOnce(
      () => metricsCalls(stubOf(objects, name, placement)),
      (calls) => calls.report(report),
    );
}
