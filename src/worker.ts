import { effects, models } from "./app.ts";
import { createAuthority } from "./index.ts";
import { allParts } from "./parts/index.ts";

const authority = createAuthority({ effects, models, parts: allParts });

export const { PartitionObject, TenantObject, CourierObject, MetricsObject } = authority;
export default authority.worker;
