/** Parts of wrangler's configuration that the platform has, and workerd alone does not. */
const ofPlatform = [
  "ai",
  "analytics_engine_datasets",
  "browser",
  "d1_databases",
  "hyperdrive",
  "kv_namespaces",
  "queues",
  "r2_buckets",
  "send_email",
  "services",
  "triggers",
  "vectorize",
  "workflows",
];

/** The parts of a configuration that a machine of one's own does not have, as `triggers`. */
export function leftOut(configuration: object): string[] {
  return ofPlatform.filter((name) => isGiven((configuration as Record<string, unknown>)[name]));
}

/** wrangler fills in what is not given: by empty lists, also in objects. */
function isGiven(value: unknown): boolean {
  return typeof value === "object" && value !== null ? Object.values(value).some(isGiven) : value !== undefined;
}
