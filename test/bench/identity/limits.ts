/** More than the load generator reaches, so that only the cost of checking limits is measured. */
const plenty = { perSecond: 1_000_000, burst: 100_000_000 };

/** The limits of the Workers of the measure `identity`. */
export const limits = {
  principal: plenty,
  principalBytes: { perSecond: 1e9, burst: 1e12 },
  tenant: plenty,
  newPartitions: plenty,
  newPartitionsPerPrincipal: plenty,
  connectionsPerPrincipal: null,
};
