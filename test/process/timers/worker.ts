import { createAuthority } from "../../../src/index.ts";
import { clock, clockEffects } from "./model.ts";

const authority = createAuthority({ models: { "*": clock }, effects: [clockEffects] });
export const { PartitionObject, TenantObject, CourierObject, MetricsObject } = authority;
export default authority.worker;
