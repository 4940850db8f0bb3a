// The Worker of the measure `identity`: the one that is deployed, but for what its clients may do.
import { models } from "../../../src/app.ts";
import { createAuthority } from "../../../src/index.ts";

/** More than a load generator reaches: what is measured is what looking at limits costs. */
const plenty = { perSecond: 1_000_000, burst: 100_000_000 };
const authority = createAuthority({
  models,
  limits: { principal: plenty, tenant: plenty, newPartitions: plenty, connectionsPerPrincipal: null },
});

export const { PartitionObject, TenantObject } = authority;
export default authority.worker;
