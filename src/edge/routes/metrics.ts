import type { Application } from "../../objects/application.ts";
import { askMetricsShards } from "../../objects/metrics-calls.ts";
import { mergeSummaries } from "../../tenant/metrics.ts";
import type { Edge } from "../env.ts";
import type { Guards } from "../guards.ts";
import { withoutMetrics } from "../no-metrics.ts";
import { prometheusText, prometheusType } from "../prometheus.ts";
import { Refused } from "../refused.ts";

/** The metrics of a tenant. */
export function metricsRoutes(app: Edge, { requireAdmin }: Guards, { placementOf }: Application): void {
  app.get("/metrics", requireAdmin("admin:metrics"), async (c) => {
    const { METRICS: objects } = c.env;
    if (!objects) throw new Refused(withoutMetrics("metrics"));
    const { name: tenant } = c.get("tenantAccess");
    const summaries = await askMetricsShards(objects, tenant, placementOf(tenant), (calls) => calls.summary());
    return c.text(prometheusText(tenant, mergeSummaries(summaries)), 200, { "content-type": prometheusType });
  });
}
