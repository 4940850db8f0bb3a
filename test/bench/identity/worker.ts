// The Worker of the measure `identity`: the deployed one, with other limits.
import { models } from "../../../src/app.ts";
import { createAuthority } from "../../../src/index.ts";
import { allParts } from "../../../src/parts/index.ts";
import { limits } from "./limits.ts";

const authority = createAuthority({
  models,
  limits,
  parts: allParts,
});

export const { PartitionObject, TenantObject, CourierObject, MetricsObject } = authority;
export default authority.worker;
