// A Worker whose partitions are inventories: the deployed one with another model.
import { createAuthority } from "../../../src/index.ts";
import { allParts } from "../../../src/parts/index.ts";
import { inventory } from "../../../src/models/inventory/index.ts";

const authority = createAuthority({ models: { "*": inventory }, parts: allParts });

export const { PartitionObject, TenantObject, CourierObject, MetricsObject } = authority;
export default authority.worker;
