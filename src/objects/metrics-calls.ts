import type { DurableObject } from "cloudflare:workers";
import type { PartitionName } from "../core/index.ts";
import { callObjectOnce } from "../platform/call.ts";
import type { MetricsReport } from "../platform/metrics-api.ts";
import { type Placement, stubOf } from "../platform/placement.ts";
import type { Named } from "../platform/rpc.ts";
import type { MetricsSummary } from "../tenant/metrics.ts";
import { named } from "./calls.ts";

/** The objects among which the partitions of a tenant are divided, so that none of them is a hot spot. */
export const metricsShards = 4;

/** The remote methods of an object that adds up metrics. */
export interface MetricsRpc {
  reportWith(report: Named<MetricsReport>): Promise<void>;
  summaryWith(asked: Named): Promise<MetricsSummary>;
}

/** The calls of such an object. */
export const metricsCalls = (stub: MetricsRpc) => ({
  report: (report: MetricsReport): Promise<void> => stub.reportWith(named(report)),
  summary: (): Promise<MetricsSummary> => stub.summaryWith(named({})),
});

/** The name of the object that adds up the metrics of a partition. */
function metricsNameOf(tenant: string, partition: string): string {
  let hash = 0;
  for (let at = 0; at < partition.length; at++) hash = (31 * hash + partition.charCodeAt(at)) | 0;
  return metricsShardName(tenant, (hash >>> 0) % metricsShards);
}

export const metricsShardName = (tenant: string, shard: number): string => `${tenant}/${shard}`;

/** Reports what a partition counts. One that is not answered is sent again by the partition, so it is called once. */
export function reporterOf(
  objects: DurableObjectNamespace<DurableObject & MetricsRpc>,
  { tenant, partition }: PartitionName,
  placement: Placement,
): (report: MetricsReport) => Promise<void> {
  const name = metricsNameOf(tenant, partition);
  return (report) =>
    callObjectOnce(
      () => metricsCalls(stubOf(objects, name, placement)),
      (calls) => calls.report(report),
    );
}
