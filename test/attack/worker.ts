// The Worker that is attacked: the deployed one, but for the rates of a tenant, which a prepared partition would meet first.
import { models } from "../../src/app.ts";
import { createAuthority } from "../../src/index.ts";

const plenty = { perSecond: 1_000_000, burst: 100_000_000 };
const authority = createAuthority({ models, limits: { tenant: plenty, newPartitions: plenty } });

export const { PartitionObject, TenantObject, CourierObject } = authority;
export default authority.worker;
