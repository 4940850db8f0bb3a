import type { Failure } from "../protocol/index.ts";

/** A Worker that has the part `metrics`, and does not bind its object. `what`: what it therefore does not have. */
export const withoutMetrics = (what: string): Failure => ({
  code: "not_configured",
  detail: `This deployment has no ${what}: bind METRICS to MetricsObject in wrangler.toml, with a migration, as docs/guide/parts.md shows.`,
});
