import { describeRoute } from "hono-openapi";
import type { Application } from "../../objects/application.ts";
import { askMetricsShards } from "../../objects/metrics-calls.ts";
import type { Failure } from "../../protocol/index.ts";
import { mergeSummaries } from "../../tenant/metrics.ts";
import { authenticationRefusals, headers, parameters } from "../document/parts.ts";
import type { Edge } from "../env.ts";
import type { Guards } from "../guards.ts";
import { prometheusText, prometheusType } from "../prometheus.ts";
import { Refused } from "../refused.ts";

const none: Failure = {
  code: "not_configured",
  detail: "This deployment has no metrics: its Worker has no binding METRICS.",
};

/** The metrics of a tenant. */
export function metricsRoutes(app: Edge, { requireAdmin }: Guards, { placementOf }: Application): void {
  app.get(
    "/metrics",
    describeRoute({
      operationId: "readMetrics",
      summary: "Read the metrics of the tenant",
      description:
        "As text for Prometheus. Partitions report every ten seconds while they are in use; the 20 hottest are named, the others are summed up. Needs `admin:metrics`.",
      tags: ["Server"],
      security: [{ token: [] }, {}],
      parameters: parameters("traceparent"),
      responses: {
        200: {
          description: "The metrics.",
          headers: headers(),
          content: {
            "text/plain": {
              schema: { type: "string" },
              example: '# TYPE partita_events_total counter\npartita_events_total{tenant="default"} 42\n',
            },
          },
        },
        ...authenticationRefusals("not_configured"),
      },
    }),
    requireAdmin("admin:metrics"),
    async (c) => {
      const { METRICS: objects } = c.env;
      if (!objects) throw new Refused(none);
      const { name: tenant } = c.get("tenantAccess");
      const summaries = await askMetricsShards(objects, tenant, placementOf(tenant), (calls) => calls.summary());
      return c.text(prometheusText(tenant, mergeSummaries(summaries)), 200, { "content-type": prometheusType });
    },
  );
}
