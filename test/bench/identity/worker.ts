// The Worker of the measure `identity`: the deployed one, with other limits.
import { models } from "../../../src/app.ts";
import { createAuthority } from "../../../src/index.ts";
import { allParts } from "../../../src/parts/index.ts";

/** More than the load generator reaches, so that only the cost of checking limits is measured. */
const plenty = { perSecond: 1_000_000, burst: 100_000_000 };
const authority = createAuthority({
  models,
  limits: {
    principal: plenty,
    tenant: plenty,
    newPartitions: plenty,
    newPartitionsPerPrincipal: plenty,
    connectionsPerPrincipal: null,
  },
  parts: allParts,
});

export const { PartitionObject, TenantObject, CourierObject, MetricsObject } = authority;
export default authority.worker;
