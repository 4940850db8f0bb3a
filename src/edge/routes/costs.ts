import type { Application } from "../../objects/application.ts";
import { askMetricsShard, metricsShardOf } from "../../objects/metrics-calls.ts";
import type { DayCost } from "../../platform/metrics-api.ts";
import type { Edge } from "../env.ts";
import type { Guards } from "../guards.ts";
import { withoutMetrics } from "../no-metrics.ts";
import { Refused } from "../refused.ts";

/** Incoming messages of a WebSocket that the platform bills as one request: its page of prices, read on 2026-11-30. */
const messagesPerRequest = 20;
/** The memory that it bills an object for, in gigabytes, whatever the object uses: the same page. */
const billedGigabytes = 0.128;

/** What a partition has used of what the platform bills. */
export function costRoutes(app: Edge, { requireAdmin }: Guards, { placementOf }: Application): void {
  app.get("/v1/partitions/:partition/costs", requireAdmin("admin:metrics"), async (c) => {
    const { METRICS: objects } = c.env;
    if (!objects) throw new Refused(withoutMetrics("metrics"));
    const { name: tenant } = c.get("tenantAccess");
    const { partition } = c.get("partitionAccess");
    const shard = metricsShardOf(partition);
    const days = await askMetricsShard(objects, tenant, shard, placementOf(tenant), (calls) => calls.costs(partition));
    return c.json({ costs: days.map(billed) });
  });
}

const billed = ({ requests, socketMessages, activeMs, ...cost }: DayCost) => ({
  ...cost,
  requests,
  socketMessages,
  billedRequests: requests + Math.ceil(socketMessages / messagesPerRequest),
  activeMs,
  gigabyteSeconds: Math.round(activeMs * billedGigabytes) / 1_000,
});
