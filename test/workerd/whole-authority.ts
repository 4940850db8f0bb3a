import type { Authority } from "../../src/index.ts";
import type { allParts } from "../../src/parts/index.ts";
import type { courierObject } from "../../src/objects/courier.ts";
import type { MetricsObject } from "../../src/objects/metrics.ts";
import type { partitionObject } from "../../src/objects/partition.ts";
import type { tenantObject } from "../../src/objects/tenant.ts";

/** An authority with all that its classes have; the types of the package have less. */
export type WholeAuthority = Omit<
  Authority<typeof allParts>,
  "PartitionObject" | "TenantObject" | "CourierObject" | "MetricsObject"
> & {
  PartitionObject: ReturnType<typeof partitionObject>;
  TenantObject: ReturnType<typeof tenantObject>;
  CourierObject: ReturnType<typeof courierObject>;
  MetricsObject: typeof MetricsObject;
};
