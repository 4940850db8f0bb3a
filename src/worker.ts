import { effects, models } from "./app.ts";
import { createAuthority } from "./index.ts";

const authority = createAuthority({ effects, models });

export const { PartitionObject, TenantObject, CourierObject, MetricsObject } = authority;
export default authority.worker;
